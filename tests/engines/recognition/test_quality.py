"""Judging, with a recogniser that is scripted and a clock that is its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from engines.base import Model, Workload
from engines.judgement import WorstItem
from engines.recognition import quality
from engines.recognition.audio import F32
from engines.recognition.quality import Judged, judge, judged_file, passages, prepare_reference, read_reference
from engines.recognition.workload import resolve_workload
from tests.engines.recognition.conftest import quiet

CLIPS = 30


class Recogniser:
    """Hears what is said, or what `wrong` says, and takes a second, or what `slow` says each time."""

    def __init__(
        self,
        workload: Workload,
        monkeypatch: pytest.MonkeyPatch,
        wrong: Mapping[int, str] | None = None,
        slow: Mapping[int, Sequence[float]] | None = None,
    ) -> None:
        self.said = [p.text for p in passages(workload)]
        self.wrong, self.slow = dict(wrong or {}), {at: list(times) for at, times in (slow or {}).items()}
        self.asked: list[int] = []
        self._now = 0.0
        self._sounds = {p.load().tobytes(): at for at, p in enumerate(passages(workload))}
        monkeypatch.setattr(quality.time, "perf_counter", lambda: self._now)

    def hear(self, audio: F32) -> str:
        at = self._sounds[audio.tobytes()]
        self.asked.append(at)
        self._now += self.slow[at].pop(0) if self.slow.get(at) else 1.0
        return self.wrong.get(at, self.said[at])


@pytest.fixture
def workload(model: Model) -> Workload:
    held_out = resolve_workload({"clips": "utterances", "eval_clips": CLIPS}, model, quiet).held_out
    assert held_out is not None
    return held_out


Judge = Callable[..., Mapping[str, float]]


@pytest.fixture
def judged(workload: Workload, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Judge:
    reference = tmp_path / "reference.json"
    prepare_reference(reference, workload, Recogniser(workload, monkeypatch, {3: "no"}).hear, quiet)

    def of(recogniser: Recogniser | None, material: Workload = workload) -> Mapping[str, float]:
        return judge(material, reference, {"audio_ctx": "clip"}, recogniser.hear if recogniser else None).metrics

    return of


def test_the_reference_fails_nowhere_by_definition(judged: Judge) -> None:
    assert judged(None)["failed_clips_upper"] == 0.0
    assert judged(None)["wer_increase"] == 0.0


def test_what_hears_the_same_is_bounded_by_the_number_of_clips(
    judged: Judge, workload: Workload, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = judged(Recogniser(workload, monkeypatch, {3: "no"}))
    assert found["failed_clips"] == 0.0
    assert found["failed_clips_upper"] == pytest.approx(1 - 0.05 ** (1 / CLIPS))


def test_clips_that_fail_are_counted_where_the_reference_did_not(
    judged: Judge, workload: Workload, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = judged(Recogniser(workload, monkeypatch, {3: "no", 5: "", 6: "over and over again " * 8}))
    assert found["failed_clips"] == pytest.approx(2 / CLIPS)
    assert found["failed_clips_upper"] == pytest.approx(quality.upper_bound(2, CLIPS))
    searched = Workload("s", workload.items, {k: v for k, v in workload.quality.items() if k != "proof"})
    assert judged(Recogniser(workload, monkeypatch, {5: ""}), searched)["failed_clips_upper"] == 1 / CLIPS


def test_a_late_clip_counts_as_failed_unless_it_was_a_hiccup(
    judged: Judge, workload: Workload, monkeypatch: pytest.MonkeyPatch
) -> None:
    hiccup = Recogniser(workload, monkeypatch, slow={4: [15.0]})
    assert judged(hiccup)["failed_clips"] == 0.0
    assert hiccup.asked.count(4) == 2
    late = Recogniser(workload, monkeypatch, slow={4: [15.0, 16.0], 7: [31.0]})
    assert judged(late)["failed_clips"] == pytest.approx(2 / 8), "a minute is lost: no more are judged"
    assert late.asked == [0, 1, 2, 3, 4, 4, 5, 6, 7]


def test_what_was_heard_lies_beside_the_reference_the_worst_first(
    judged: Judge, workload: Workload, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged(Recogniser(workload, monkeypatch, {2: "quite something else", 9: ""}))
    document = json.loads(judged_file(tmp_path / "reference.json", {"audio_ctx": "clip"}).read_text())
    assert document["params"] == {"audio_ctx": "clip"}
    assert len(document["clips"]) == CLIPS
    worst, second = (Judged(**clip) for clip in document["clips"][:2])
    assert worst.id == passages(workload)[9].id
    assert worst.failure == "nothing was heard"
    assert worst.named == WorstItem(
        worst.id, f"nothing was heard; {worst.words} of {worst.words} words wrong, 0 by the reference", worst.said, ""
    )
    assert second.heard == "quite something else"


def test_the_reference_s_worst_clip_is_told(
    workload: Workload, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    path = tmp_path / "reference.json"
    prepare_reference(path, workload, Recogniser(workload, monkeypatch, {3: "no"}).hear, told.append)
    assert told[-1].startswith(f"worst clip of the reference: {passages(workload)[3].id}: ")
    assert read_reference(path)[3].text == "no"
    assert {heard.seconds for heard in read_reference(path)} == {1.0}


def test_reference_files_differ_by_engine_build_model_and_clips(model: Model, workload: Workload) -> None:
    build = {"version": "1", "build": "a"}
    files = {
        quality.reference_file("one", model, workload, build),
        quality.reference_file("other", model, workload, build),
        quality.reference_file("one", model, workload, {**build, "build": "b"}),
        quality.reference_file("one", model, Workload("none", ()), build),
    }
    assert len(files) == 4


def test_a_workload_without_transcripts_has_nothing_to_judge() -> None:
    assert passages(Workload("none", ())) == []
