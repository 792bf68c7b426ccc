"""What a configuration will take, from the model's facts: weights, KV cache, compute buffer, logits, process.

It predicts what llama.cpp reserves, so that a configuration that fits still fits when production fills the context. A
short benchmark touches less of the compute buffer than is reserved. The compute buffer's formula was fitted to the
sizes that llama.cpp 0.5 logs for ten shapes: exact without flash attention, within a fifth with it.
"""

from __future__ import annotations

from dataclasses import dataclass

from engines.base import Capabilities, MemoryPrediction, Model
from engines.llama_cpp.settings import speculation_tokens
from search_spaces.parameter import Params

_MIB = 1024 * 1024
_DEFAULT_BATCH = 512
_CONTEXT_STEP = 256
_BYTES_PER_NUMBER = {"f32": 4.0, "f16": 2.0, "bf16": 2.0, "q8_0": 34 / 32, "q4_0": 18 / 32, "q4_1": 20 / 32,
                     "q5_0": 22 / 32, "q5_1": 24 / 32}  # fmt: skip
"""Block sizes of ggml-common.h: 32 numbers and their scales."""
_REPACKED_SHARE = {"Q4_0": 0.98, "Q4_K_M": 0.8, "Q4_K_S": 0.95, "IQ4_NL": 0.95}
"""Share of a file that the CPU backend copies into another layout, beside the mapped file (measured on AVX-512)."""
_PROCESS_MIB = 50.0
"""Python, numpy and the library, measured."""
_DEVICE_CONTEXT_MIB = 400.0
"""A CUDA context and its kernels; order of magnitude."""
_PIPELINED = 4
"""GGML_SCHED_MAX_COPIES: batches that several devices work on at a time."""


@dataclass(frozen=True)
class Held:
    """What a device holds: how many of the model's layers, and whether the output, one layer more to llama.cpp."""

    layers: int
    output: bool


def predict_memory(model: Model, params: Params, capabilities: Capabilities) -> MemoryPrediction:
    """The peak of `params` on host and devices. Knobs that are absent count at llama-cpp-python's defaults."""
    devices, held = _devices(params, capabilities), _held(model, params, capabilities)
    whole, share = held.output and held.layers >= _layers(model), held.layers / _layers(model)
    weights, kv, compute = _weights_mib(model, params), _kv_cache_mib(model, params), _compute_mib(model, params)
    moved = 0.0 if model.facts.get("output_tied") else held.output * _output_share(model)
    on_host = weights * (1.0 - share * _layer_share(model) - moved)
    host = {
        "weights": on_host + _repacked_mib(model, params, on_host, capabilities),
        "kv_cache": kv * (1.0 - share * _keeps_kv(params)),
        "compute": 0.0 if whole else compute,
        "logits": _logits_mib(model, params),
        "process": _PROCESS_MIB,
    }
    device = dict.fromkeys(("weights", "kv_cache", "compute", "context"), 0.0)
    if devices and (held.output or params.get("op_offload", True)):
        device |= device_parts_mib(model, params, held, whole, devices)
        device |= {"compute": devices * device["compute"], "context": devices * _DEVICE_CONTEXT_MIB}
    parts = {name: host.get(name, 0.0) + device.get(name, 0.0) for name in {**host, **device}}
    return MemoryPrediction(sum(host.values()), sum(device.values()), parts)


def device_parts_mib(model: Model, params: Params, held: Held, whole: bool, devices: int = 1) -> dict[str, float]:
    """What one of `devices` takes that holds `held`, without its context; `whole` says that nothing is on the host.

    A tied output is the embedding once more. Where layers are left on the host and operations of theirs are computed
    here (`op_offload`), the compute buffer has room for a copy of their largest matrix. Several devices that hold all
    work on four batches at a time, each with a mask and a hidden state of its own.
    """
    share, compute = held.layers / _layers(model), _compute_mib(model, params)
    if not whole and params.get("op_offload", True):
        largest = float(model.facts.get("largest_share", 0.0))
        compute += _weights_mib(model, params) * (largest if held.output else max(largest, _output_share(model)))
    if whole and devices > 1:
        numbers = _context(model) + int(model.facts["n_embd"])
        compute += (_PIPELINED - 1) * 4 * _ubatch(model, params) * numbers / _MIB
    return {
        "weights": _weights_mib(model, params) * (share * _layer_share(model) + held.output * _output_share(model)),
        "kv_cache": _kv_cache_mib(model, params) * share * _keeps_kv(params),
        "compute": compute,
    }


def _devices(params: Params, capabilities: Capabilities) -> int:
    """How many devices compute."""
    if not capabilities.facts.get("gpu_offload"):
        return 0
    count = int(capabilities.facts.get("gpu_count", 0))
    return min(count, 1) if params.get("split_mode") == "none" else count


def _held(model: Model, params: Params, capabilities: Capabilities) -> Held:
    """What all devices hold together. llama.cpp offloads the output first, then the layers from the last one on."""
    asked = int(params.get("n_gpu_layers", 0)) if _devices(params, capabilities) else 0
    layers = _layers(model)
    return Held(layers, True) if asked < 0 else Held(min(max(asked - 1, 0), layers), asked > 0)


def _layers(model: Model) -> int:
    return max(1, int(model.facts["n_layers"]))


def _layer_share(model: Model) -> float:
    return float(model.facts.get("layer_share", 1.0))


def _output_share(model: Model) -> float:
    """Of the file. Where it is not known: outside of the layers there are the output and as large an embedding."""
    return float(model.facts.get("output_share", (1.0 - _layer_share(model)) / 2))


def _keeps_kv(params: Params) -> bool:
    return bool(params.get("offload_kqv", True))


def _weights_mib(model: Model, params: Params) -> float:
    """The size of the variant's file, known or predicted when the model was resolved."""
    quantization = str(params.get("quantization", model.native))
    return float(model.facts.get(f"file_mib_{quantization}", model.facts[f"file_mib_{model.native}"]))


def _repacked_mib(model: Model, params: Params, on_host_mib: float, capabilities: Capabilities) -> float:
    if "REPACK = 1" not in capabilities.build.get("features", "") or not params.get("use_mmap", True):
        return 0.0
    return _REPACKED_SHARE.get(str(params.get("quantization", model.native)), 0.0) * on_host_mib


def _context(model: Model) -> int:
    return -(-int(model.facts["n_ctx"]) // _CONTEXT_STEP) * _CONTEXT_STEP


def _kv_cache_mib(model: Model, params: Params) -> float:
    """Keys and values of every layer for a full context."""
    per_token = sum(
        int(model.facts[f"kv_width_{which}"]) * _BYTES_PER_NUMBER[str(params.get(f"type_{which}", "f16"))]
        for which in ("k", "v")
    )
    return _context(model) * per_token / _MIB


def _compute_mib(model: Model, params: Params) -> float:
    """The largest of three phases of one batch: attention, feed-forward, output. Numbers are 32-bit floats.

    Without flash attention the scores of all heads against a full context dominate; with it there are none, and the
    mask has 16 bits. How often the width counts follows from which intermediate results are alive together.
    """
    facts, context = model.facts, _context(model)
    batch, width = _ubatch(model, params), int(facts["n_embd"])
    keys_and_values = (int(facts["kv_width_k"]) + int(facts["kv_width_v"])) / _layers(model)
    if params.get("flash_attn"):
        mask, scores = context / 2, 0
    else:
        mask, scores = context, int(facts["n_heads"]) * context
    attention = scores + mask + 5 * width + keys_and_values
    feed_forward = mask + 4 * width + 3 * int(facts["n_ff"])
    output = 3 * width + int(facts["n_vocab"])
    return 4 * batch * max(attention, feed_forward, output) / _MIB


def _logits_mib(model: Model, params: Params) -> float:
    """With speculation the library keeps the logits of a batch, and copies those of the whole context."""
    rows = _batch(model, params) + _context(model) if speculation_tokens(params) else 1
    return 4.0 * rows * int(model.facts["n_vocab"]) / _MIB


def _batch(model: Model, params: Params) -> int:
    return min(int(model.facts["n_ctx"]), int(params.get("n_batch", _DEFAULT_BATCH)))


def _ubatch(model: Model, params: Params) -> int:
    return min(_batch(model, params), int(params.get("n_ubatch", _DEFAULT_BATCH)))
