from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.embedded.spoken import LONGEST_SHORT, is_held_out, sentences, vocabulary
from engines.embedded.spoken_tokens import (
    END,
    FIRST_TIME,
    FIRST_WORD,
    NO_TIMES,
    PREVIOUS,
    START,
    TIME_STEP,
    VOCABULARY,
    SpokenTokens,
)

TOKENS = SpokenTokens(vocabulary())


def _some(seed: int, held_out: bool, count: int = 2000) -> list[str]:
    return list(itertools.islice(sentences(seed, 0.3, held_out), count))


def test_the_same_seed_says_the_same() -> None:
    assert _some(1, False, 200) == _some(1, False, 200)
    assert _some(1, False, 200) != _some(2, False, 200)


def test_no_long_sentence_is_on_both_sides() -> None:
    trained = {s for s in _some(1, False) if len(s.split()) > LONGEST_SHORT}
    held_out = {s for s in _some(2, True) if len(s.split()) > LONGEST_SHORT}
    assert held_out
    assert not trained & held_out
    assert all(map(is_held_out, held_out))


def test_the_vocabulary_is_all_that_is_said() -> None:
    said = {word for text in _some(3, False, 6000) + _some(4, True) for word in text.split()}
    assert said <= set(vocabulary())
    assert len(said) > 0.95 * len(vocabulary())
    assert all(word == word.lower() and word.isalpha() for word in vocabulary())


def test_every_row_has_a_number_of_its_own() -> None:
    ids = TOKENS.ids
    assert len(ids) == len(set(ids)) == TOKENS.rows
    assert min(ids) == FIRST_WORD
    assert max(ids) < VOCABULARY
    assert TOKENS.rows + TOKENS.unused == VOCABULARY
    for token in (END, START, PREVIOUS, NO_TIMES):
        assert ids[TOKENS.special(token)] == token


@pytest.mark.parametrize(
    ("seconds", "up", "steps"), [(0.0, False, 0), (0.29, False, 2), (0.29, True, 3), (0.3, True, 3)]
)
def test_times_are_tenths_of_a_second(seconds: float, up: bool, steps: int) -> None:
    assert TOKENS.ids[TOKENS.time(seconds, up)] == FIRST_TIME + steps * TIME_STEP


@given(st.floats(-5, 100), st.booleans())
def test_a_time_is_within_the_window(seconds: float, up: bool) -> None:
    assert FIRST_TIME <= TOKENS.ids[TOKENS.time(seconds, up)] <= FIRST_TIME + 1500


def test_text_and_back() -> None:
    rows = TOKENS.text("turn on the lights")
    assert TOKENS.words_of([*rows, TOKENS.special(END), TOKENS.time(1.0)]) == "turn on the lights"
    assert b"".join(TOKENS.piece(TOKENS.ids[row]) for row in rows) == b" turn on the lights"
    assert TOKENS.piece(32) == b" "
    with pytest.raises(KeyError):
        TOKENS.text("antidisestablishmentarianism")
