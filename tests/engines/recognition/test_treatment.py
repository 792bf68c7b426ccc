from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.recognition.audio import SAMPLE_RATE
from engines.recognition.clips import EMBEDDED_AUDIO, Clip, Passage
from engines.recognition.stress import EASY, HARD, LONG_S, PAUSE_S, stressed
from engines.recognition.treatment import Treatment
from tests.engines.recognition.conftest import tone


def test_silence_lies_around_the_sound() -> None:
    sound = tone(1.0)
    treated = Treatment(before_s=0.5, after_s=2.0).apply(sound)
    assert treated.size == 3.5 * SAMPLE_RATE
    np.testing.assert_array_equal(treated[8000:24000], sound)
    assert not treated[:8000].any()
    assert not treated[24000:].any()


@pytest.mark.parametrize("speed", [0.85, 1.15])
def test_another_speed_moves_length_and_pitch(speed: float) -> None:
    treated = Treatment(speed=speed).apply(tone(2.0))
    assert treated.size == pytest.approx(2.0 / speed * SAMPLE_RATE, abs=2)
    spectrum = np.abs(np.fft.rfft(treated))
    assert np.argmax(spectrum) * SAMPLE_RATE / treated.size == pytest.approx(440 * speed, abs=1)


def test_noise_has_its_distance_and_is_the_same_each_time() -> None:
    sound, treatment = tone(2.0), Treatment(noise_db=15.0)
    treated = treatment.apply(sound)
    noise = treated - sound
    assert 10 * np.log10(np.mean(sound**2) / np.mean(noise**2)) == pytest.approx(15.0, abs=0.2)
    np.testing.assert_array_equal(treated, treatment.apply(sound))
    assert np.abs(Treatment(noise_db=-40.0).apply(sound)).max() <= 1.0


def _clips(count: int) -> list[Clip]:
    return [Clip(f"clip-{number}", EMBEDDED_AUDIO, 3.0 * number, 2.5, f"word {number}") for number in range(count)]


@given(st.integers(1, 40), st.integers(0, 30), st.booleans())
def test_stressed_passages_are_as_many_as_wanted_plain_data_and_told_apart(clips: int, count: int, hard: bool) -> None:
    passages = stressed(_clips(clips), count, hard)
    assert len(passages) == count
    assert all(Passage.from_json(json.loads(json.dumps(p.to_json()))) == p for p in passages)
    assert passages == stressed(_clips(clips), count, hard)
    if clips >= 40 and not hard:
        assert len({p.id for p in passages}) == count
    if not hard:
        assert all(len(p.clips) == 1 and p.treatment.name for p in passages)


def test_every_kind_comes_in_turn() -> None:
    passages = stressed(_clips(40), len(EASY) + len(HARD) + 2, hard=True)
    assert [p.treatment for p in passages if len(p.clips) == 1] == [*EASY, *HARD]
    pause, long = (p for p in passages if len(p.clips) > 1)
    assert (len(pause.clips), pause.gap_s) == (2, PAUSE_S)
    assert LONG_S <= long.length_s < 30


def test_the_length_of_a_passage_is_that_of_its_sound() -> None:
    passage = Passage(tuple(_clips(3)), 0.5, Treatment(before_s=1.0, after_s=0.5, speed=1.15))
    assert passage.load().size == pytest.approx(passage.length_s * SAMPLE_RATE, abs=4)
    assert passage.seconds == pytest.approx(7.5 / 1.15)
    assert passage.id == "clip-0..clip-2 (before 1 s, after 0.5 s, speed 1.15)"
