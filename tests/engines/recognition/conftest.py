"""Sounds as files, and a model of which workloads need the language only."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.base import Model
from engines.model_files import EMBEDDED


def quiet(text: str) -> None:
    """Progress must be one short line."""
    assert text
    assert "\n" not in text


@pytest.fixture
def model() -> Model:
    return Model("embedded", EMBEDDED, "0" * 64, {"F16": ""}, "F16", "F16", {"language": "en"})


def tone(seconds: float, rate: int = 16000, hertz: float = 440.0) -> np.ndarray[Any, Any]:
    """A quiet sine, (samples,) within ±1."""
    return (0.2 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def write_wav(path: Path, audio: np.ndarray[Any, Any], rate: int = 16000) -> Path:
    """A 16-bit file of one channel."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((audio * 32767).astype("<i2").tobytes())
    return path
