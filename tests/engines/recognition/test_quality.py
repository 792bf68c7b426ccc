"""Judging, with a recogniser that is scripted."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from engines.base import Model, Workload
from engines.errors import EngineError
from engines.judgement import NO_LIMITS, Judgement, QualityLimits, WorstItem
from engines.recognition.clips import Passage
from engines.recognition.failures import upper_bound
from engines.recognition.hearing import Heard
from engines.recognition.material import Material, passages
from engines.recognition.quality import SETTLED_CLIPS, SETTLED_WORDS, Judged, judge, judged_file
from engines.recognition.reference import keep_reference, read_reference, reference_file, write_reference
from engines.recognition.workload import resolve_workload
from tests.engines.recognition.conftest import quiet
from tests.engines.recognition.scripted import Recogniser

CLIPS = 30
MISHEARD = {3: "no"}
"""What the reference hears in place of what is said."""
OTHER = {"audio_ctx": "clip"}


@pytest.fixture
def workload(model: Model) -> Workload:
    held_out = resolve_workload({"clips": "utterances", "eval_clips": CLIPS}, model, quiet).held_out
    assert held_out is not None
    return held_out


def searched(workload: Workload) -> Workload:
    """The same clips, to search on."""
    return Workload("s", workload.items, {k: v for k, v in workload.quality.items() if k != "proof"})


Judge = Callable[..., Judgement]


@pytest.fixture
def judged(workload: Workload, tmp_path: Path) -> Judge:
    reference = tmp_path / "reference.json"
    write_reference(reference, passages(workload), Recogniser(workload, MISHEARD), quiet)

    def of(
        recogniser: Recogniser | None, material: Workload = workload, limits: QualityLimits = NO_LIMITS
    ) -> Judgement:
        if recogniser is not None:
            recogniser.settings = recogniser.settings or OTHER
        return judge(material, reference, OTHER, recogniser, limits)

    return of


def test_the_reference_fails_nowhere_by_definition(judged: Judge) -> None:
    found = judged(None)
    assert found.metrics["failed_clips_upper"] == found.metrics["wer_increase"] == 0.0
    assert found.metrics["wer"] > 0
    assert found.worst is not None
    assert found.worst.output == "no"
    assert found.complete


def test_what_hears_the_same_is_bounded_by_the_number_of_clips(judged: Judge, workload: Workload) -> None:
    found = judged(Recogniser(workload, MISHEARD)).metrics
    assert found["failed_clips"] == 0.0
    assert found["failed_clips_upper"] == pytest.approx(1 - 0.05 ** (1 / CLIPS))


def test_clips_that_fail_are_counted_where_the_reference_did_not(judged: Judge, workload: Workload) -> None:
    found = judged(Recogniser(workload, {**MISHEARD, 5: "", 6: "over and over again " * 8})).metrics
    assert found["failed_clips"] == pytest.approx(2 / CLIPS)
    assert found["failed_clips_upper"] == pytest.approx(upper_bound(2, CLIPS))
    other = Recogniser(workload, {5: ""}, settings={"audio_ctx": "full"})
    assert judged(other, searched(workload)).metrics["failed_clips_upper"] == 1 / CLIPS


def test_a_late_clip_fails_and_its_words_do_not_count_unless_it_was_a_hiccup(judged: Judge, workload: Workload) -> None:
    hiccup = Recogniser(workload, MISHEARD, slow={4: [15.0]})
    assert judged(hiccup).metrics["failed_clips"] == 0.0
    assert hiccup.asked.count(4) == 2
    late = Recogniser(workload, {4: "never"}, slow={4: [15.0, 16.0]}, settings={"other": "one"})
    found = judged(late)
    assert found.metrics["failed_clips"] == 1 / CLIPS
    assert found.metrics["wer"] == 0.0
    assert found.worst == WorstItem(
        passages(workload)[4].id, "it took 15.0 s, 15 times as long as the reference", late.said[4], "never"
    )


def test_no_more_is_judged_once_a_minute_is_lost(judged: Judge, workload: Workload) -> None:
    """The clip that the reference has wrong comes first."""
    late = Recogniser(workload, slow={4: [15.0, 16.0], 7: [46.0]})
    found = judged(late)
    assert late.asked == [3, 0, 1, 2, 4, 4, 5, 6, 7]
    assert found.metrics["failed_clips"] == pytest.approx(2 / 8)
    assert found.complete, "it would be the same with other limits"


def test_what_can_be_stopped_is_not_waited_for(judged: Judge, workload: Workload) -> None:
    loop = Recogniser(workload, slow={4: [125.0, 125.0]}, stops=True)
    before_s, found = loop.now, judged(loop)
    assert loop.now - before_s < CLIPS + 2 * 9
    assert found.metrics["failed_clips"] == 1 / CLIPS
    assert found.worst is not None
    assert found.worst.how.startswith("it took over ")
    assert found.worst.output == ""


@pytest.mark.parametrize(
    ("limits", "wrong", "asked"),
    [
        ({"wer_increase": 0.01}, dict.fromkeys((0, 1), "quite something else"), 2),
        ({"wer": 0.05}, {0: "quite something else"}, 2),
        ({"failed_clips_upper": 0.18}, {0: "", 1: ""}, 3),
        ({"failed_clips": 0.05}, {0: "", 2: ""}, 4),
        ({"cer": 0.0, "kld": 0.0}, {0: ""}, CLIPS),
    ],
)
def test_judging_ends_as_soon_as_a_limit_is_broken_whatever_comes(
    judged: Judge,
    workload: Workload,
    limits: QualityLimits,
    wrong: dict[int, str],
    asked: int,
) -> None:
    hasty = Recogniser(workload, {**MISHEARD, **wrong})
    found = judged(hasty, limits=limits)
    assert len(hasty.asked) == asked
    assert found.complete == (asked == CLIPS)
    broken = [name for name, limit in limits.items() if found.metrics.get(name, 0.0) > limit]
    assert broken, "what was judged breaks it too"
    whole = judged(Recogniser(workload, {**MISHEARD, **wrong}, settings={"another": "one"}))
    assert any(whole.metrics[name] > limits[name] for name in broken), "and so does the whole"


def test_what_may_still_come_right_is_judged_on(workload: Workload, tmp_path: Path) -> None:
    """Two words are wrong where one and a half are allowed, and the reference has a word wrong in a clip to come."""
    said = [p.text for p in passages(workload)]
    one_wrong = {at: f"{said[at]} x" for at in (5, 6)}
    reference = tmp_path / "r.json"
    write_reference(reference, passages(workload), Recogniser(workload, one_wrong), quiet)
    words = sum(p.errors.words for p in Material.of(workload, read_reference(reference)).probes)
    limits = {"wer_increase": 1.5 / words}
    better = Recogniser(workload, {5: f"{said[5]} x y z"}, settings={"b": "1"})
    found = judge(workload, reference, {}, better, limits)
    assert found.complete
    assert found.metrics["wer_increase"] == pytest.approx(1 / words)
    worse = Recogniser(workload, {5: f"{said[5]} x y z", 6: f"{said[6]} x"}, settings={"c": "1"})
    assert not judge(workload, reference, {}, worse, limits).complete
    assert worse.asked == [5, 6]


def test_in_the_search_half_is_enough_where_nothing_is_worse_and_in_the_proof_it_is_not(
    judged: Judge, workload: Workload
) -> None:
    limits = {"wer_increase": 0.01, "failed_clips_upper": 0.5}
    good = Recogniser(workload, MISHEARD)
    found = judged(good, searched(workload), limits)
    assert SETTLED_CLIPS <= len(good.asked) < 0.6 * CLIPS
    assert sum(len(good.said[at].split()) for at in good.asked) >= SETTLED_WORDS
    assert found.complete
    assert judged(Recogniser(workload, MISHEARD), searched(workload), limits) == found
    for worse in ({0: "x"}, {0: ""}):
        doubtful = Recogniser(workload, {**MISHEARD, **worse}, settings={"a": str(worse)})
        judged(doubtful, searched(workload), {"wer_increase": 0.2, "failed_clips_upper": 0.5})
        assert len(doubtful.asked) == CLIPS
    proven = Recogniser(workload, MISHEARD, settings={"b": "1"})
    judged(proven, limits=limits)
    assert len(proven.asked) == CLIPS
    whole = Recogniser(workload, MISHEARD, settings={"c": "1"})
    judged(whole, searched(workload))
    assert len(whole.asked) == CLIPS, "who has no limits wants to know"


def test_what_a_round_heard_in_time_is_not_heard_again(judged: Judge, workload: Workload) -> None:
    said = [p.text for p in passages(workload)]
    rounds = {0: Heard(said[0], 1.0), 1: Heard("", 0.5), 2: Heard(said[2], 99.0)}
    ear = Recogniser(workload, MISHEARD, rounds=rounds)
    found = judged(ear)
    assert set(range(CLIPS)) - set(ear.asked) == {0, 1}, "one thread may be late where all are not"
    assert found.metrics["failed_clips"] == 1 / CLIPS


def test_what_must_be_the_same_is_heard_once(judged: Judge, workload: Workload) -> None:
    one = Recogniser(workload, MISHEARD, fallbacks={"best_of": 5}, falls_back=[6, 7])
    first = judged(one)
    other = Recogniser(workload, {**MISHEARD, 6: "no"}, fallbacks={"best_of": 1}, falls_back=[6, 7])
    second = judged(other)
    assert sorted(other.asked) == [6, 7], "only where the decoder fell back another number of candidates matters"
    assert second.metrics["wer"] > first.metrics["wer"]
    again = Recogniser(workload, fallbacks={"best_of": 5})
    assert judged(again) == first
    assert again.asked == []
    window = Recogniser(workload, MISHEARD, settings={"audio_ctx": "64"}, falls_back=None)
    judged(window)
    assert len(window.asked) == CLIPS
    unsure = Recogniser(workload, settings={"audio_ctx": "64"}, fallbacks={"best_of": 1})
    judged(unsure)
    assert len(unsure.asked) == CLIPS, "nothing is known of the fallbacks of the one before"


def test_a_late_transcript_is_no_transcript_of_another(judged: Judge, workload: Workload) -> None:
    judged(Recogniser(workload, slow={4: [15.0, 16.0]}))
    quick = Recogniser(workload)
    assert judged(quick).metrics["failed_clips"] == 0.0
    assert quick.asked == [4]


def test_what_transcribes_as_the_reference_where_it_did_not_fall_back_is_known(
    workload: Workload, tmp_path: Path
) -> None:
    reference = tmp_path / "r.json"
    writer = Recogniser(workload, settings={"a": "1"}, fallbacks={"best_of": 5}, falls_back=[2])
    write_reference(reference, passages(workload), writer, quiet)
    ear = Recogniser(workload, settings={"a": "1"}, fallbacks={"best_of": 1})
    judge(workload, reference, {}, ear)
    assert ear.asked == [2]


def test_a_line_of_what_was_heard_that_is_not_whole_is_heard_again(
    judged: Judge, workload: Workload, tmp_path: Path
) -> None:
    judged(Recogniser(workload, MISHEARD))
    file = tmp_path / "reference" / "heard.jsonl"
    file.write_text(file.read_text()[:-5])
    again = Recogniser(workload, MISHEARD)
    judged(again)
    assert len(again.asked) == 1


def test_word_errors_are_compared_where_the_reference_understands(workload: Workload, tmp_path: Path) -> None:
    reference, babble = tmp_path / "r.json", dict.fromkeys(range(10), "blah blah blah")
    write_reference(reference, passages(workload), Recogniser(workload, babble), quiet)
    other = Recogniser(workload, dict.fromkeys(range(10), "mumble mumble"), settings={"b": "1"})
    found = judge(workload, reference, {}, other)
    assert found.metrics["wer_increase"] == 0.0
    assert found.metrics["wer"] > 0.2
    worse = Recogniser(workload, {**babble, 20: "blah"}, settings={"c": "1"})
    words = {p.passage.id: p.errors.words for p in Material.of(workload, read_reference(reference)).probes}
    understood = [words[p.id] for p in passages(workload)[10:]]
    found = judge(workload, reference, {}, worse)
    assert found.metrics["wer_increase"] == pytest.approx(words[passages(workload)[20].id] / sum(understood))


def test_a_model_that_understands_too_little_cannot_be_judged_and_that_is_said(
    workload: Workload, tmp_path: Path
) -> None:
    class Closing(Recogniser):
        closed = False

        def close(self) -> None:
            self.closed = True

    babble = Closing(workload, dict.fromkeys(range(20), "blah blah blah"))
    told: list[str] = []
    why = keep_reference(tmp_path / "r.json", workload, "the defaults", lambda: babble, told.append)
    assert babble.closed
    assert told[0] == "transcribing 30 clips with the defaults"
    assert why is not None
    assert why.startswith("the model understands 10 of 30 clips (")
    assert "workload.audio=FOLDER" in why
    assert "workload.voice=piper-joe" in why
    kept = keep_reference(tmp_path / "r.json", workload, "the defaults", lambda: pytest.fail("made again"), quiet)
    assert kept == why
    good = Closing(workload, MISHEARD)
    assert keep_reference(tmp_path / "good.json", workload, "the defaults", lambda: good, quiet) is None
    all_of_it = Recogniser(workload, {25: "blah"}, settings={"d": "1"})
    assert judge(workload, tmp_path / "r.json", {}, all_of_it).metrics["wer_increase"] < 0, "on all clips then"


def test_many_words_are_enough_however_small_their_share(workload: Workload) -> None:
    said = passages(workload)
    many = replace(workload, quality={**workload.quality, "passages": [p.to_json() for p in said] * 4})
    heard = [Heard(p.text if at % 3 == 0 else "blah blah blah", 1.0) for at, p in enumerate(said * 4)]
    assert Material.of(workload, heard[:CLIPS]).unjudgeable
    assert not Material.of(many, heard).unjudgeable


def test_clips_without_a_word_are_an_error_that_says_so(workload: Workload) -> None:
    first = workload.quality["passages"][0]
    silent = {**first, "clips": [{**first["clips"][0], "text": "[laughter]"}]}
    none = replace(workload, quality={**workload.quality, "passages": [silent]})
    with pytest.raises(EngineError, match="no transcript has a word"):
        Material.of(none, [Heard("", 1.0)])


def test_what_was_heard_lies_beside_the_reference_the_worst_first(
    judged: Judge, workload: Workload, tmp_path: Path
) -> None:
    found = judged(Recogniser(workload, {**MISHEARD, 2: "quite something else", 9: ""}))
    document = json.loads(judged_file(tmp_path / "reference.json", OTHER).read_text())
    assert document["params"] == OTHER
    assert len(document["clips"]) == CLIPS
    worst, second, third = (Judged(**clip) for clip in document["clips"][:3])
    assert worst.id == passages(workload)[9].id
    assert (
        found.worst
        == worst.named
        == WorstItem(
            worst.id,
            f"nothing was heard; {worst.words} of {worst.words} words wrong, 0 by the reference",
            worst.said,
            "",
        )
    )
    assert (second.heard, third.heard) == ("quite something else", "no"), "what the reference has wrong too comes last"


def test_reference_files_differ_by_engine_build_model_and_clips(model: Model, workload: Workload) -> None:
    build = {"version": "1", "build": "a"}
    files = {
        reference_file("one", model, workload, build),
        reference_file("other", model, workload, build),
        reference_file("one", model, workload, {**build, "build": "b"}),
        reference_file("one", model, Workload("none", ()), build),
    }
    assert len(files) == 4


def test_the_reference_is_read_as_it_was_written(workload: Workload, tmp_path: Path) -> None:
    write_reference(tmp_path / "r.json", passages(workload), Recogniser(workload, MISHEARD), quiet)
    heard = read_reference(tmp_path / "r.json")
    assert heard[3].text == "no"
    assert {one.seconds for one in heard} == {1.0}


def test_a_reference_that_was_interrupted_goes_on(workload: Workload, tmp_path: Path) -> None:
    class Interrupted(Recogniser):
        def hear_passage(self, passage: Passage, within_s: float = math.inf) -> Heard:
            if len(self.asked) == 7:
                raise KeyboardInterrupt
            return super().hear_passage(passage, within_s)

    with pytest.raises(KeyboardInterrupt):
        write_reference(tmp_path / "r.json", passages(workload), Interrupted(workload, MISHEARD), quiet)
    assert not (tmp_path / "r.json").exists()
    again = Recogniser(workload, MISHEARD)
    write_reference(tmp_path / "r.json", passages(workload), again, quiet)
    assert again.asked == list(range(7, CLIPS))
    assert len(read_reference(tmp_path / "r.json")) == CLIPS


def test_a_workload_without_transcripts_has_nothing_to_judge(tmp_path: Path) -> None:
    assert passages(Workload("none", ())) == []
    none = keep_reference(tmp_path / "r.json", Workload("none", ()), "it", lambda: pytest.fail("opened"), quiet)
    assert none is None
