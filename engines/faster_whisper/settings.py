"""From parameters to the arguments of faster-whisper: the one table that sessions and exports share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from engines.base import Model
from engines.faster_whisper.library import CPU
from engines.recognition.hearing import Decides
from search_spaces.errors import unknown_name
from search_spaces.parameter import Params

NAME = "faster_whisper"
LOAD = ("device", "compute_type", "cpu_threads", "num_workers")
"""Knobs that are keyword arguments of `faster_whisper.WhisperModel` by the same name and value."""
CALL = ("beam_size", "best_of", "vad_filter", "without_timestamps")
"""Knobs that are keyword arguments of `transcribe` by the same name and value."""
OTHERS = ("temperature_fallback", "batched", "batch_size")
KNOBS = (*LOAD, *CALL, *OTHERS)
FALLBACKS = ("temperature_fallback", "best_of")
"""Knobs that decide nothing unless the decoder falls back."""
SPEED_ONLY = ("cpu_threads", "num_workers")
"""Knobs that leave the transcripts as they are, but for the last bits of a sum."""
DEFAULT_BATCH_SIZE = 8
_DEFAULTS: Params = {
    "beam_size": 5, "best_of": 5, "vad_filter": False, "without_timestamps": False, "temperature_fallback": True,
    "batched": False, "batch_size": DEFAULT_BATCH_SIZE,
}  # fmt: skip
_OF_CPU = ("int8", "float32")
"""What differs on a CPU: where it has no 16 bits `int8` is `int8_float32`."""
_OF_GPU = ("int8_float32", "int8_float16", "int8_bfloat16", "bfloat16", "float16", "float32")


@dataclass(frozen=True)
class Arguments:
    """What a configuration means to faster-whisper: `model` for WhisperModel, `call` for `transcribe`.

    `batched` is whether BatchedInferencePipeline transcribes instead of the model itself.
    """

    model: Mapping[str, Any]
    call: Mapping[str, Any]
    batched: bool


def arguments(params: Params, language: str) -> Arguments:
    """The arguments of `params`; a knob that is absent is left to the library. Raises TunerError for an unknown one."""
    for knob in params:
        if knob not in KNOBS:
            raise unknown_name(f"knob of {NAME}", knob, KNOBS)
    model = {knob: params[knob] for knob in LOAD if knob in params}
    call: dict[str, Any] = {"language": language, **{knob: params[knob] for knob in CALL if knob in params}}
    if not params.get("temperature_fallback", True):
        call["temperature"] = 0.0
    batched = bool(params.get("batched"))
    if batched:
        call["batch_size"] = int(params.get("batch_size", DEFAULT_BATCH_SIZE))
        # The pipeline's own default, which is another than the model's.
        call.setdefault("vad_filter", False)
    return Arguments(model, call, batched)


def is_reference(model: Model, params: Params) -> bool:
    """Whether `params` transcribe as the reference does: the library's defaults, but for knobs of speed."""
    plain = _plain(model)
    return all(plain[name] == value for name, value in params.items() if name not in SPEED_ONLY)


def _plain(model: Model) -> Params:
    own = {"device": model.facts["default_device"], "compute_type": model.facts["default_compute_type"]}
    return {**_DEFAULTS, **own}


def decides(model: Model, params: Params) -> Decides:
    """What decides the text of any passage."""
    all_of_it = {**_plain(model), **params}
    in_fallbacks = () if all_of_it["batched"] else FALLBACKS
    unused = {*SPEED_ONLY, *FALLBACKS, *(() if all_of_it["batched"] else ("batch_size",))}
    always = {name: value for name, value in all_of_it.items() if name not in unused}
    return Decides(always, {name: all_of_it[name] for name in in_fallbacks})


def computed_in(native: str, supported: Iterable[str]) -> str:
    """What `compute_type="default"` means for a model that was converted to `native`: that, or what stands in for it.

    16 bits become 32 where a device has none.
    """
    able = set(supported)
    if native == "int8":
        return "int8"
    return native if native in able else "float32"


def searched(device: str, supported: Iterable[str]) -> list[str]:
    """The compute types that differ from each other on a device."""
    able = set(supported)
    return [kind for kind in (_OF_CPU if device == CPU else _OF_GPU) if kind in able]


def fastest(device: str, supported: Iterable[str]) -> str:
    """What `compute_type="auto"` takes, the default of the command line: eight bits, with 16 beside them on a GPU."""
    able = set(supported)
    wanted = ("int8",) if device == CPU else ("int8_float16", "int8_float32")
    return next((kind for kind in wanted if kind in able), "float32")
