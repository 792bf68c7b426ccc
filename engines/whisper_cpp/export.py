"""Production files of a measured configuration. Everything is quoted for the place where it stands."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping

from engines.base import ExportFile
from engines.deploy import Deployment
from engines.export_text import files_of, filled, one_line, place_notes, title
from engines.whisper_cpp.settings import (
    CLIP,
    DEFAULT_BEAM_SIZE,
    DEFAULT_HEADROOM_MS,
    FULL,
    POSITIONS_A_SECOND,
    WINDOW_S,
    arguments,
    context_step,
    uses_beams,
)
from search_spaces.parameter import Params

TARGETS: Mapping[str, str] = {
    "python": "module with the model's path, the keyword arguments of pywhispercpp and transcribe()",
    "whisper-cli": "argument vector (JSON) and script for whisper.cpp's whisper-cli",
}
_VALUES = {
    "n_threads": "--threads",
    "n_processors": "--processors",
    "best_of": "--best-of",
    "n_max_text_ctx": "--max-context",
    "gpu_device": "--device",
}
_LIBRARY_ONLY = {"single_segment": False, "max_tokens": 0}
"""Knobs that whisper-cli does not have, and their defaults, at which nothing is lost."""


def export(target: str, deploy: Deployment) -> list[ExportFile]:
    """The files of `target`. Raises TunerError."""
    return files_of(target, deploy, {"python": _python_module, "whisper-cli": _whisper_cli})


def _python_module(deploy: Deployment) -> list[ExportFile]:
    params, facts = deploy.params, deploy.facts
    asked = arguments(params, str(facts.get("language", "en")), str(facts.get("vad_model", "")))
    values = {
        "MODEL_PATH": deploy.path,
        "KWARGS": dict(asked.model),
        "CALL": dict(asked.call),
        "AUDIO_CTX": params.get("audio_ctx", FULL),
        "HEADROOM_S": int(params.get("audio_headroom_ms", DEFAULT_HEADROOM_MS)) / 1000,
        "STEP": context_step(params),
        "POSITIONS": int(facts.get("n_audio_ctx", 1500)),
    }
    return [ExportFile("stt.py", filled(_MODULE, deploy, values))]


_MODULE = '''{title}

import math
from typing import Any

{values}


def load(**overrides: Any) -> Any:
    """A pywhispercpp.model.Model with the measured settings; keyword arguments replace single ones."""
    from pywhispercpp.model import Model

    return Model(MODEL_PATH, **{{**KWARGS, **overrides}})


def audio_ctx(seconds: float) -> int:
    """The encoder's positions for a clip of this length; 0 is a whole window of 30 s."""
    if AUDIO_CTX == "full" or (AUDIO_CTX == "clip" and seconds > 30):
        return 0
    if AUDIO_CTX != "clip":
        return int(AUDIO_CTX)
    positions = STEP * math.ceil(math.ceil((seconds + HEADROOM_S) * 50) / STEP)
    return positions if positions < POSITIONS else 0


def transcribe(model: Any, audio: Any, **overrides: Any) -> str:
    """The text of `audio`: one channel of float32 within ±1 at 16000 Hz, as a numpy array."""
    arguments = {{"audio_ctx": audio_ctx(len(audio) / 16000), **CALL, **overrides}}
    return " ".join(segment.text.strip() for segment in model.transcribe(audio, **arguments)).strip()
'''


def _whisper_cli(deploy: Deployment) -> list[ExportFile]:
    options, notes = cli_options(deploy)
    params = deploy.params
    choice, vector = str(params.get("audio_ctx", FULL)), ["whisper-cli", *(word for o in options for word in o)]
    told = [one_line(text) for text in (title(deploy), *notes)]
    lines = ["#!/bin/sh", *(f"# {text}" for text in told)]
    command = ['exec "${WHISPER_CLI:-whisper-cli}"', *map(shlex.join, options)]
    if choice == CLIP:
        lines += [_context_in_shell(params), ""]
        command.append('--audio-ctx "$context"')
    command.append('--file "$1"' if choice == CLIP else '"$@"')
    script = "\n".join([*lines, " \\\n  ".join(command)]) + "\n"
    return [
        ExportFile("whisper-cli.json", json.dumps({"argv": vector, "notes": told}, indent=2) + "\n"),
        ExportFile("whisper-cli.sh", script, executable=True),
    ]


def _context_in_shell(params: Params) -> str:
    """Shell lines that set `context` from the length of a WAV file of 16-bit samples at 16 kHz in one channel."""
    headroom = int(params.get("audio_headroom_ms", DEFAULT_HEADROOM_MS)) * POSITIONS_A_SECOND // 1000
    step, bytes_a_position = context_step(params), 16000 * 2 // POSITIONS_A_SECOND
    longest = round(WINDOW_S * POSITIONS_A_SECOND)
    return "\n".join(
        [
            'bytes=$(wc -c < "$1") || exit 2',
            f"positions=$(( (bytes - 44 + {bytes_a_position - 1}) / {bytes_a_position} ))",
            f"context=$(( (positions + {headroom} + {step - 1}) / {step} * {step} ))",
            f'if [ "$positions" -gt {longest} ] || [ "$context" -ge {longest} ]; then context=0; fi',
        ]
    )


def cli_options(deploy: Deployment) -> tuple[list[tuple[str, ...]], list[str]]:
    """The options of whisper-cli for a deploy document, and notes on what they do not express."""
    params, facts = deploy.params, deploy.facts
    arguments(params, "en", "")  # refuses knobs that the engine does not have
    options: list[tuple[str, ...]] = [
        ("--model", deploy.path),
        ("--language", str(facts.get("language", "en"))),
        # whisper-cli searches with five beams unless told; one is greedy.
        ("--beam-size", str(params.get("beam_size", DEFAULT_BEAM_SIZE) if uses_beams(params) else 1)),
    ]
    options += [(option, str(params[knob])) for knob, option in _VALUES.items() if knob in params]
    if "flash_attn" in params:
        options.append(("--flash-attn",) if params["flash_attn"] else ("--no-flash-attn",))
    if not params.get("use_gpu", True):
        options.append(("--no-gpu",))
    if not params.get("temperature_fallback", True):
        options.append(("--no-fallback",))
    if params.get("no_timestamps"):
        options.append(("--no-timestamps",))
    if params.get("vad"):
        options += [("--vad",), ("--vad-model", str(facts.get("vad_model", "")))]
    choice = str(params.get("audio_ctx", FULL))
    if choice not in (FULL, CLIP):
        options.append(("--audio-ctx", choice))
    notes = ["measured with the model loaded once: whisper-cli loads it for each call", *place_notes(deploy)]
    if not uses_beams(params):
        notes.append("greedy as measured (--beam-size 1): whisper-cli's own default is five beams, so texts may differ")
    if choice == CLIP:
        notes.append(
            "the script takes one WAV file of 16-bit samples at 16 kHz in one channel: its length sets audio-ctx"
        )
    notes += [
        f"{knob}={params[knob]} has no option in whisper-cli: it stays at its default"
        for knob, default in _LIBRARY_ONLY.items()
        if params.get(knob, default) != default
    ]
    return options, notes
