"""Production files of a measured configuration. Everything is quoted for the place where it stands."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from engines.base import ExportFile
from engines.deploy import Deployment
from engines.export_text import command_files, files_of, filled, place_notes
from engines.faster_whisper.settings import DEFAULT_BATCH_SIZE, arguments

TARGETS: Mapping[str, str] = {
    "python": "module with the model's folder, the keyword arguments of faster-whisper and transcribe()",
    "whisper-ctranslate2": "argument vector (JSON) and script for the command whisper-ctranslate2",
}
_OPTIONS = {
    "device": "--device",
    "compute_type": "--compute_type",
    "cpu_threads": "--threads",
    "beam_size": "--beam_size",
    "best_of": "--best_of",
    "vad_filter": "--vad_filter",
    "batched": "--batched",
}
_LIBRARY_ONLY = {"num_workers": 1, "without_timestamps": False}
"""Knobs that the command does not have, and their defaults, at which nothing is lost."""


def export(target: str, deploy: Deployment) -> list[ExportFile]:
    """The files of `target`. Raises TunerError."""
    return files_of(target, deploy, {"python": _python_module, "whisper-ctranslate2": _command})


def _python_module(deploy: Deployment) -> list[ExportFile]:
    asked = arguments(deploy.params, str(deploy.facts.get("language", "en")))
    values = {
        "MODEL_FOLDER": str(Path(deploy.path).parent),
        "MODEL": dict(asked.model),
        "CALL": dict(asked.call),
        "BATCHED": asked.batched,
    }
    return [ExportFile("stt.py", filled(_MODULE, deploy, values))]


_MODULE = '''{title}

from typing import Any

{values}


def load(**overrides: Any) -> Any:
    """What transcribes, with the measured settings; keyword arguments of WhisperModel replace single ones."""
    from faster_whisper import BatchedInferencePipeline, WhisperModel

    model = WhisperModel(MODEL_FOLDER, **{{**MODEL, "local_files_only": True, **overrides}})
    return BatchedInferencePipeline(model) if BATCHED else model


def transcribe(loaded: Any, audio: Any, **overrides: Any) -> str:
    """The text of `audio`: a path, or one channel of float32 within ±1 at 16000 Hz, as a numpy array."""
    segments, _ = loaded.transcribe(audio, **{{**CALL, **overrides}})
    return " ".join(segment.text.strip() for segment in segments).strip()
'''


def _command(deploy: Deployment) -> list[ExportFile]:
    options, notes = command_options(deploy)
    return command_files("whisper-ctranslate2", options, notes, deploy)


def command_options(deploy: Deployment) -> tuple[list[tuple[str, ...]], list[str]]:
    """The options of whisper-ctranslate2 for a deploy document, and notes on what they do not express."""
    params = deploy.params
    arguments(params, "en")  # refuses knobs that the engine does not have
    options: list[tuple[str, ...]] = [
        ("--model_directory", str(Path(deploy.path).parent)),
        ("--local_files_only", "True"),
        ("--language", str(deploy.facts.get("language", "en"))),
    ]
    options += [(option, str(params[knob])) for knob, option in _OPTIONS.items() if knob in params]
    if params.get("batched"):
        options.append(("--batch_size", str(params.get("batch_size", DEFAULT_BATCH_SIZE))))
    if not params.get("temperature_fallback", True):
        options.append(("--temperature_increment_on_fallback", "None"))
    notes = [
        "measured with the model loaded once: whisper-ctranslate2 loads it for each call",
        *place_notes(deploy),
        *(
            f"{knob}={params[knob]} has no option in whisper-ctranslate2: it stays at its default"
            for knob, default in _LIBRARY_ONLY.items()
            if params.get(knob, default) != default
        ),
    ]
    return options, notes
