from __future__ import annotations

from typing import Any

import pytest

from engines.base import Model, Workload
from engines.synthesis.parts import JUDGED_PER_TIMED
from engines.synthesis.sentences import ANSWER, REPLY, common_phrases, shipped
from engines.synthesis.splitting import opening
from engines.synthesis.workload import KINDS, judged_texts, resolve_workload
from search_spaces.errors import TunerError

MODEL = Model("voice", "voice", "0" * 64, {"": ""}, "", "")


def _workload(**options: Any) -> Workload:
    return resolve_workload(options, MODEL, lambda line: None)


def test_by_default_five_texts_of_all_lengths_are_timed_and_judged() -> None:
    workload = _workload()
    assert [i.id.split("-")[0] for i in workload.items] == ["short", "short", "medium", "medium", "long"]
    assert judged_texts(workload) == [i.payload["text"] for i in workload.items]


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_and_counts(kind: str) -> None:
    for count in (1, 2, 3):
        assert len(_workload(lengths=kind, items_per_round=count).items) == count


def _texts(workload: Workload) -> list[str]:
    return [str(item.payload["text"]) for item in workload.items]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [1, 2, 3])
def test_as_many_others_of_the_same_lengths_are_held_out(kind: str, count: int) -> None:
    searched = _workload(lengths=kind, items_per_round=count)
    held = searched.proof
    assert held is not searched
    assert not set(judged_texts(searched)) & set(judged_texts(held))
    assert [i.id.split("-")[0] for i in held.items] == [i.id.split("-")[0] for i in searched.items]
    assert (held.name, held.notes, held.held_out) == (searched.name, (), None)
    assert set(_texts(held)) < set(judged_texts(held))
    assert len(judged_texts(held)) == JUDGED_PER_TIMED * count


def test_what_is_searched_on_and_what_the_proof_is_on_is_said() -> None:
    assert _workload().notes == (
        "5 of 15 sentences are searched on; of 30 others, held out, the proof is on 5 and its quality on 10",
    )


def test_both_parts_of_the_replies_begin_with_cached_phrases_alike() -> None:
    workload = _workload(lengths=REPLY, items_per_round=6)
    for texts in (_texts(workload), _texts(workload.proof)):
        hits = [text for text in texts if opening(text, common_phrases())]
        assert (len(hits), sum(text in common_phrases() for text in hits)) == (2, 1)


def test_fewer_texts_than_were_asked_for_is_said() -> None:
    assert _workload(items_per_round=50).notes[0] == (
        "15 sentences are timed, not 50: the tool has no more of lengths=mixed"
    )
    assert (len(_workload(items_per_round=15).items), len(_workload(items_per_round=15).notes)) == (15, 1)
    assert len(_workload(lengths=ANSWER, items_per_round=9).items) == len(shipped(ANSWER)) // 3


def test_own_sentences() -> None:
    workload = _workload(sentences=[f"Sentence {n}." for n in range(20)])
    assert (len(workload.items), len(workload.proof.items)) == (5, 5)
    assert not set(_texts(workload)) & set(_texts(workload.proof))
    assert _workload(sentences=[f"Sentence {n}." for n in range(20)], items_per_round=99).notes == (
        "7 of 7 sentences are searched on; of 13 others, held out, the proof is on 7 and its quality on 13",
    )


def test_of_too_few_sentences_all_are_timed_and_nothing_is_held_out() -> None:
    workload = _workload(sentences=["Hello there.", "Goodbye now."])
    assert _texts(workload) == ["Hello there.", "Goodbye now."]
    assert workload.held_out is None
    assert workload.notes[0].startswith("nothing is held out of 2 sentences")


def test_a_text_that_is_given_twice_is_in_one_part() -> None:
    listed = [{"id": f"{n}", "text": f"Sentence {n % 8}."} for n in range(24)]
    workload = _workload(sentences=listed, items_per_round=24)
    assert not set(_texts(workload)) & set(_texts(workload.proof))
    assert len(set(_texts(workload))) < len(workload.items)


def test_who_listens_to_the_search_listens_to_the_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engines.synthesis.workload.listener", lambda path, language: {"model": path})
    workload = _workload(asr_model="ear.bin")
    assert workload.quality["asr_model"] == workload.proof.quality["asr_model"] == {"model": "ear.bin"}


def test_other_texts_are_another_workload() -> None:
    assert _workload(lengths="short").digest != _workload(lengths="long").digest
    assert _workload().digest == _workload().digest


@pytest.mark.parametrize(
    "options", [{"lengths": "huge"}, {"items_per_round": 0}, {"items_per_round": True}, {"text": "a"}]
)
def test_what_is_wrong_is_said(options: dict[str, Any]) -> None:
    with pytest.raises(TunerError) as caught:
        _workload(**options)
    assert caught.value.hint
