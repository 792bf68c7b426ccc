"""The speech model that ships stands in for a user's: it knows commands, so commands are what is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from engines.errors import ModelFileError
from engines.espeak.engine import EspeakEngine
from engines.espeak.models import prepare, resolve_model
from engines.espeak.session import EspeakSession
from engines.synthesis.intelligibility import listener
from engines.synthesis.workload import resolve_workload
from engines.whisper_cpp import models as whisper

TEXTS = ["turn on the lights in the kitchen", "set a timer for ten minutes"]


@pytest.fixture(scope="module")
def ear() -> str:
    model = whisper.resolve_model({"source": "embedded", "shape": "small-trained"}, lambda line: None)
    return model.variants[model.native]


def test_commands_are_understood_and_babble_is_not(ear: str) -> None:
    model, engine = resolve_model({"words_per_minute": 160}, print), EspeakEngine()
    for spoken, least, most in ((TEXTS, 0.0, 0.4), (["quixotic jabberwocky", "ubiquitous zephyrs meander"], 0.6, 3.0)):
        workload = resolve_workload({"sentences": spoken, "asr_model": ear}, model, lambda line: None)
        engine.prepare_quality(model, workload, lambda line: None)
        session = EspeakSession(model, prepare(model, {}, print), {})
        quality = session.quality(workload).metrics
        session.close()
        assert least <= quality["wer"] <= most
        assert quality["wer_increase"] == 0


def test_who_listens_is_part_of_the_workload(ear: str) -> None:
    model = resolve_model({}, print)
    digests = {
        resolve_workload({"sentences": TEXTS, "asr_model": by, "asr_language": language}, model, print).digest
        for by, language in ((None, None), (ear, None), (ear, "de"))
    }
    assert len(digests) == 3


def test_what_is_no_model_is_said(tmp_path: Path) -> None:
    (tmp_path / "no.bin").write_text("nothing")
    with pytest.raises(ModelFileError):
        listener(str(tmp_path / "no.bin"), None)
