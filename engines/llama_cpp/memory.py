"""What a configuration will take, from the model's facts: weights, KV cache, compute buffer, logits, process.

It predicts what llama.cpp reserves, so that a configuration that fits still fits when production fills the context. A
short benchmark touches less of the compute buffer than is reserved. The compute buffer's formula was fitted to the
sizes that llama.cpp 0.5 logs for ten shapes: exact without flash attention, within a fifth with it.
"""

from __future__ import annotations

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


def predict_memory(model: Model, params: Params, capabilities: Capabilities) -> MemoryPrediction:
    """The peak of `params` on host and devices. Knobs that are absent count at llama-cpp-python's defaults."""
    weights = _weights_mib(model, params)
    on_device, output_on_device = _layers_on_device(model, params, capabilities)
    layer_share = float(model.facts.get("layer_share", 1.0))
    # Outside the layers there are the output, which can go to a device, and the embedding, which never does.
    device_share = on_device * layer_share + output_on_device * (1.0 - layer_share) / 2
    kv_on_device = on_device if params.get("offload_kqv", True) else 0.0
    kv, compute, logits = _kv_cache_mib(model, params), _compute_mib(model, params), _logits_mib(model, params)
    repacked = _repacked_mib(model, params, weights * (1.0 - device_share), capabilities)
    host = {
        "weights": weights * (1.0 - device_share) + repacked,
        "kv_cache": kv * (1.0 - kv_on_device),
        "compute": 0.0 if output_on_device else compute,
        "logits": logits,
        "process": _PROCESS_MIB,
    }
    device = {
        "weights": weights * device_share,
        "kv_cache": kv * kv_on_device,
        "compute": compute if on_device else 0.0,
        "context": _DEVICE_CONTEXT_MIB if on_device else 0.0,
    }
    parts = {name: host.get(name, 0.0) + device.get(name, 0.0) for name in {**host, **device}}
    return MemoryPrediction(sum(host.values()), sum(device.values()), parts)


def _weights_mib(model: Model, params: Params) -> float:
    """The size of the variant's file, known or predicted when the model was resolved."""
    quantization = str(params.get("quantization", model.native))
    return float(model.facts.get(f"file_mib_{quantization}", model.facts[f"file_mib_{model.native}"]))


def _layers_on_device(model: Model, params: Params, capabilities: Capabilities) -> tuple[float, bool]:
    """The share of the layers that goes to the devices, and whether the output, one more layer to llama.cpp, does."""
    if not capabilities.facts.get("gpu_offload"):
        return 0.0, False
    asked, layers = int(params.get("n_gpu_layers", 0)), max(1, int(model.facts["n_layers"]))
    return (1.0, True) if asked < 0 else (min(asked, layers) / layers, asked > layers)


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
    batch = min(_batch(model, params), int(params.get("n_ubatch", _DEFAULT_BATCH)))
    width, layers = int(facts["n_embd"]), max(1, int(facts["n_layers"]))
    keys_and_values = (int(facts["kv_width_k"]) + int(facts["kv_width_v"])) / layers
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
