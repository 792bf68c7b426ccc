"""From parameters to the arguments of llama-cpp-python: the one table that sessions and exports share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engines.errors import UnsupportedError
from search_spaces.errors import unknown_name
from search_spaces.parameter import Params, Value

DIRECT = (
    "n_threads", "n_threads_batch", "n_batch", "n_ubatch", "flash_attn", "n_gpu_layers", "offload_kqv", "op_offload",
    "use_mmap", "use_mlock", "main_gpu",
)  # fmt: skip
"""Knobs that are keyword arguments of `llama_cpp.Llama` by the same name and value."""
CACHE_TYPES = {"f32": 0, "f16": 1, "bf16": 30, "q8_0": 8, "q4_0": 2, "q4_1": 3, "q5_0": 6, "q5_1": 7}
"""GGML_TYPE_* numbers of ggml.h."""
NUMA = {"disabled": 0, "distribute": 1, "isolate": 2, "numactl": 3}
"""GGML_NUMA_STRATEGY_* numbers of ggml-cpu.h."""
SPLIT_MODES = {"none": 0, "layer": 1, "row": 2, "tensor": 3}
"""LLAMA_SPLIT_MODE_* numbers of llama.h."""
NAMED = {"type_k": CACHE_TYPES, "type_v": CACHE_TYPES, "numa": NUMA, "split_mode": SPLIT_MODES}
"""Knobs whose values are names, and the numbers that the library takes for them."""
OTHERS = ("quantization", "tensor_split", "speculation_tokens", "sampling")
KNOBS = (*DIRECT, *NAMED, *OTHERS)
LOOKUP_NGRAM = 2
"""`max_ngram_size` of LlamaPromptLookupDecoding, left at its default: llama_cpp.server cannot set it."""
AUTOMATIC_SPLIT, EVEN_SPLIT = "auto", "even"
_MOST_DEVICES = 15
"""One below LLAMA_MAX_DEVICES: llama-server takes no more proportions. Those of absent devices are ignored."""
SAMPLING: Mapping[str, Mapping[str, Any]] = {
    "greedy": {"temperature": 0.0},
    "top_k_top_p": {"temperature": 0.2, "top_k": 40, "top_p": 0.95, "min_p": 0.05},
}
"""Arguments of `create_chat_completion`; the second are its own defaults, so the baseline's."""
DEFAULT_SAMPLING = "top_k_top_p"


def model_arguments(params: Params, n_ctx: int) -> dict[str, Any]:
    """Keyword arguments of `llama_cpp.Llama` that are plain data. A knob that is absent is left to the library.

    Speculation is not among them, for it needs an object: see `speculation_tokens`. Raises TunerError for a knob or
    value that the engine does not have.
    """
    arguments: dict[str, Any] = {"n_ctx": n_ctx}
    for knob, value in params.items():
        if knob not in KNOBS:
            raise unknown_name("knob of llama_cpp", knob, KNOBS)
        if knob in DIRECT:
            arguments[knob] = value
        elif knob in NAMED:
            arguments[knob] = _number(knob, value)
    split = tensor_split(params)
    if split is not None:
        arguments["tensor_split"] = split
    return arguments


def tensor_split(params: Params) -> list[float] | None:
    """`tensor_split` as proportions ("3:1" → [3, 1]); None for `auto`, by free memory, which is the library's own."""
    text = str(params.get("tensor_split", AUTOMATIC_SPLIT))
    if text == AUTOMATIC_SPLIT:
        return None
    if text == EVEN_SPLIT:
        return [1.0] * _MOST_DEVICES
    try:
        return [float(part) for part in text.split(":")]
    except ValueError as error:
        raise UnsupportedError(f"tensor_split is {text!r}", "give proportions such as 3:1, auto or even") from error


def speculation_tokens(params: Params) -> int:
    """Tokens that prompt lookup proposes at a time; 0 is off."""
    return int(params.get("speculation_tokens", 0))


def sampling(params: Params) -> Mapping[str, Any]:
    """Arguments of `create_chat_completion` for the `sampling` knob."""
    name = str(params.get("sampling", DEFAULT_SAMPLING))
    if name not in SAMPLING:
        raise unknown_name("sampling", name, SAMPLING)
    return SAMPLING[name]


def _number(knob: str, value: Value) -> int:
    names = NAMED[knob]
    if str(value) not in names:
        raise unknown_name(knob, str(value), names)
    return names[str(value)]
