"""From parameters to the arguments of pywhispercpp: the one table that sessions and exports share."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engines.base import Model
from engines.recognition.hearing import Decides
from search_spaces.errors import TunerError, unknown_name
from search_spaces.parameter import Params, Value

NAME = "whisper_cpp"
FULL, CLIP = "full", "clip"
DEFAULT_HEADROOM_MS = 1000
DEFAULT_BEAM_SIZE = 5
POSITIONS_A_SECOND = 50
WINDOW_S = 30.0
STEP, FLASH_STEP = 32, 256
"""An audio context is a multiple of it. With flash attention whisper.cpp attends to positions up to the next multiple

of 256, of which those beyond the context hold what an earlier, longer clip left there.
"""
CONTEXT = ("use_gpu", "flash_attn", "gpu_device")
"""Knobs that are keys of `context_params` by the same name and value."""
DIRECT = ("n_threads", "single_segment", "no_timestamps", "max_tokens", "n_max_text_ctx", "vad")
"""Knobs that are keyword arguments of `pywhispercpp.model.Model` by the same name and value."""
OTHERS = (
    "quantization", "n_processors", "audio_ctx", "audio_headroom_ms", "decoding", "beam_size", "best_of",
    "temperature_fallback",
)  # fmt: skip
KNOBS = (*CONTEXT, *DIRECT, *OTHERS)
SPEED_ONLY = ("n_threads", *CONTEXT)
"""Knobs that leave the transcripts as they are, but for the last bits of a sum."""
FALLBACKS = ("temperature_fallback", "best_of")
"""Knobs that decide nothing unless the decoder falls back."""
QUIET = {"print_progress": False, "print_realtime": False, "print_timestamps": False}


@dataclass(frozen=True)
class Arguments:
    """What a configuration means to pywhispercpp: `model` for the constructor, `call` for `transcribe`."""

    model: Mapping[str, Any]
    call: Mapping[str, Any]


def arguments(params: Params, language: str, vad_model: str) -> Arguments:
    """The arguments of `params`. A knob that is absent is left to the library. `vad_model` is a path or "".

    The audio context is none of them, because it may depend on the clip: see `audio_ctx`. Raises TunerError for a
    knob that the engine does not have.
    """
    for knob in params:
        if knob not in KNOBS:
            raise unknown_name(f"knob of {NAME}", knob, KNOBS)
    model: dict[str, Any] = {"params_sampling_strategy": int(uses_beams(params))}
    if context := {knob: params[knob] for knob in CONTEXT if knob in params}:
        model["context_params"] = context
    model |= {knob: params[knob] for knob in DIRECT if knob in params}
    if uses_beams(params):
        model["beam_search"] = {"beam_size": int(params.get("beam_size", DEFAULT_BEAM_SIZE)), "patience": -1.0}
    if "best_of" in params:
        model["greedy"] = {"best_of": int(params["best_of"])}
    if not params.get("temperature_fallback", True):
        model["temperature_inc"] = 0.0
    if params.get("vad"):
        model["vad_model_path"] = vad_model
    model |= {"language": language, **QUIET}
    processors = int(params.get("n_processors", 1))
    return Arguments(model, {"n_processors": processors} if processors > 1 else {})


def uses_beams(params: Params) -> bool:
    """Beam search instead of greedy decoding."""
    return str(params.get("decoding", "greedy")) == "beam"


def audio_ctx(params: Params, seconds: float, most: int) -> int:
    """Positions (1/50 s) of the encoder for a clip of `seconds`; 0 is all `most` of them, the library's default.

    `clip` takes the clip's length and the headroom, in steps. What does not fit a window of 30 s needs all of it,
    because whisper.cpp moves on by whole windows.
    """
    choice = str(params.get("audio_ctx", FULL))
    if choice == FULL or (choice == CLIP and seconds > WINDOW_S):
        return 0
    if choice != CLIP:
        if not choice.isdigit() or not 0 < int(choice) <= most:
            raise TunerError(f"audio_ctx is {choice!r}", f"write full, clip, or a number from 1 to {most}")
        return int(choice)
    headroom_s = int(params.get("audio_headroom_ms", DEFAULT_HEADROOM_MS)) / 1000
    wanted = math.ceil((seconds + headroom_s) * POSITIONS_A_SECOND)
    positions = context_step(params) * math.ceil(wanted / context_step(params))
    return positions if positions < most else 0


def context_step(params: Params) -> int:
    """What a clip's audio context is a multiple of. The library's own default is flash attention."""
    return FLASH_STEP if params.get("flash_attn", True) else STEP


def decides(model: Model, params: Params, length_s: float) -> Decides:
    """What decides the text of a passage of `length_s` seconds: all but what only speed depends on, what is not in use,

    and how the window came to be as long as it is.
    """
    all_of_it = {**_plain(model), **params}
    unused = {*SPEED_ONLY, *FALLBACKS, "audio_headroom_ms", *(() if uses_beams(params) else ("beam_size",))}
    always = {name: value for name, value in all_of_it.items() if name not in unused}
    always["audio_ctx"] = audio_ctx(params, length_s, int(model.facts["n_audio_ctx"]))
    spoken = {name: model.facts[name] for name in ("language", "vad_model")}
    return Decides({**always, **spoken}, {name: all_of_it[name] for name in FALLBACKS})


def is_reference(model: Model, params: Params) -> bool:
    """Whether `params` transcribe as the reference does, which is the most precise variant with the library's decoding:

    greedy with temperature fallbacks, over a whole window. Only knobs of speed may differ.
    """
    plain = {**_plain(model), "quantization": model.reference}
    quantization = {"quantization": params.get("quantization", model.native)}
    return all(plain.get(name) == value for name, value in {**params, **quantization}.items() if name not in SPEED_ONLY)


def _plain(model: Model) -> dict[str, Value]:
    """What a knob is that is left to the library, but for those of speed."""
    return {
        "quantization": model.native, "n_processors": 1, "audio_ctx": FULL, "decoding": "greedy",
        "temperature_fallback": True, "single_segment": False, "no_timestamps": False, "max_tokens": 0,
        "n_max_text_ctx": 16384, "best_of": 5, "vad": False,
    }  # fmt: skip
