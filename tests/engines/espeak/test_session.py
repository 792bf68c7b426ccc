from __future__ import annotations

from typing import Any

import pytest

from engines.base import WorkItem
from engines.errors import EngineError
from engines.espeak.engine import EspeakEngine
from engines.espeak.models import prepare, resolve_model
from engines.espeak.session import EspeakSession
from engines.synthesis.workload import resolve_workload

MODEL = resolve_model({}, print)
ITEM = WorkItem("a", {"text": "To reset it, hold the button. Then wait for two minutes, and try again."})


def _session(**params: Any) -> EspeakSession:
    return EspeakSession(MODEL, prepare(MODEL, params, print), params)


def test_splitting_is_felt_in_the_chunks_and_hardly_in_the_length() -> None:
    samples = {}
    for split in ("none", "clause"):
        session = _session(split=split)
        samples[split] = session.run(ITEM)
        session.close()
    assert samples["none"].output != samples["clause"].output
    assert samples["clause"].units_out == pytest.approx(samples["none"].units_out, rel=0.15)


def test_the_first_audio_is_there_before_the_last() -> None:
    session = _session(mode="synchronous")
    sample = session.run(ITEM)
    session.close()
    assert sample.output_times_s[0] < sample.output_times_s[-1] / 2


def test_every_configuration_is_near_the_reference() -> None:
    engine = EspeakEngine()
    workload = resolve_workload({"timed": 2}, MODEL, print)
    engine.prepare_quality(MODEL, workload, print)
    for params in ({"split": "none"}, {"mode": "retrieval", "buffer_ms": 500}):
        session = _session(**params)
        assert session.quality(workload)["mel_distance_db"] == 0
        session.close()
    split = _session(split="clause")
    quality = split.quality(workload)
    split.close()
    assert 0 < quality["mel_distance_db"] < 12
    assert quality["duration_ratio"] < 1.15


def test_a_text_without_words_is_an_error() -> None:
    session = _session()
    with pytest.raises(EngineError, match="nothing to say"):
        session.run(WorkItem("a", {"text": "…"}))
    session.close()
