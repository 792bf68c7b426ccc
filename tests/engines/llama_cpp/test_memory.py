from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engines.base import Capabilities, Model
from engines.llama_cpp import LlamaCppEngine
from engines.llama_cpp.library import LOG
from engines.llama_cpp.loading import load
from engines.llama_cpp.memory import predict_memory
from tests.engines.llama_cpp.conftest import quiet
from tests.engines.llama_cpp.gguf_builder import Shape, write_model

SHAPES = {
    "deep": Shape(embd=256, layers=6, heads=8, kv_heads=8, ffn=256, vocab=320),
    "wide": Shape(embd=512, layers=2, heads=4, kv_heads=1, ffn=4096, vocab=320),
    "wordy": Shape(embd=256, layers=2, heads=2, kv_heads=2, ffn=512, vocab=20000),
}


@pytest.fixture(scope="module")
def models(engine: LlamaCppEngine, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Model]:
    folder = tmp_path_factory.mktemp("shapes")
    paths = {name: write_model(folder / f"{name}.gguf", shape) for name, shape in SHAPES.items()}
    return {name: engine.resolve_model({"source": str(path)}, quiet) for name, path in paths.items()}


def reserved_mib(model: Model, params: dict[str, Any], kind: str) -> float:
    """What llama.cpp logs that it reserves for `compute` or `KV`."""
    llama = load(model.variants["F16"], params, int(model.facts["n_ctx"]))
    lines = [line for line in LOG.lines if f"{kind} buffer size" in line]
    llama.close()
    return sum(float(line.rsplit("=", 1)[1].split()[0]) for line in lines)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"flash_attn": True},
        {"n_batch": 1024, "n_ubatch": 1024},
        {"n_batch": 256, "n_ubatch": 1024, "flash_attn": True},
        {"n_ubatch": 64},
    ],
)
def test_the_compute_buffer_is_what_llama_cpp_reserves(
    models: dict[str, Model], capabilities: Capabilities, shape: str, params: dict[str, Any]
) -> None:
    predicted = predict_memory(models[shape], params, capabilities).parts_mib["compute"]
    assert predicted == pytest.approx(reserved_mib(models[shape], params, "compute"), rel=0.1, abs=1.0)


@pytest.mark.parametrize("types", [("f16", "f16"), ("q8_0", "q8_0"), ("q4_0", "f16"), ("q8_0", "q4_0")])
def test_the_kv_cache_is_what_llama_cpp_reserves(
    models: dict[str, Model], capabilities: Capabilities, types: tuple[str, str]
) -> None:
    params = {"flash_attn": True, "type_k": types[0], "type_v": types[1]}
    predicted = predict_memory(models["deep"], params, capabilities).parts_mib["kv_cache"]
    assert predicted == pytest.approx(reserved_mib(models["deep"], params, "KV"), rel=0.01)


def test_weights_follow_the_quantization(models: dict[str, Model], capabilities: Capabilities) -> None:
    model = models["deep"]
    whole = predict_memory(model, {}, capabilities).parts_mib["weights"]
    assert whole == pytest.approx(Path(model.variants["F16"]).stat().st_size / 2**20, rel=0.01)
    assert predict_memory(model, {"quantization": "Q8_0"}, capabilities).parts_mib["weights"] < 0.6 * whole


def test_the_layout_that_the_cpu_prefers_is_a_copy(tiny: Model, capabilities: Capabilities) -> None:
    repacking = replace(capabilities, build={**capabilities.build, "features": "CPU : REPACK = 1"})
    plain = replace(capabilities, build={**capabilities.build, "features": "CPU : AVX = 1"})
    with_copy = predict_memory(tiny, {"quantization": "Q4_0"}, repacking).parts_mib["weights"]
    without = predict_memory(tiny, {"quantization": "Q4_0"}, plain).parts_mib["weights"]
    assert with_copy > 1.9 * without
    unmapped = predict_memory(tiny, {"quantization": "Q4_0", "use_mmap": False}, repacking).parts_mib["weights"]
    assert unmapped == without


def test_speculation_keeps_the_logits_of_the_context(models: dict[str, Model], capabilities: Capabilities) -> None:
    parts = predict_memory(models["wordy"], {"speculation_tokens": 4}, capabilities).parts_mib
    assert parts["logits"] == pytest.approx((4096 + 512) * 20000 * 4 / 2**20)
    assert predict_memory(models["wordy"], {"speculation_tokens": 0}, capabilities).parts_mib["logits"] < 0.1


def test_layers_move_from_host_to_device(models: dict[str, Model], capabilities: Capabilities) -> None:
    model = models["deep"]
    with_gpu = replace(capabilities, facts={**capabilities.facts, "gpu_offload": True, "gpu_count": 1})
    none = predict_memory(model, {"n_gpu_layers": 0, "op_offload": False}, with_gpu)
    output = predict_memory(model, {"n_gpu_layers": 1}, with_gpu)
    half = predict_memory(model, {"n_gpu_layers": 4}, with_gpu)
    whole = predict_memory(model, {"n_gpu_layers": 7}, with_gpu)
    assert none.device_mib == 0
    assert 0 < output.device_mib < half.device_mib < whole.device_mib
    assert none.host_mib > output.host_mib > half.host_mib > whole.host_mib
    assert half.parts_mib["kv_cache"] == pytest.approx(none.parts_mib["kv_cache"])
    computed_there = predict_memory(model, {"n_gpu_layers": 0}, with_gpu)
    assert computed_there.host_mib == none.host_mib
    assert computed_there.device_mib > 400, "operations of layers on the host are computed there"
    assert predict_memory(model, {"n_gpu_layers": -1}, with_gpu) == whole
    kept = predict_memory(model, {"n_gpu_layers": 7, "offload_kqv": False}, with_gpu)
    assert kept.host_mib - whole.host_mib == pytest.approx(none.parts_mib["kv_cache"])
    assert predict_memory(model, {"n_gpu_layers": 7}, capabilities).device_mib == 0


def test_a_longer_context_takes_more(models: dict[str, Model], capabilities: Capabilities) -> None:
    model = models["deep"]
    double = replace(model, facts={**model.facts, "n_ctx": 8192})
    assert predict_memory(double, {}, capabilities).parts_mib["kv_cache"] == pytest.approx(
        2 * predict_memory(model, {}, capabilities).parts_mib["kv_cache"]
    )
    odd = replace(model, facts={**model.facts, "n_ctx": 4000})
    assert predict_memory(odd, {}, capabilities).parts_mib["kv_cache"] == pytest.approx(
        predict_memory(model, {}, capabilities).parts_mib["kv_cache"]
    )
