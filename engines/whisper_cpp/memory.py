"""What a configuration will take, from the model's facts: weights, KV caches, compute buffers, logits, process.

The sizes of caches and buffers are those that whisper.cpp 1.8 logs when it loads the shapes of tiny, base and small, to
1 %. The sum is a bound, which decides that a configuration cannot fit: it counts the decoder's buffer for a full prompt
and the caches of all candidates. Compared with the measured peak of a worker that transcribes clips, for tiny and base
in F16 and Q5_1 with and without flash attention, it is 1.2 to 1.4 times the peak over a whole window, and up to 1.7
times where the window is cut to short clips. Nothing measured lay above it.
"""

from __future__ import annotations

from engines.base import Capabilities, MemoryPrediction, Model
from engines.whisper_cpp.settings import WINDOW_S, audio_ctx, uses_beams
from search_spaces.parameter import Params

_MIB = 1024 * 1024
_PROCESS_MIB = 120.0
"""Python, numpy, the library and seven minutes of clips in memory, measured."""
_DEVICE_CONTEXT_MIB = 400.0
"""A CUDA context and its kernels; order of magnitude."""
_F16, _F32 = 2, 4
_OWN_TOKENS = 8
"""Of a prompt: start, language, task, timestamps, one for each decoder."""


def predict_memory(model: Model, params: Params, capabilities: Capabilities) -> MemoryPrediction:
    """The peak of `params` on host and device. Knobs that are absent count at the library's defaults."""
    quantization = str(params.get("quantization", model.native))
    weights = float(model.facts.get(f"file_mib_{quantization}", model.facts[f"file_mib_{model.native}"]))
    states = int(params.get("n_processors", 1))
    kv_cache, compute = states * _kv_mib(model, params), states * _compute_mib(model, params)
    parts = {"weights": weights, "kv_cache": kv_cache, "compute": compute}
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


def _compute_mib(model: Model, params: Params) -> float:
    text = int(model.facts["n_text_ctx"])
    prompt = min(int(params.get("n_max_text_ctx", text)), text // 2) + _OWN_TOKENS
    return sum(compute_bytes(model, params, prompt).values()) / _MIB


def compute_bytes(model: Model, params: Params, tokens: int) -> dict[str, float]:
    """The compute buffers as whisper.cpp's log names them, for a prompt of `tokens`.

    The encoder's is for its positions, all pairs of which are scored at once unless flash attention is on. A clip may
    be as long as the window. The decoder computes the logits of all tokens of a prompt. The rest of each sum is fitted.
    """
    facts = model.facts
    width, heads, most = int(facts["n_audio_state"]), int(facts["n_audio_head"]), int(facts["n_audio_ctx"])
    positions = audio_ctx(params, WINDOW_S, most) or most
    scores = 3 * positions * width if params.get("flash_attn", True) else heads * positions * positions
    return {
        "conv": _F32 * 4 * most * width + 4.0e6,
        "encode": _F32 * (4 * positions * width + scores) + 1.6e6,
        "cross": _F32 * positions * width + 1.6e6,
        "decode": _F32 * tokens * (int(facts["n_vocab"]) + 2 * int(facts["n_text_state"]) + 890),
    }


def _logits_mib(model: Model) -> float:
    """Logits, probabilities and their logarithms of up to eight decoders, and room to sort them."""
    return _F32 * int(model.facts["n_vocab"]) * 32 / _MIB


def _padded(positions: int) -> int:
    return -(-positions // 256) * 256
