"""A stand-in for Kokoro's graph, small enough for tests, with voices."""

from __future__ import annotations

from pathlib import Path

import pytest

from engines.base import Model
from engines.kokoro.models import resolve_model
from tests.engines.kokoro.onnx_builder import write_model, write_voices


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with tiny.onnx and voices.bin."""
    folder = tmp_path_factory.mktemp("kokoro")
    write_model(folder / "tiny.onnx")
    write_voices(folder / "voices.bin")
    return folder


@pytest.fixture(scope="session")
def model(files: Path) -> Model:
    return resolve_model({"source": str(files / "tiny.onnx"), "voices": str(files / "voices.bin")}, lambda line: None)
