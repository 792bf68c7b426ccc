from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.errors import InvalidOutputError
from engines.synthesis.gate import Limits, check, letters
from engines.synthesis.sentences import LENGTHS, REPLY, shipped
from tests.engines.synthesis.voices import RATE, spoken

TEXT = "The meeting has been moved to Thursday."


def _refused(audio: object, text: str = TEXT, reference_s: float | None = None) -> str:
    with pytest.raises(InvalidOutputError) as caught:
        check(np.asarray(audio, np.float32), RATE, text, Limits(), reference_s)
    assert "\n" not in caught.value.message
    return caught.value.message


def test_speech_passes() -> None:
    check(spoken(2.5), RATE, TEXT)
    check(spoken(2.5), RATE, TEXT, reference_s=2.4)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_sample_that_is_no_number_is_refused(bad: float) -> None:
    audio = spoken(2.5)
    audio[1000] = bad
    assert "not finite: 1 of 40000 samples" in _refused(audio)


@pytest.mark.parametrize("audio", [np.zeros(40000), np.full(40000, 0.3), 1e-4 * spoken(2.5)])
def test_silence_is_refused_also_where_it_is_a_constant(audio: object) -> None:
    message = _refused(audio)
    assert "silent" in message
    assert "the limit is -50" in message


def test_no_samples_are_refused() -> None:
    assert "empty" in _refused(np.zeros(0))


def test_a_click_in_silence_is_refused() -> None:
    audio = np.zeros(40000)
    audio[2000:3000] = spoken(1.0)[:1000]
    assert re.search(r"silent for 9\d% of its length, the limit is 85%", _refused(audio))


def test_clipping_is_refused_within_and_beyond_full_scale() -> None:
    assert "clipped" in _refused(np.clip(4 * spoken(2.5), -1, 1))
    assert "in flat tops, the limit is 0.10%" in _refused(4 * spoken(2.5))


def test_speech_normalised_to_its_peak_passes() -> None:
    audio = spoken(2.5)
    check(audio / np.abs(audio).max(), RATE, TEXT)


def test_audio_that_is_much_too_short_for_its_text_is_refused_without_a_reference() -> None:
    assert "too short for its text: 0.50 s, the limit is 0.5" in _refused(spoken(0.5))


def test_audio_that_never_ends_is_refused_without_a_reference() -> None:
    assert "too long for its text: 30.00 s" in _refused(spoken(30.0))


def test_truncated_audio_is_told_by_the_reference() -> None:
    assert "truncated: 1.50 s, 0.60 of the reference's 2.50 s, the limit is 0.85" in _refused(spoken(1.5), TEXT, 2.5)
    assert "too long: 4.00 s, 1.60 of the reference's" in _refused(spoken(4.0), TEXT, 2.5)


def test_the_reference_knows_better_than_the_text_how_long_it_takes() -> None:
    for seconds, text in ((0.2, TEXT), (30.0, TEXT), (9.0, "1999")):
        check(spoken(seconds), RATE, text, reference_s=seconds)


def test_a_number_may_be_one_word() -> None:
    check(spoken(0.5), RATE, "It is 1000000.")


def test_the_text_is_shown_in_one_line() -> None:
    assert _refused(np.zeros(9), "a\nb" * 40).endswith("a ba ba ba ba ba ba ba ba ba ba ba ba b…')")


@pytest.mark.parametrize("kind", [*LENGTHS, REPLY])
def test_every_shipped_sentence_can_be_said_at_any_usual_pace(kind: str) -> None:
    for sentence in shipped(kind):
        for letters_a_second in (7, 13, 25):
            check(spoken(letters(sentence.text) / letters_a_second), RATE, sentence.text)


def test_digits_symbols_and_ideographs_take_longer_than_letters() -> None:
    assert letters("abc, d!") == 4
    assert letters("42 %") == 13
    assert letters("你好。") == 6


@given(st.text(max_size=60), st.floats(0.05, 20))
def test_whatever_the_text_the_answer_is_a_verdict(text: str, seconds: float) -> None:
    try:
        check(spoken(seconds), RATE, text)
    except InvalidOutputError as refused:
        verdict = refused.message
    else:
        verdict = "passes: within every limit"
    assert "limit" in verdict
    assert letters(text) >= 0


@given(st.floats(0.3, 3.0))
def test_a_length_near_the_reference_passes_and_one_far_from_it_does_not(share: float) -> None:
    audio = spoken(share * 2.5)
    if 0.85 <= share <= 1.4:
        check(audio, RATE, TEXT, reference_s=2.5)
    elif share < 0.8 or share > 1.45:
        _refused(audio, TEXT, 2.5)
