from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.base import Model, Workload
from engines.recognition.clips import Clip, Passage, joined
from engines.recognition.workload import (
    JUDGED_LEAST,
    JUDGED_MOST,
    JUDGED_WORDS,
    _to_evaluate,
    evenly,
    resolution,
    resolve_workload,
    spread,
)
from search_spaces.errors import TunerError
from tests.engines.recognition.conftest import quiet, tone, write_wav


def _workload(model: Model, **options: Any) -> Workload:
    return resolve_workload(options, model, quiet)


def _passages(workload: Workload) -> list[Passage]:
    return [Passage.from_json(item.payload) for item in workload.items]


def _judged(workload: Workload) -> list[Passage]:
    return [Passage.from_json(document) for document in workload.quality["passages"]]


def test_by_default_chunks_and_utterances_are_timed_and_300_words_judged(model: Model) -> None:
    workload = _workload(model)
    lengths = [p.seconds for p in _passages(workload)]
    assert len(lengths) == 6
    assert sum(0.5 <= s <= 1.5 for s in lengths) == 2
    assert sum(2.0 <= s <= 4.0 for s in lengths) == 4
    judged = _judged(workload)
    words = [len(p.text.split()) for p in judged]
    assert 300 <= sum(words) < 330
    assert len(judged) <= 40
    assert all(2.0 <= p.seconds <= 4.0 for p in judged)
    places = [int(p.clips[0].id.split("-")[1]) for p in judged]
    assert max(b - a for a, b in pairwise(places)) <= 4, "voices and noise are spread evenly"
    assert (
        f"word errors are counted on {len(judged)} clips with {sum(words)} words: one word is 0.3" in workload.notes[-1]
    )


def test_the_number_of_judged_clips_can_be_given(model: Model) -> None:
    assert len(_judged(_workload(model, eval_clips=120))) == 120
    assert len(_judged(_workload(model, eval_clips=7))) == 7


@given(st.lists(st.integers(1, 60), min_size=1, max_size=300))
def test_as_many_clips_are_judged_as_have_the_words(lengths: list[int]) -> None:
    clips = [Clip(str(number), "a.wav", 0.0, 1.0, " ".join("w" * count)) for number, count in enumerate(lengths)]
    judged = _to_evaluate(clips, None)
    assert min(JUDGED_LEAST, len(clips)) <= len(judged) <= JUDGED_MOST
    if len(judged) < min(JUDGED_MOST, len(clips)):
        assert sum(len(clip.text.split()) for clip in judged) >= JUDGED_WORDS


def test_a_folder_of_few_words_says_what_one_of_them_is_worth() -> None:
    few, many = ([Clip("a", "a.wav", 0.0, 1.0, "turn it off") for _ in range(n)] for n in (10, 100))
    assert resolution(few) == (
        "word errors are counted on 10 clips with 30 words: one word is 3.3 points, "
        "so a limit of one point allows none: give more recordings"
    )
    assert resolution(many) == "word errors are counted on 100 clips with 300 words: one word is 0.33 points"


def test_chunks(model: Model) -> None:
    workload = _workload(model, clips="chunks", items_per_round=5, eval_clips=200)
    assert all(0.5 <= p.seconds <= 1.5 for p in _passages(workload) + _judged(workload))
    assert (len(workload.items), len(_judged(workload))) == (5, 120)


def test_chunks_that_arrive_together_are_one_call(model: Model) -> None:
    workload = _workload(model, clips="chunks", batch_size=4, items_per_round=3, eval_clips=10)
    assert [len(p.clips) for p in _passages(workload)] == [4, 4, 4]
    assert [len(p.clips) for p in _judged(workload)] == [4, 4, 2]
    passage = _passages(workload)[0]
    assert passage.seconds == pytest.approx(sum(c.seconds for c in passage.clips))
    assert passage.load().size == pytest.approx((passage.seconds + 3 * 0.3) * 16000, abs=8)
    assert passage.text == " ".join(c.text for c in passage.clips)


def test_the_recording_lasts_over_a_minute(model: Model) -> None:
    (passage,) = _passages(_workload(model, clips="recording", items_per_round=1))
    assert passage.load().size > 60 * 16000


def test_a_folder_of_the_user(model: Model, tmp_path: Path) -> None:
    for number in range(20):
        write_wav(tmp_path / f"{number:02}.wav", tone(0.5 + number / 10))
        (tmp_path / f"{number:02}.txt").write_text("hello there")
    (tmp_path / "unknown.wav").write_text("no sound at all")
    workload = _workload(model, audio=str(tmp_path), items_per_round=5, eval_clips=8)
    assert workload.notes[:2] == ("unknown.wav has no transcript: left out", "20 recordings, 0.5 minutes")
    assert workload.notes[2].startswith("word errors are counted on 8 clips with 16 words: one word is 6.2 points, so")
    assert len(workload.items) == 5
    assert len(_judged(workload)) == 8
    lengths = [p.seconds for p in _passages(workload)]
    assert lengths == sorted(lengths)
    assert max(lengths) - min(lengths) > 1.2
    again = _workload(model, audio=str(tmp_path), items_per_round=5, eval_clips=8)
    assert again.digest == workload.digest
    write_wav(tmp_path / "02.wav", tone(0.7, hertz=300.0))
    assert _workload(model, audio=str(tmp_path), items_per_round=5, eval_clips=20).digest != workload.digest


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"clip": "chunks"}, "workload option"),
        ({"clips": "words"}, "workload.clips"),
        ({"batch_size": 0}, "workload.batch_size is 0"),
        ({"items_per_round": 2.5}, "workload.items_per_round is 2.5"),
        ({"eval_clips": True}, "workload.eval_clips is True"),
        ({"gap_s": "long"}, "workload.gap_s is 'long'"),
        ({"audio": "/nowhere/at/all"}, "there is no folder"),
    ],
)
def test_a_wrong_option_is_one_line(model: Model, options: dict[str, Any], message: str) -> None:
    with pytest.raises(TunerError) as caught:
        _workload(model, **options)
    assert message in caught.value.message
    assert caught.value.hint


def _clips(seconds: list[float]) -> list[Clip]:
    return [Clip(str(number), "a.wav", 0.0, s, "text") for number, s in enumerate(seconds)]


@given(st.lists(st.floats(0.1, 30), min_size=1, max_size=40), st.integers(1, 50))
def test_what_is_chosen_is_in_order_and_different(seconds: list[float], count: int) -> None:
    clips = _clips(seconds)
    for chosen in (spread(clips, count), evenly(clips, count)):
        places = [int(clip.id) for clip in chosen]
        assert places == sorted(set(places))
        assert len(places) == min(count, len(clips))


@given(st.lists(st.floats(0.1, 3), min_size=1, max_size=20), st.integers(1, 6))
def test_joining_keeps_every_clip(seconds: list[float], together: int) -> None:
    passages = joined(_clips(seconds), together, 0.2)
    assert [clip for p in passages for clip in p.clips] == _clips(seconds)
    assert all(Passage.from_json(p.to_json()) == p for p in passages)
