"""What a configuration will take, from the model's facts: weights, what an utterance needs, process.

The sum is a bound, which decides that a configuration cannot fit. While it is loaded, the file's weights and those that
they are converted to are there at once. With whisper tiny.en it is 1.05 times the measured peak in float32 and 1.15
times in int8.
"""

from __future__ import annotations

from engines.base import Capabilities, MemoryPrediction, Model
from engines.faster_whisper.library import CPU
from engines.faster_whisper.settings import DEFAULT_BATCH_SIZE
from search_spaces.parameter import Params

_MIB = 1024 * 1024
_PROCESS_MIB = 190.0
"""Python, numpy, the libraries and minutes of clips in memory, measured."""
_DEVICE_CONTEXT_MIB = 600.0
"""A CUDA context with cuBLAS and cuDNN; order of magnitude."""
_ENCODER_COPIES = 24
"""Of one window's activations that the encoder holds at once: attention and layers of four times the width."""


def predict_memory(model: Model, params: Params, capabilities: Capabilities) -> MemoryPrediction:
    """The peak of `params` on host and device. Knobs that are absent count at the library's defaults."""
    facts, kind = model.facts, str(params.get("compute_type", model.facts["default_compute_type"]))
    # The output table is the input table, and yet another copy of it.
    table = int(facts["n_vocab"]) * int(facts["n_text_state"])
    weights = _weights_mib(int(facts["matrix_values"]) + table, int(facts["other_values"]), kind)
    parts = {"weights": weights, "kv_cache": _cache_mib(model, params), "compute": _compute_mib(model, params)}
    on_device = str(params.get("device", facts["default_device"])) != CPU
    file = {"file": float(facts["file_mib"])}
    host = {"process": _PROCESS_MIB, **file, **({} if on_device else parts)}
    device = {**parts, "context": _DEVICE_CONTEXT_MIB} if on_device else {}
    return MemoryPrediction(sum(host.values()), sum(device.values()), {**host, **device})


def _weights_mib(matrices: int, others: int, kind: str) -> float:
    """Eight bits are for the matrices, the rest is in the type beside them."""
    beside = 2 if kind.endswith("float16") else 4
    of_matrices = 1 if kind.startswith("int8") else beside
    return (of_matrices * matrices + beside * others) / _MIB


def _cache_mib(model: Model, params: Params) -> float:
    """Keys and values of every candidate's text, and of the sound that all of one window share, in 32 bits."""
    facts = model.facts
    width, layers = int(facts["n_text_state"]), int(facts["n_text_layer"])
    candidates = max(int(params.get("beam_size", 5)), int(params.get("best_of", 5)))
    positions = candidates * int(facts["n_text_ctx"]) + int(facts["n_audio_ctx"])
    return _windows(params) * 2 * 4 * layers * width * positions / _MIB


def _compute_mib(model: Model, params: Params) -> float:
    facts = model.facts
    encoder = _ENCODER_COPIES * int(facts["n_audio_ctx"]) * int(facts["n_audio_state"])
    logits = 4 * max(int(params.get("beam_size", 5)), int(params.get("best_of", 5))) * int(facts["n_vocab"])
    return _windows(params) * 4 * (encoder + logits) / _MIB


def _windows(params: Params) -> int:
    """How many are transcribed at once."""
    return int(params.get("batch_size", DEFAULT_BATCH_SIZE)) if params.get("batched") else 1
