"""A stand-in for a Piper voice, small enough for tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from engines.base import Model
from engines.piper.models import resolve_model
from tests.engines.piper.voice_builder import write_voice


@pytest.fixture(scope="session")
def voice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_voice(tmp_path_factory.mktemp("piper") / "tiny.onnx")


@pytest.fixture(scope="session")
def model(voice: Path) -> Model:
    return resolve_model({"source": str(voice)}, lambda line: None)
