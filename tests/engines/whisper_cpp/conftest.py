"""The trained model itself, small enough for tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from engines.base import Model
from engines.whisper_cpp.models import resolve_model
from tests.engines.recognition.conftest import quiet

SHAPE = "small-trained"


@pytest.fixture(scope="session")
def model() -> Model:
    return resolve_model({"source": "embedded", "shape": SHAPE}, quiet)


@pytest.fixture(scope="session")
def model_path(model: Model) -> Path:
    return Path(model.variants[model.native])
