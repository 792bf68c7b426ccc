"""The space of CosyVoice: what is off and why, and that no two knobs meet that exclude each other."""

from random import Random

import pytest

from search_spaces.parameter import Params, Value
from search_spaces.space import SearchSpace
from search_spaces.template import load_template

GPU: dict[str, Value] = {
    "cuda": True,
    "bf16": True,
    "tf32": True,
    "tensorrt_major": 10,
    "tensorrt_version": "10.13.3.9",
    "vllm": True,
    "flash_attn": True,
    "flash_attn_gpu": True,
    "sdpa_kernels": "auto,math,flash,efficient,cudnn",
    "cosyvoice_version": 2,
    "jit_files": True,
    "estimator_onnx": True,
}


def space(**facts: Value) -> SearchSpace:
    return load_template("tts_cosyvoice").bind({"cpu_cores": 4, "default_n_threads": 4, **facts})


def test_on_a_gpu_with_everything_installed_nothing_is_off() -> None:
    assert not space(**GPU).off


def test_without_a_gpu_what_needs_one_is_off_with_the_reason() -> None:
    off = space().off
    assert {"fp16", "load_trt", "load_jit", "load_vllm", "flash_attention_2", "tf32", "cudnn_benchmark"} <= set(off)
    assert all("torch sees no CUDA device" in off[name] for name in ("fp16", "load_trt", "load_vllm", "tf32"))
    assert {"attention", "sdpa_kernel", "compile", "flow_steps", "stream", "n_threads"}.isdisjoint(off)


@pytest.mark.parametrize(
    ("knob", "facts", "said"),
    [
        ("load_trt", {"tensorrt_major": 0}, "pip install 'tensorrt-cu12<11'"),
        ("load_trt", {"tensorrt_major": 11, "tensorrt_version": "11.0.1"}, "TensorRT 11.0.1 lacks builder flags"),
        ("load_trt", {"estimator_onnx": False}, "export_onnx.py"),
        ("load_vllm", {"vllm": False}, "pip install 'vllm"),
        ("flash_attention_2", {"flash_attn": False}, "pip install flash-attn --no-build-isolation"),
        ("flash_attention_2", {"flash_attn_gpu": False}, "Ampere"),
        ("load_jit", {"cosyvoice_version": 3}, "CosyVoice 3 has no TorchScript path"),
        ("load_jit", {"jit_files": False}, "export_jit.py"),
        ("prompt_cached", {"prompt_front_end": False}, "read already"),
        ("compile", {"compiler": False}, "triton"),
        ("bf16", {"bf16": False}, "AVX-512 BF16"),
    ],
)
def test_what_is_lacking_is_named_with_the_command(knob: str, facts: dict[str, Value], said: str) -> None:
    assert said in space(**{**GPU, **facts}).off[knob]


def test_without_a_gpu_torch_compile_has_one_mode() -> None:
    bound = space(compile_modes="off,default")
    drawn = [bound.random(Random(n)) for n in range(50)]
    assert {params["compile"] for params in drawn} == {"off", "default"}
    assert {params.get("compile_module") for params in drawn if params["compile"] == "off"} == {None}
    assert {params["compile_module"] for params in drawn if params["compile"] != "off"} == {"flow", "llm", "both"}


def test_a_search_begins_with_what_leaves_the_audio_alone() -> None:
    bound = load_template("tts_cosyvoice").bind({"cpu_cores": 4, "default_n_threads": 2})
    assert bound.initial_configuration() == {**bound.baseline, "text_head": False, "n_threads": 4}


def test_converting_a_voice_leaves_out_what_is_the_llms() -> None:
    assert {"load_vllm", "text_head", "prompt_cached"} <= set(space(**GPU, voice_conversion=True).off)


def clashes(params: Params) -> list[str]:
    """The pairs of a configuration that the repository cannot do at once."""
    compiled = params.get("compile", "off") != "off"
    module = params.get("compile_module")
    pairs = {
        "fp16 and bf16": params["fp16"] and params["bf16"],
        "TensorRT and a compiled flow": params["load_trt"] and compiled and module in ("flow", "both"),
        "TensorRT and bf16": params["load_trt"] and params["bf16"],
        "vLLM and a compiled LLM": params["load_vllm"] and compiled and module in ("llm", "both"),
        "vLLM and no text head": params["load_vllm"] and not params["text_head"],
        "flash-attn in 32 bits": params["flash_attention_2"] and not params["fp16"] and not params["bf16"],
        "flash-attn and eager": params["flash_attention_2"] and params["attention"] == "eager",
        "one hop for many": params["stream"] and params["concurrency"] != 1 and params.get("hop_growth", 1) != 1,
    }
    return [name for name, clash in pairs.items() if clash]


def test_no_configuration_has_what_excludes_each_other() -> None:
    everything, rng = space(**GPU), Random(7)
    drawn = [everything.random(rng) for _ in range(1000)]
    assert not [clashes(params) for params in drawn if clashes(params)]
    for knob in ("load_trt", "load_vllm", "flash_attention_2", "bf16", "fp16"):
        assert any(params[knob] for params in drawn), f"{knob} is never tried"
    assert any(params["load_trt"] and params.get("compile_module") == "llm" for params in drawn)


def test_hop_knobs_are_for_streaming() -> None:
    assert "first_hop_tokens" not in space().baseline
    assert all("first_hop_tokens" in p for p in (space().random(Random(n)) for n in range(50)) if p["stream"])
