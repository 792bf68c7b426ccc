from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from engines.base import WorkItem, Workload
from engines.errors import EngineError, InvalidOutputError
from engines.espeak.engine import EspeakEngine
from engines.espeak.models import prepare, resolve_model
from engines.espeak.session import EspeakSession
from engines.synthesis.sentences import LENGTHS, REPLY, shipped
from engines.synthesis.speech import F32
from engines.synthesis.workload import resolve_workload

CONF = Path(__file__).parents[3] / "engines" / "espeak" / "conf" / "engine" / "espeak.yaml"
LIMITS: Mapping[str, float] = yaml.safe_load(CONF.read_text(encoding="utf-8"))["constraints"]
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
    """Of a few milliseconds: where the machine is busy it may have to wait, but not every time."""
    session = _session(mode="synchronous")
    times = (session.run(ITEM).output_times_s for _ in range(20))
    assert any(first < last / 2 for first, *_, last in times)
    session.close()


@pytest.mark.parametrize("words_per_minute", [80, 450])
def test_every_pace_that_may_be_asked_for_passes(words_per_minute: int) -> None:
    model = resolve_model({"words_per_minute": words_per_minute}, print)
    session = EspeakSession(model, prepare(model, {}, print), {})
    for kind in (*LENGTHS, REPLY):
        for sentence in shipped(kind):
            session.run(WorkItem(sentence.id, {"text": sentence.text}))
    session.run(WorkItem("million", {"text": "1000000"}))
    session.close()


@pytest.fixture(scope="module")
def workload() -> Workload:
    """A short, a medium and a long text, with their references."""
    made = resolve_workload({"items_per_round": 3}, MODEL, print)
    EspeakEngine().prepare_quality(MODEL, made, print)
    return made


def _over_the_limits(quality: Mapping[str, float]) -> set[str]:
    """What the configuration of the tool refuses."""
    return {name for name, limit in LIMITS.items() if quality[name] > limit}


@pytest.mark.parametrize("params", [{"split": "none"}, {"mode": "retrieval", "buffer_ms": 500}])
def test_who_speaks_and_in_what_portions_is_not_heard(workload: Workload, params: dict[str, Any]) -> None:
    session = _session(**params)
    assert session.quality(workload).metrics["mel_distance_db_worst"] == 0
    session.close()


@pytest.mark.parametrize(
    "params",
    [
        {"split": "sentence"},
        {"split": "clause"},
        {"first_chunk": "words", "first_words": 2},
        {"split": "clause", "first_chunk": "words", "first_words": 6},
    ],
)
def test_every_way_of_splitting_is_within_the_limits(workload: Workload, params: dict[str, Any]) -> None:
    session = _session(**params)
    quality = session.quality(workload).metrics
    session.close()
    assert quality["mel_distance_db_worst"] > 0
    assert not _over_the_limits(quality)


@pytest.mark.parametrize("kept", [0.7, 0.76, 0.82])
def test_one_text_of_several_that_ends_too_early_is_refused(
    workload: Workload, kept: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = _session()
    utter, longest = session.utter, max(workload.quality["texts"], key=len)

    def cut(text: str, hear: Callable[[F32], None]) -> None:
        parts: list[F32] = []
        utter(text, parts.append)
        audio = np.concatenate(parts)
        hear(audio[: round(kept * audio.size)] if text == longest else audio)

    monkeypatch.setattr(session, "utter", cut)
    with pytest.raises(InvalidOutputError, match=f"truncated: .* {kept:.2f} of the reference's"):
        session.quality(workload)
    monkeypatch.setattr(session, "limits", replace(session.limits, of_reference=(0.5, 2.0)))
    assert "duration_ratio_worst" in _over_the_limits(session.quality(workload).metrics)
    session.close()


def test_one_text_of_several_that_is_another_is_refused(workload: Workload, monkeypatch: pytest.MonkeyPatch) -> None:
    session = _session()
    utter, first = session.utter, workload.quality["texts"][0]
    monkeypatch.setattr(
        session, "utter", lambda text, hear: utter("Some of us walk home." if text == first else text, hear)
    )
    assert "mel_distance_db_worst" in _over_the_limits(session.quality(workload).metrics)
    session.close()


def test_a_text_without_words_is_an_error() -> None:
    session = _session()
    with pytest.raises(EngineError, match="nothing to say"):
        session.run(WorkItem("a", {"text": "…"}))
    session.close()
