"""The trained model itself, small enough for tests, and clips that it knows."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.base import Model
from engines.whisper_cpp.models import resolve_model

SHAPE = "small-trained"


def quiet(text: str) -> None:
    """Progress must be one short line."""
    assert text
    assert "\n" not in text


@pytest.fixture(scope="session")
def model() -> Model:
    return resolve_model({"source": "embedded", "shape": SHAPE}, quiet)


@pytest.fixture(scope="session")
def model_path(model: Model) -> Path:
    return Path(model.variants[model.native])


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
