from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.recognition.transcripts import count_errors, normaliser


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Turn it ON, please!", "turn it on please"),
        ("what's the time", "What is the time?"),
        ("set it to twenty five", "Set it to 25."),
        ("the colour of [noise] a tyre", "the color of a tire"),
        ("uh I'll go", "i will go"),
    ],
)
def test_what_differs_in_writing_only_is_no_error(one: str, other: str) -> None:
    assert normaliser("en")(one) == normaliser("en")(other)
    assert count_errors([one], [other], "en").words_wrong == 0


def test_other_languages_keep_their_words() -> None:
    assert normaliser("de")("Fünfundzwanzig, bitte!") == normaliser("de")("fünfundzwanzig bitte")


def test_errors_add_up_over_clips() -> None:
    errors = count_errors(["a cat sat", "hello big world"], ["a cat", "hello small world again"], "en")
    assert (errors.words_wrong, errors.words) == (3, 6)  # one lost; one other, one more
    assert errors.wer == 0.5
    assert errors.characters == len("a cat sat") + len("hello big world")
    assert 0 < errors.cer < 1


def test_an_empty_transcript_loses_every_word() -> None:
    assert count_errors(["turn it on"], [""], "en").wer == 1.0


def test_a_reference_without_words_does_not_count() -> None:
    assert count_errors(["[laughter]", "yes"], ["ha ha", "yes"], "en").words == 1
    with pytest.raises(ValueError, match="no transcript has a word"):
        count_errors(["[laughter]"], ["ha"], "en")


_words = st.sampled_from(["one", "two", "cat", "dog", "house"])


@given(st.lists(st.lists(_words, min_size=1, max_size=6), min_size=1, max_size=5))
def test_what_is_heard_right_has_no_errors(texts: list[list[str]]) -> None:
    lines = [" ".join(words) for words in texts]
    errors = count_errors(lines, [line.upper() + "." for line in lines], "en")
    assert (errors.words_wrong, errors.characters_wrong) == (0, 0)
