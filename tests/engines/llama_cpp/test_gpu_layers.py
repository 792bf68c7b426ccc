"""What stock has on GPUs of several sizes. The devices are simulated; the model has the figures of an 8 B llama."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from engines.base import Capabilities, Model, WorkItem, Workload
from engines.llama_cpp import LlamaCppEngine
from engines.llama_cpp.gpu_layers import MARGIN_MIB, offload_that_fits
from engines.llama_cpp.memory import predict_memory
from search_spaces.parameter import Params
from search_spaces.space import SearchSpace
from tuner.core.study_config import Budget, StudyConfig
from tuner.measure.preparation import bound_space

GIB = 1024.0
LAYERS = 32
FACTS = {
    "n_layers": LAYERS, "n_embd": 4096, "n_ff": 14336, "n_heads": 32, "n_vocab": 128256, "n_ctx": 8192,
    "kv_width_k": 1024 * LAYERS, "kv_width_v": 1024 * LAYERS, "layer_share": 0.869, "output_share": 0.065,
    "largest_share": 0.0073, "output_tied": False, "file_mib_F16": 15317.0, "file_mib_Q4_K_M": 4693.0,
}  # fmt: skip
MODEL = Model("8b", "8b", "0" * 64, {"F16": "", "Q4_K_M": ""}, "F16", "F16", FACTS)
WORKLOAD = Workload("chat", (WorkItem("a", {}),), facts={"longest_prompt": 300})


def machine(*free_gib: float) -> Capabilities:
    """A machine with GPUs that have so much free."""
    facts = {
        "cpu_cores": 8, "default_n_threads": 4, "default_n_threads_batch": 8, "gpu_offload": True,
        "gpu_count": len(free_gib), "gpu_free_mib": ",".join(f"{GIB * free:.0f}" for free in free_gib),
    }  # fmt: skip
    return Capabilities(facts, {"version": "1", "build": "b"})


def space(here: Capabilities, model: Model = MODEL, **config: Any) -> SearchSpace:
    asked = {"params": {}, **config}
    study = StudyConfig("llm", "llama_cpp", {}, {}, ("response_s",), {}, Budget(), (), **asked)
    return bound_space(LlamaCppEngine(), study, here, model, WORKLOAD)


def taken_mib(params: Params, here: Capabilities, model: Model = MODEL) -> float:
    """What is predicted for one GPU without its context, which is taken off what is free already."""
    predicted = predict_memory(model, params, here)
    without = predict_memory(model, {**params, "n_gpu_layers": 0, "op_offload": False}, here)
    assert without.device_mib == 0
    return predicted.device_mib - 400.0


@pytest.mark.parametrize("free_gib", [4, 5.5, 7.2, 11, 15, 16])
def test_on_one_gpu_stock_has_the_most_layers_that_leave_the_margin(free_gib: float) -> None:
    here = machine(free_gib)
    bound = space(here)
    stock = bound.stock_configuration()
    layers = int(stock["n_gpu_layers"])
    assert 0 < layers < LAYERS + 1
    assert taken_mib(stock, here) <= GIB * free_gib - MARGIN_MIB
    assert taken_mib({**stock, "n_gpu_layers": layers + 1}, here) > GIB * free_gib - MARGIN_MIB
    assert f"stock has {layers} of {LAYERS + 1} layers on the GPU" in bound.notes[-1]


def test_the_larger_the_gpu_the_more_layers_up_to_all() -> None:
    found = [int(space(machine(free)).stock_configuration()["n_gpu_layers"]) for free in range(1, 25)]
    assert found == sorted(found)
    assert (found[0], found[-1]) == (0, LAYERS + 1)
    assert space(machine(80)).notes == ()


def test_a_gpu_that_has_no_room_or_does_not_tell_its_memory_gets_no_layer() -> None:
    for free in (0.0, 0.5):
        stock = space(machine(free)).stock_configuration()
        assert (stock["n_gpu_layers"], stock["flash_attn"]) == (0, True)


def test_the_layers_are_those_of_the_quantization_that_is_run() -> None:
    layers = {
        quantization: space(machine(8), baseline={"quantization": quantization}).stock_configuration()["n_gpu_layers"]
        for quantization in ("F16", "Q4_K_M")
    }
    assert layers["Q4_K_M"] == LAYERS + 1 > layers["F16"]


def test_what_the_user_fixed_counts_and_stays() -> None:
    assert space(machine(8), params={"n_gpu_layers": 20}).stock_configuration()["n_gpu_layers"] == 20
    usual, batches = (
        int(space(machine(12), params=params).stock_configuration()["n_gpu_layers"])
        for params in ({}, {"n_ubatch": 2048, "n_batch": 2048})
    )
    assert batches < usual


def test_as_the_baseline_it_is_what_fits_too() -> None:
    stock = space(machine(8)).stock_configuration()
    bound = space(machine(8), baseline_from="stock")
    assert dict(bound.baseline) == stock == bound.stock_configuration()
    assert bound.digest != space(machine(12), baseline_from="stock").digest
    assert space(machine(8)).digest == space(machine(12)).digest, "what people run makes no other space"


@pytest.mark.parametrize("free_gib", [(8, 8), (24, 8), (8, 24), (2, 12), (12, 0.5), (6, 6, 6), (5, 3, 4, 2)])
def test_on_several_gpus_each_keeps_the_margin(free_gib: tuple[float, ...]) -> None:
    stock = space(machine(*free_gib)).stock_configuration()
    offload = offload_that_fits(MODEL, stock, [GIB * free for free in free_gib])
    assert stock["n_gpu_layers"] == sum(offload.layers) > 0
    assert stock["tensor_split"] == ("auto" if offload.by_free_memory else ":".join(map(str, offload.layers)))
    a_layer_mib = 15317 * 0.869 / LAYERS + 2 * 2 * 8192 * 1024 / 2**20
    for free, layers in zip(free_gib, offload.layers, strict=True):
        assert (layers - 1) * a_layer_mib <= max(0.0, GIB * free - MARGIN_MIB)
    if sum(offload.layers) <= LAYERS:
        last = max(gpu for gpu, layers in enumerate(offload.layers) if layers)
        assert all(
            layers == 0 or GIB * free_gib[gpu] - layers * a_layer_mib < MARGIN_MIB + 2200
            for gpu, layers in enumerate(offload.layers)
            if gpu <= last
        ), "none is left with room for layers that are on the host"


def test_gpus_with_room_for_all_share_it_as_llama_cpp_does_by_itself() -> None:
    offload = offload_that_fits(MODEL, {"flash_attn": True}, [24 * GIB, 8 * GIB])
    assert (offload.layers, offload.split) == ((25, 8), "auto")


def test_a_mixture_of_experts_says_what_a_server_would_do_instead() -> None:
    experts = replace(MODEL, facts={**FACTS, "n_experts": 64})
    assert "experts alone on the host" in space(machine(8), experts).notes[-1]
    assert space(machine(40), experts).notes == ()


def test_a_tied_output_is_the_embedding_once_more() -> None:
    """As for Gemma: the host keeps the embedding, the device has a copy of it."""
    tied = replace(MODEL, facts={**FACTS, "output_tied": True, "output_share": 0.131, "layer_share": 0.869})
    whole = {"n_gpu_layers": -1, "flash_attn": True}
    on_host, nothing = predict_memory(tied, whole, machine(40)), predict_memory(tied, {}, Capabilities({}, {}))
    assert on_host.parts_mib["weights"] == pytest.approx(nothing.parts_mib["weights"] * 1.131)
    assert taken_mib(whole, machine(40), tied) - taken_mib(whole, machine(40)) == pytest.approx(15317 * (0.131 - 0.065))


def test_without_a_gpu_there_is_nothing_to_fit() -> None:
    here = Capabilities({"cpu_cores": 8, "default_n_threads": 4, "gpu_offload": False}, {"version": "1", "build": "b"})
    bound = space(here)
    assert "n_gpu_layers" not in bound.stock_configuration()
    assert bound.notes == ()
