from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.synthesis.sentences import LENGTHS, shipped
from engines.synthesis.splitting import FIRST_CHUNK, SPLIT, opening, pieces

_CONFIGURATIONS = st.fixed_dictionaries(
    {"split": st.sampled_from(SPLIT), "first_chunk": st.sampled_from(FIRST_CHUNK), "first_words": st.integers(1, 9)}
)
_TEXTS = st.one_of(
    st.text(max_size=80),
    st.lists(st.sampled_from(["Hello", "Dr.", "3.5", "a,", "end.", "-", "…", "你好。", "5 p.m.", '"Why?"', "it"]))
    .map(" ".join),
)  # fmt: skip


@given(_TEXTS, _CONFIGURATIONS)
def test_nothing_is_lost_added_or_moved_and_every_piece_says_something(text: str, params: dict[str, object]) -> None:
    found = pieces(text, params)
    if any(c.isalnum() for c in text):
        assert "".join("".join(found).split()) == "".join(text.split())
    else:
        assert found == []
    for piece in found:
        assert any(c.isalnum() for c in piece)
        assert piece == " ".join(piece.split())


@given(_TEXTS, _CONFIGURATIONS)
def test_cutting_a_piece_again_changes_nothing_but_the_first(text: str, params: dict[str, object]) -> None:
    whole = {**params, "first_chunk": "same"}
    rest = [again for piece in pieces(text, whole) for again in pieces(piece, whole)]
    assert rest == pieces(text, whole)


@given(_TEXTS, _CONFIGURATIONS)
def test_an_early_first_chunk_is_a_part_of_the_first_piece(text: str, params: dict[str, object]) -> None:
    plain, early = pieces(text, {**params, "first_chunk": "same"}), pieces(text, params)
    assert len(early) - len(plain) in (0, 1)
    if early:
        assert plain[0].startswith(early[0])


def test_without_a_knob_the_text_stays_whole() -> None:
    assert pieces(" One.  Two.\nThree. ", {}) == ["One. Two. Three."]


def test_sentences() -> None:
    text = 'Dr. J. Smith paid 3.5 dollars at 5 p.m. on Monday, e.g. "Really?" she said. Then we left! Yes… No?'
    assert pieces(text, {"split": "sentence"}) == [
        'Dr. J. Smith paid 3.5 dollars at 5 p.m. on Monday, e.g. "Really?" she said.', "Then we left!", "Yes…", "No?",
    ]  # fmt: skip


def test_sentences_without_spaces_between_them() -> None:
    assert pieces("你好。我是谁？好", {"split": "sentence"}) == ["你好。", "我是谁？", "好"]


def test_clauses() -> None:
    text = "To reset it, hold the button; then wait: 1,500 seconds – at least."
    assert pieces(text, {"split": "clause"}) == [
        "To reset it,", "hold the button;", "then wait:", "1,500 seconds –", "at least.",
    ]  # fmt: skip


def test_the_first_chunk_may_be_a_clause_or_some_words() -> None:
    text = "To reset the router, hold the button for ten seconds. Then wait."
    assert pieces(text, {"first_chunk": "clause"}) == [
        "To reset the router,", "hold the button for ten seconds. Then wait.",
    ]  # fmt: skip
    assert pieces(text, {"first_chunk": "words", "first_words": 2, "split": "sentence"}) == [
        "To reset", "the router, hold the button for ten seconds.", "Then wait.",
    ]  # fmt: skip
    assert pieces(text, {"first_chunk": "words", "first_words": 8})[0] == "To reset the router,"


def test_a_single_word_is_not_left_over() -> None:
    assert pieces("One two three four", {"first_chunk": "words", "first_words": 3}) == ["One two three four"]
    assert pieces("One two three four", {"first_chunk": "words", "first_words": 2}) == ["One two", "three four"]


@pytest.mark.parametrize("params", [{"split": "word"}, {"first_chunk": "late"}])
def test_an_impossible_value_is_named(params: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="is wanted"):
        pieces("Hello there.", params)


def test_no_words_are_no_first_chunk() -> None:
    with pytest.raises(ValueError, match="first_words is 0"):
        pieces("Hello there you.", {"first_chunk": "words", "first_words": 0})


@pytest.mark.parametrize("kind", LENGTHS)
def test_the_shipped_sentences_are_cut_where_they_end(kind: str) -> None:
    for sentence in shipped(kind):
        found = pieces(sentence.text, {"split": "sentence"})
        assert all(piece[-1] in ".?!" for piece in found)
        assert len(found) == sum(sentence.text.count(mark) for mark in ".?!")


def test_an_opening_is_the_longest_phrase_that_ends_where_a_word_does() -> None:
    phrases = ["No", "No, thanks.", "Yes."]
    assert opening("No, thanks. Not today.", phrases) == "No, thanks."
    assert opening("No way", phrases) == "No"
    assert opening("Nobody knows.", phrases) == ""
    assert opening("Yes.", phrases) == "Yes."
    assert opening("Well, no.", ["", *phrases]) == ""
