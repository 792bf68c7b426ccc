"""What a configuration will take, from the model's facts: weights, KV caches, compute buffers, logits, process.

The formulas follow what whisper.cpp 1.8 allocates when it loads (its log tells the sizes); they were compared with the
log for the shapes of tiny, base and small.
"""

from __future__ import annotations

from engines.base import Capabilities, MemoryPrediction, Model
from engines.whisper_cpp.settings import uses_beams
from search_spaces.parameter import Params

_MIB = 1024 * 1024
_PROCESS_MIB = 120.0
"""Python, numpy, the library and the clips in memory, measured."""
_DEVICE_CONTEXT_MIB = 400.0
"""A CUDA context and its kernels; order of magnitude."""
_F16, _F32 = 2, 4


def predict_memory(model: Model, params: Params, capabilities: Capabilities) -> MemoryPrediction:
    """The peak of `params` on host and device. Knobs that are absent count at the library's defaults."""
    quantization = str(params.get("quantization", model.native))
    weights = float(model.facts.get(f"file_mib_{quantization}", model.facts[f"file_mib_{model.native}"]))
    states = int(params.get("n_processors", 1))
    parts = {"weights": weights, "kv_cache": states * _kv_mib(model, params), "compute": states * _compute_mib(model)}
    on_device = bool(capabilities.facts.get("gpu_count")) and bool(params.get("use_gpu", True))
    host = {"process": _PROCESS_MIB, "logits": states * _logits_mib(model), **({} if on_device else parts)}
    device = {**parts, "context": _DEVICE_CONTEXT_MIB} if on_device else {}
    return MemoryPrediction(sum(host.values()), sum(device.values()), {**host, **device})


def _kv_mib(model: Model, params: Params) -> float:
    """Self-attention of every decoder, cross-attention, and the encoder's padding, in 16 bits."""
    facts = model.facts
    width, layers = int(facts["n_text_state"]), int(facts["n_text_layer"])
    decoders = max(int(params.get("beam_size", 5)) if uses_beams(params) else 1, int(params.get("best_of", 5)))
    # The cache is made anew, with two to spare, once several decoders run: with beams, or when a fallback samples.
    copies = decoders + 2 if decoders > 1 and (uses_beams(params) or params.get("temperature_fallback", True)) else 1
    own = 2 * _padded(int(facts["n_text_ctx"])) * width * layers * copies
    cross = 2 * _padded(int(facts["n_audio_ctx"])) * width * layers
    padding = 2 * _padded(int(facts["n_audio_ctx"])) * int(facts["n_audio_state"])
    return _F16 * (own + cross + padding) / _MIB


def _compute_mib(model: Model) -> float:
    """The encoder's buffers for a full window without flash attention, whose scores dominate; and the decoder's."""
    facts = model.facts
    context, width, heads = int(facts["n_audio_ctx"]), int(facts["n_audio_state"]), int(facts["n_audio_head"])
    encoder = _F32 * (heads * context * context + 8 * context * width)
    decoder = _F32 * int(facts["n_text_ctx"]) * (int(facts["n_vocab"]) + 8 * int(facts["n_text_state"]))
    return (encoder + decoder) / _MIB


def _logits_mib(model: Model) -> float:
    return _F32 * int(model.facts["n_vocab"]) * 32 / _MIB


def _padded(positions: int) -> int:
    return -(-positions // 256) * 256
