"""The trained model itself as a folder of CTranslate2."""

from __future__ import annotations

from pathlib import Path

import pytest

from engines.base import Model
from tests.engines.recognition.conftest import quiet

pytest.importorskip("faster_whisper")

from engines.faster_whisper.models import resolve_model


@pytest.fixture(scope="session")
def model() -> Model:
    return resolve_model({"source": "embedded", "shape": "small-trained"}, quiet)


@pytest.fixture(scope="session")
def folder(model: Model) -> Path:
    return Path(model.variants[model.native]).parent
