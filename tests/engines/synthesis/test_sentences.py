from __future__ import annotations

from pathlib import Path

import pytest

from engines.synthesis.sentences import (
    ANSWER,
    LENGTHS,
    REPLY,
    Sentence,
    SentencesError,
    by_length,
    common_phrases,
    own,
    shipped,
)
from engines.synthesis.splitting import opening, pieces
from search_spaces.errors import TunerError


def test_the_kinds_differ_in_length_as_their_names_say() -> None:
    lengths = [[len(s.text) for s in shipped(kind)] for kind in LENGTHS]
    assert max(lengths[0]) < min(lengths[1])
    assert 2 * max(lengths[1]) < min(lengths[2])
    every = [s.text for kind in (*LENGTHS, ANSWER, REPLY) for s in shipped(kind)]
    assert len(set(every)) == len(every)


def test_each_answer_can_be_split_near_its_middle() -> None:
    for answer in shipped(ANSWER):
        first, second = pieces(answer.text, {"split": "sentence"})
        assert len(first) < len(second)


def test_a_third_of_the_replies_begins_with_a_common_phrase_and_no_other_text_does() -> None:
    replies = [s.text for s in shipped(REPLY)]
    hits = [text for text in replies if opening(text, common_phrases())]
    assert len(hits) * 3 == len(replies)
    assert sum(text in common_phrases() for text in hits) * 6 == len(replies)
    assert not any(opening(s.text, common_phrases()) for kind in LENGTHS for s in shipped(kind))


def test_a_text_file_has_a_sentence_a_line(tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    file.write_text("\ufeffGood  morning.\n\n  How are you? \n", encoding="utf-8")
    assert own(str(file)) == [Sentence("sentence-1", "Good morning."), Sentence("sentence-2", "How are you?")]


def test_jsonl_may_give_ids(tmp_path: Path) -> None:
    file = tmp_path / "mine.jsonl"
    file.write_text('"Good morning."\n{"id": "b", "text": "How are you?"}\n')
    assert own(file) == [Sentence("sentence-1", "Good morning."), Sentence("b", "How are you?")]


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("a.txt", "", "has no sentence"),
        ("a.txt", "one\n...\n", "line 2 has nothing to say"),
        ("a.jsonl", '"a"\n{"id"\n', "line 2 is not JSON"),
        ("a.jsonl", "3\n", "line 1 is 3"),
        ("a.jsonl", '{"words": "a"}\n', "unknown key of"),
        ("a.jsonl", '{"id": "x", "text": "a"}\n{"id": "x", "text": "b"}\n', "2 sentences have the id 'x'"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path: Path, name: str, content: str, complaint: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(TunerError) as caught:
        own(tmp_path / name)
    assert complaint in caught.value.message
    assert caught.value.hint


def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "latin.txt").write_bytes("Grüße".encode("latin-1"))
    for path, complaint in ((tmp_path / "none.txt", "there is no file"), (tmp_path, "cannot read"),
                            (tmp_path / "latin.txt", "is not UTF-8")):  # fmt: skip
        with pytest.raises(SentencesError, match=complaint):
            own(path)


def test_some_of_many_represent_their_lengths() -> None:
    many = [Sentence(str(n), "a" * (n + 1)) for n in range(30)]
    assert [s.id for s in by_length(many, 3)] == ["5", "15", "25"]
    assert by_length(many, 99) == many
