from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.base import Model, WorkItem, Workload
from engines.errors import EngineError, InvalidOutputError
from engines.fake_voice import RATE, SPEAKERS, FakeVoiceEngine, FakeVoiceSession
from engines.judgement import NOT_JUDGED
from engines.registry import engines_of, load_engine
from engines.synthesis.references import References
from engines.synthesis.session import PushingSession, SynthesisSession, prepare_references
from engines.synthesis.speech import F32
from search_spaces.template import load_template
from tests.conformance.subjects import SUBJECTS
from tests.engines.synthesis.voices import spoken

TEXT = "The train leaves from platform six. It is late."
ITEM = WorkItem("a", {"text": TEXT})
WORKLOAD = Workload("w", (ITEM,), {"texts": [TEXT]})
MODEL = FakeVoiceEngine().resolve_model({"source": "fake_voice"}, print)


def _session(**params: Any) -> FakeVoiceSession:
    engine = FakeVoiceEngine()
    engine.prepare_quality(MODEL, WORKLOAD, print)
    return FakeVoiceSession(MODEL, engine.prepare(MODEL, params, print), {"delay_ms": 2, **params})


def test_a_sample_tells_times_lengths_and_the_pattern() -> None:
    sample = _session(split="sentence").run(ITEM)
    assert len(sample.output_times_s) == 4 + 8
    assert sample.done_s >= sample.output_times_s[-1] >= 12 * 0.002
    assert sample.units_in == len(TEXT)
    assert sample.units_out == pytest.approx(sample.counts["samples"] / RATE)
    assert sample.counts["chunks"] == 12
    assert sample.output.endswith("of 16000 Hz")


def test_what_is_judged_is_what_was_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    session = _session()
    session.run(ITEM)
    monkeypatch.setattr(session, "speak", None)
    quality = session.quality(WORKLOAD).metrics
    assert (quality["mel_distance_db"], quality["f0_rmse_hz"], quality["duration_ratio"]) == (0, 0, 1)
    assert (quality["mel_distance_db_worst"], quality["duration_ratio_worst"]) == (0, 1)


def test_what_was_not_measured_is_spoken_for_judging() -> None:
    assert _session().quality(WORKLOAD).metrics["duration_ratio"] == 1
    assert _session().quality(Workload("w", (ITEM,))) == NOT_JUDGED


def test_without_the_reference_quality_is_an_error_and_not_a_value() -> None:
    other = Workload("w", (ITEM,), {"texts": ["Nobody ever said this."]})
    with pytest.raises(EngineError, match="reference"):
        _session().quality(other)


@pytest.mark.parametrize("speaker", SPEAKERS[1:])
def test_audio_that_cannot_be_speech_stops_the_run(speaker: str) -> None:
    session = _session(speaker=speaker)
    with pytest.raises(InvalidOutputError, match="limit"):
        session.run(ITEM)


class _Pusher(PushingSession):
    """Calls back within `utter`, and never resets."""

    sample_rate = RATE

    def __init__(self) -> None:
        super().__init__(References(MODEL, {}, {}))

    def utter(self, text: str, hear: Any) -> None:
        hear(np.ones(RATE, np.float32))

    def reset(self) -> None:
        pass

    def close(self) -> None:
        pass


def test_without_a_reference_the_text_alone_sets_the_limits() -> None:
    with pytest.raises(InvalidOutputError, match="silent"):
        _Pusher().run(ITEM)


def _synthesis_engines() -> list[str]:
    return sorted(engine.name for engine in engines_of("tts"))


@pytest.mark.parametrize("name", _synthesis_engines())
def test_two_identical_requests_in_a_row_have_the_same_chunks(name: str, tmp_path: Path) -> None:
    """What streaming leaves behind (a grown hop, a filled cache, a half-spoken phase) would show in the second."""
    engine, subject = load_engine(name), SUBJECTS[name]
    if lacking := subject.lacking():
        pytest.skip(lacking)
    model = engine.resolve_model(subject.model(tmp_path), print)
    workload = engine.resolve_workload(subject.workload, model, print)
    knobs = load_template(engine.space).knobs
    in_chunks = {"split": "clause", "first_chunk": "words", "stream": True, "first_hop_tokens": 10}
    params = {**subject.params, **{knob: value for knob, value in in_chunks.items() if knob in knobs}}
    session = engine.open(model, params)
    try:
        for item in (workload.items[-1], workload.items[0], workload.items[-1]):
            one, other = session.run(item), session.run(item)
            assert one.output == other.output
            assert one.counts["chunks"] == other.counts["chunks"]
        assert one.counts["chunks"] > 1
    finally:
        session.close()


class _Mute(SynthesisSession):
    """A reference configuration that says the wrong thing."""

    sample_rate = RATE

    def __init__(self, store: References, audio: F32) -> None:
        super().__init__(store)
        self._audio = audio

    def speak(self, text: str) -> Iterator[F32]:
        yield self._audio

    def reset(self) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("audio", "complaint"),
    [
        (np.zeros(0, np.float32), "empty"),
        (np.zeros(3 * RATE, np.float32), "silent"),
        (np.full(3 * RATE, np.nan, np.float32), "not finite"),
        (spoken(0.3), "too short for its text"),
    ],
)
def test_a_reference_that_does_not_speak_is_said_and_not_kept(audio: F32, complaint: str) -> None:
    store = References(MODEL, {}, {"said": complaint})
    with pytest.raises(InvalidOutputError, match=f"the reference .* does not speak: .*{complaint}") as caught:
        prepare_references(store, WORKLOAD, lambda: _Mute(store, audio), print)
    assert caught.value.hint
    assert store.missing([TEXT]) == [TEXT]
    if complaint != "too short for its text":
        with pytest.raises(InvalidOutputError, match="the reference"):
            store.make([TEXT], _Mute(store, audio).listen, print)


class _Grower(SynthesisSession):
    """A hop that is never reset."""

    sample_rate = RATE

    def __init__(self) -> None:
        super().__init__(References(MODEL, {}, {}))
        self.parts = 1

    def speak(self, text: str) -> Iterator[F32]:
        self.parts += 1
        yield from np.array_split(np.ones(RATE, np.float32), self.parts)

    def reset(self) -> None:
        pass

    def close(self) -> None:
        pass


def test_a_hop_that_is_not_reset_shows_in_the_pattern() -> None:
    session = _Grower()
    assert session.listen(TEXT).pattern != session.listen(TEXT).pattern


def test_models_differ_by_build_and_reference_configuration(tmp_path: Path) -> None:
    files = {
        References(Model("a", "s", digest, {}, "", ""), build, how).file(TEXT)
        for digest in ("0", "1") for build in ({}, {"version": "2"}) for how in ({}, {"speaker": "b"})
    }  # fmt: skip
    assert len(files) == 8
