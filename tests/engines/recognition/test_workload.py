from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.base import Model, Workload
from engines.recognition.clips import Clip, Passage, joined
from engines.recognition.selection import JUDGED_MOST, SEARCHED, evenly, judged, spread
from engines.recognition.workload import provable, resolution, resolve_workload
from search_spaces.errors import TunerError
from tests.engines.recognition.conftest import quiet, tone, write_wav


def _workload(model: Model, **options: Any) -> Workload:
    return resolve_workload(options, model, quiet)


def _passages(workload: Workload) -> list[Passage]:
    return [Passage.from_json(item.payload) for item in workload.items]


def _judged(workload: Workload) -> list[Passage]:
    return [Passage.from_json(document) for document in workload.quality["passages"]]


def _held_out(workload: Workload) -> Workload:
    assert workload.held_out is not None
    return workload.held_out


def test_by_default_chunks_utterances_and_stressed_ones_are_timed_and_hundreds_of_words_judged(model: Model) -> None:
    workload = _workload(model)
    for part, least, words in ((workload, 24, 200), (_held_out(workload), 48, 300)):
        passages = _passages(part)
        assert len(passages) == 6
        assert [p.treatment.name for p in passages] == ["", "", "", "", "after 3 s", "noise 15 dB"]
        assert [p.seconds < 1.5 for p in passages] == [True, True, False, False, False, False]
        chosen = _judged(part)
        assert sum(len(p.text.split()) for p in chosen) >= words
        assert least <= len(chosen) <= 60
        assert sum(bool(p.treatment.name) for p in chosen) == pytest.approx(len(chosen) / 3, abs=1)
        assert all(len(p.clips) == 1 for p in chosen), "the embedded model hears the first of several utterances only"
        places = [int(p.clips[0].id.split("-")[1]) for p in chosen]
        assert max(b - a for a, b in pairwise(sorted(places))) <= 12, "voices and noise are spread evenly"
    assert workload.notes[0] == "80 clips are searched on, 160 are held out for the proof"
    assert workload.notes[1].startswith("in the search, word errors are counted on 27 clips with 224 words")
    assert workload.notes[2].startswith("in the proof, word errors are counted on 48 clips with 406 words")


def test_what_is_timed_is_judged_too_where_quality_is_so_that_it_is_heard_once(model: Model, tmp_path: Path) -> None:
    for number in range(120):
        write_wav(tmp_path / f"{number:03}.wav", tone(0.5 + number / 100))
        (tmp_path / f"{number:03}.txt").write_text(f"this is number {number}")
    own, shipped = _workload(model, audio=str(tmp_path)), _workload(replace(model, source="base.bin"))
    for part in (own, _held_out(own), shipped, _held_out(shipped)):
        judged_ids = {p.id for p in _judged(part)}
        timed = [p for p in _passages(part) if not p.id.startswith("chunk")]
        assert len(timed) >= 4
        assert {p.id for p in timed} <= judged_ids


def test_other_models_hear_pauses_long_passages_and_leading_silence_too(model: Model) -> None:
    workload = _workload(replace(model, source="base.bin"))
    assert len(_judged(workload)) >= 24
    chosen = _judged(_held_out(workload))
    assert {p.treatment.name for p in chosen} > {p.treatment.name for p in _judged(_workload(model))}
    assert any(p.treatment.before_s == 1.5 for p in chosen)
    assert sum(len(p.clips) == 2 and p.gap_s == 1.5 for p in chosen) == 2
    assert sum(20 <= p.length_s < 30 for p in chosen) == 2


@pytest.mark.parametrize("options", [{}, {"clips": "chunks"}, {"clips": "utterances"}, {"clips": "recording"}], ids=str)
def test_no_clip_is_both_searched_on_and_held_out(model: Model, options: dict[str, Any]) -> None:
    workload = _workload(model, **options)
    held_out = _held_out(workload)
    searched, proven = ({c for p in (*_passages(w), *_judged(w)) for c in p.clips} for w in (workload, held_out))
    assert searched
    assert proven
    assert not searched & proven
    assert held_out.quality["proof"] is True
    assert "proof" not in workload.quality
    assert held_out.digest != workload.digest
    assert held_out.held_out is None


def test_the_number_of_judged_clips_can_be_given(model: Model) -> None:
    for count in (30, 7, 1):
        workload = _workload(model, eval_clips=count)
        assert len(_judged(workload)) == len(_judged(_held_out(workload))) == count


@given(st.lists(st.integers(1, 60), min_size=1, max_size=300))
def test_as_many_clips_are_judged_as_have_the_words(lengths: list[int]) -> None:
    clips = [Clip(str(number), "a.wav", 0.0, 1.0, " ".join("w" * count)) for number, count in enumerate(lengths)]
    chosen = judged(clips, None, SEARCHED)
    assert min(SEARCHED.clips, len(clips)) <= len(chosen) <= JUDGED_MOST
    if len(chosen) < min(JUDGED_MOST, len(clips)):
        assert sum(len(clip.text.split()) for clip in chosen) >= SEARCHED.words


def test_a_folder_of_few_words_says_what_one_of_them_is_worth() -> None:
    few, many = (joined([Clip("a", "a.wav", 0.0, 1.0, "turn it off")] * n, 1, 0.0) for n in (10, 100))
    assert resolution(few) == (
        "word errors are counted on 10 clips with 30 words: one word is 3.3 points, "
        "so a limit of one point allows none: give more recordings"
    )
    assert resolution(many) == "word errors are counted on 100 clips with 300 words: one word is 0.33 points"


def test_chunks(model: Model) -> None:
    workload = _workload(model, clips="chunks", items_per_round=5, eval_clips=200)
    assert all(0.5 <= p.seconds <= 1.5 for p in _passages(workload) + _judged(workload))
    assert (len(workload.items), len(_judged(workload)), len(_judged(_held_out(workload)))) == (5, 40, 80)


def test_chunks_that_arrive_together_are_one_call(model: Model) -> None:
    workload = _workload(model, clips="chunks", batch_size=4, items_per_round=3, eval_clips=10)
    assert [len(p.clips) for p in _passages(workload)] == [4, 4, 4]
    assert [len(p.clips) for p in _judged(workload)] == [4, 4, 2, *[1] * 10], "each clip by itself too"
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
    assert workload.notes == (
        "unknown.wav has no transcript: left out",
        "20 recordings, 0.5 minutes",
        "7 clips are searched on, 13 are held out for the proof",
        "in the search, word errors are counted on 7 clips with 14 words: one word is 7.1 points, "
        "so a limit of one point allows none: give more recordings",
        "in the proof, word errors are counted on 8 clips with 16 words: one word is 6.2 points, "
        "so a limit of one point allows none: give more recordings",
        "where none of the 8 clips held out fails, up to 31 % of all may: "
        "constraints.failed_clips_upper=0.12 needs 24, so only what leaves the transcripts as they are can "
        "win: give more recordings",
    )
    for part, count in ((workload, 7), (_held_out(workload), 8)):
        assert (len(part.items), len(_judged(part))) == (5, count)
        lengths = [p.seconds for p in _passages(part)]
        assert lengths == sorted(lengths)
        assert max(lengths) - min(lengths) > 0.8
    again = _workload(model, audio=str(tmp_path), items_per_round=5, eval_clips=8)
    assert again.digest == workload.digest
    write_wav(tmp_path / "02.wav", tone(0.7, hertz=300.0))
    other = _workload(model, audio=str(tmp_path), items_per_round=5, eval_clips=8)
    assert (other.digest, _held_out(other).digest) != (workload.digest, _held_out(workload).digest)


def test_a_recording_keeps_its_part_wherever_it_lies(model: Model, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        for number in range(12):
            name = f"{number:02}" if folder == "a" else f"other-{11 - number:02}"
            write_wav(tmp_path / folder / f"{name}.wav", tone(0.5 + number / 10))
            (tmp_path / folder / f"{name}.txt").write_text(f"number {number}")
    one, other = (_workload(model, audio=str(tmp_path / folder)) for folder in ("a", "b"))
    assert sorted(p.text for p in _judged(one)) == sorted(p.text for p in _judged(other))


def test_of_too_few_recordings_nothing_is_held_out(model: Model, tmp_path: Path) -> None:
    for number in range(5):
        write_wav(tmp_path / f"{number}.wav", tone(0.5 + number / 10))
        (tmp_path / f"{number}.txt").write_text("hello there")
    workload = _workload(model, audio=str(tmp_path))
    assert workload.held_out is None
    assert workload.notes[1].startswith("nothing is held out of 5 recordings")
    assert len(workload.items) == len(_judged(workload)) == 5


def test_what_few_clips_can_prove_is_told() -> None:
    assert provable(24) == ""
    assert provable(23).startswith("where none of the 23 clips held out fails, up to 12 % of all may")


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
