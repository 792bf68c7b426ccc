from __future__ import annotations

from typing import Any

import pytest

from engines.base import Model, Workload
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


def test_fewer_texts_than_were_asked_for_is_said() -> None:
    assert _workload(items_per_round=50).notes == (
        "15 sentences are timed, not 50: the tool has no more of lengths=mixed",
    )
    assert (len(_workload(items_per_round=15).items), _workload(items_per_round=15).notes) == (15, ())
    assert len(_workload(sentences=["Hello there."], items_per_round=5).items) == 1


def test_own_sentences() -> None:
    workload = _workload(sentences=["Hello there.", "Goodbye now."])
    assert [i.payload["text"] for i in workload.items] == ["Hello there.", "Goodbye now."]
    assert len(_workload(sentences=[f"Sentence {n}." for n in range(20)]).items) == 5


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
