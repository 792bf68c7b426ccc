"""What each engine is tried with: a small model, a model that does not exist, and a short workload.

A new engine adds one entry. Nothing else here knows engines by name.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Subject:
    """`model(folder)` is a model configuration; it may write files into the folder. `missing` names no model.

    `lacking` says what this machine lacks of what the engine needs, "" for nothing; without it the engine is not tried.
    `params` are knobs held at a value, because others take minutes.
    """

    model: Callable[[Path], Mapping[str, Any]]
    missing: Mapping[str, Any]
    workload: Mapping[str, Any] = field(default_factory=dict)
    lacking: Callable[[], str] = lambda: ""
    params: Mapping[str, Any] = field(default_factory=dict)


def _llama_cpp(folder: Path) -> Mapping[str, Any]:
    from tests.engines.llama_cpp.gguf_builder import write_model

    return {"source": str(write_model(folder / "tiny.gguf"))}


def _kokoro(folder: Path) -> Mapping[str, Any]:
    from tests.engines.kokoro.onnx_builder import write_model, write_voices

    model, voices = write_model(folder / "tiny.onnx"), write_voices(folder / "voices.bin")
    return {"source": str(model), "voices": str(voices)}


def _piper(folder: Path) -> Mapping[str, Any]:
    from tests.engines.piper.voice_builder import write_voice

    return {"source": str(write_voice(folder / "tiny.onnx"))}


def _cosyvoice_lacks() -> str:
    if importlib.util.find_spec("torch") is None:
        return "torch is not installed"
    return "" if os.environ.get("COSYVOICE_REPO") else "COSYVOICE_REPO names no repository"


SUBJECTS: Mapping[str, Subject] = {
    "fake": Subject(lambda folder: {"source": "fake"}, {"source": "missing"}),
    "fake_voice": Subject(
        lambda folder: {"source": "fake_voice", "speakers": ["sound", "nan"]},
        {"source": "missing"},
        {"items_per_round": 2},
    ),
    "kokoro": Subject(
        _kokoro, {"source": "/nowhere/model.onnx", "voices": "/nowhere/voices.bin"}, {"items_per_round": 2}
    ),
    "piper": Subject(_piper, {"source": "/nowhere/voice.onnx"}, {"items_per_round": 2}),
    "cosyvoice": Subject(
        lambda folder: {"source": "shape:v2", "layers": 1},
        {"source": "/nowhere/model"},
        {"sentences": ["Please say that again.", "Good morning."]},
        _cosyvoice_lacks,
        {"compile": "off"},
    ),
    "llama_cpp": Subject(_llama_cpp, {"source": "/nowhere/model.gguf"}, {"max_tokens": 4}),
    "espeak": Subject(lambda folder: {"voice": "en-us"}, {"source": "/nowhere/voice.onnx"}, {"items_per_round": 3}),
    "faster_whisper": Subject(
        lambda folder: {"source": "embedded", "shape": "small-trained"},
        {"source": "/nowhere/model"},
        {"clips": "chunks", "items_per_round": 3, "eval_clips": 4},
        lambda: "" if importlib.util.find_spec("faster_whisper") else "faster-whisper is not installed",
    ),
    "whisper_cpp": Subject(
        lambda folder: {"source": "embedded", "shape": "small-trained"},
        {"source": "/nowhere/model.bin"},
        {"clips": "chunks", "items_per_round": 3, "eval_clips": 4},
    ),
}
