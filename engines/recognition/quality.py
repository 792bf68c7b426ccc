"""Word errors and failed clips of a configuration, and how much worse it is than the reference configuration.

What was heard by any that was judged lies beside the reference's transcripts, the worst clip first.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from engines.base import Workload
from engines.cache import make_once
from engines.judgement import NO_LIMITS, Judgement, QualityLimits, WorstItem, beginning
from engines.recognition.clips import Passage
from engines.recognition.failures import failure, lateness, latest_s, upper_bound
from engines.recognition.hearing import Ear, Heard, listen
from engines.recognition.material import Material, Probe, errors_in
from engines.recognition.reference import known_texts, read_reference, write_text
from search_spaces.parameter import Params

PATIENCE_S = 60.0
"""Time lost with clips that come too late, after which no more are judged: what was heard until then tells enough."""
SETTLED_CLIPS, SETTLED_WORDS = 12, 100
"""In the search judging also ends after so many clips and words where by then none failed that the reference gets
through, and no more words are wrong than by the reference. Of configurations that disagree with it in one word of a
hundred beside what they lose, one that loses two points more of the words passes so once in 5 times, one that loses
three once in 11 (differences of two Poisson counts). The proof, which decides, is always judged to its end."""
_NAMED_CHARACTERS = 500
"""Of a text that came off worst: a long recording has many thousands, and each trial keeps them."""


@dataclass(frozen=True)
class Judged:
    """One clip: how many of its words and characters are wrong, and how it fails as a whole ("" for not).

    A `late` one fails, and its words are not counted: nobody waited for them. `new_failure`: whether it fails where the
    reference does not. `compared`: whether its errors are compared with the reference's.
    """

    id: str
    words: int
    words_wrong: int
    reference_wrong: int
    characters: int
    characters_wrong: int
    failure: str
    new_failure: bool
    late: bool
    compared: bool
    seconds: float
    said: str
    heard: str

    @property
    def named(self) -> WorstItem:
        """For a person who decides: `clip-7 (3 of 8 words wrong, 1 by the reference): 'turn it off' came out as …`."""
        told = f", {self.reference_wrong} by the reference" if self.reference_wrong != self.words_wrong else ""
        words = "" if self.late else f"{self.words_wrong} of {self.words} words wrong{told}"
        how = "; ".join(part for part in (self.failure, words) if part)
        return WorstItem(self.id, how, *(beginning(text, _NAMED_CHARACTERS) for text in (self.said, self.heard)))

    @property
    def how_bad(self) -> tuple[bool, bool, float, float]:
        """The least is the worst: what fails, before all where the reference does not; then by how much more of the
        words is wrong than by the reference, then by how much is."""
        more = (self.words_wrong - self.reference_wrong) / self.words
        return not self.new_failure, not self.failure, -more, -self.words_wrong / self.words


Listen = Callable[[Passage, float], Heard]
"""What is heard in a passage, which is late after so many seconds."""


@dataclass(frozen=True)
class Assessment:
    """What judging a configuration came to, and the clips it was judged on, the worst first."""

    judgement: Judgement
    clips: Sequence[Judged]


def judge(
    workload: Workload, reference: Path, params: Params, ear: Ear | None, limits: QualityLimits = NO_LIMITS
) -> Judgement:
    """As `assess`, of a session, or where `ear` is None of one that transcribes as the reference does.

    What was heard is kept beside the reference's transcripts.
    """
    known = known_texts(reference)
    hears = None if ear is None else lambda passage, latest: listen(ear, passage, latest, known)
    assessed = assess(workload, read_reference(reference), hears, limits)
    if ear is not None:
        _keep(reference, params, assessed.clips)
    return assessed.judgement


def assess(
    workload: Workload, of_reference: Sequence[Heard], hears: Listen | None, limits: QualityLimits = NO_LIMITS
) -> Assessment:
    """The quality of a configuration beside the reference's transcripts; `hears` of None transcribes as that does.

    `wer`, `cer`, `wer_increase`, `failed_clips` and `failed_clips_upper`, over all clips, unless too much time is lost
    with late ones, or one of `limits` would be broken even if nothing were wrong in all clips to come, or, on clips
    that are searched on, nothing is worse than by the reference so far. Without limits all is judged.
    """
    material, judged = Material.of(workload, of_reference), list[Judged]()
    lost_s, hopeless = 0.0, False
    for probe in material.probes:
        latest = latest_s(probe.reference.seconds, probe.passage.length_s)
        judged.append(_judged(material, probe, hears(probe.passage, latest) if hears else probe.reference))
        if hears is None:
            continue
        lost_s += judged[-1].seconds if judged[-1].late else 0.0
        hopeless = _hopeless(material, judged, limits)
        if hopeless or lost_s > PATIENCE_S or (limits and not material.proof and _settled(judged)):
            break
    clips = len(material.probes) if hopeless else len(judged)
    metrics = _metrics(judged, clips, material.proof and hears is not None)
    judged.sort(key=lambda clip: clip.how_bad)
    return Assessment(Judgement(metrics, judged[0].named, len(judged) == len(material.probes) or not hopeless), judged)


def judged_file(reference: Path, params: Params) -> Path:
    """Where what a configuration heard is kept."""
    digest = hashlib.sha256(json.dumps(dict(params), sort_keys=True).encode()).hexdigest()
    return reference.with_suffix("") / f"{digest[:16]}.json"


def _judged(material: Material, probe: Probe, own: Heard) -> Judged:
    passage = probe.passage
    errors = errors_in(passage, own.text, material.language)
    assert errors is not None, "a probe has words"
    late = lateness(own.seconds, probe.reference.seconds, passage.length_s, own.given_up)
    fails = late or failure(passage.text, own.text, material.language)
    return Judged(
        passage.id, errors.words, errors.words_wrong, probe.errors.words_wrong, errors.characters,
        errors.characters_wrong, fails, bool(fails) and not probe.fails, bool(late),
        passage.id in material.compared, own.seconds, passage.text, own.text,
    )  # fmt: skip


def _metrics(judged: Sequence[Judged], clips: int, proof: bool) -> dict[str, float]:
    """Over these clips; where no words came in time all count as wrong. A bound is for all `clips` that there are."""
    in_time = [clip for clip in judged if not clip.late]
    compared = [clip for clip in in_time if clip.compared]
    words, characters = sum(c.words for c in in_time), sum(c.characters for c in in_time)
    return {
        "wer": sum(c.words_wrong for c in in_time) / words if words else 1.0,
        "cer": sum(c.characters_wrong for c in in_time) / characters if characters else 1.0,
        "wer_increase": _more_wrong(compared) / sum(c.words for c in compared) if compared else 0.0,
        "failed_clips": sum(bool(c.failure) for c in judged) / len(judged),
        "failed_clips_upper": _bound(sum(c.new_failure for c in judged), clips if proof else len(judged), proof),
    }


def _hopeless(material: Material, judged: Sequence[Judged], limits: QualityLimits) -> bool:
    """Whether a limit is broken whatever is heard in the clips to come: without any error, in them all, and in time."""
    done, probes = {clip.id for clip in judged}, material.probes
    to_come = [p for p in probes if p.passage.id not in done and p.passage.id in material.compared]
    compared = [clip for clip in judged if clip.compared and not clip.late]
    best_case = {
        "wer": sum(c.words_wrong for c in judged if not c.late) / sum(p.errors.words for p in probes),
        "wer_increase": (_more_wrong(compared) - sum(p.errors.words_wrong for p in to_come))
        / sum(p.errors.words for p in probes if p.passage.id in material.compared),
        "failed_clips": sum(bool(c.failure) for c in judged) / len(probes),
        "failed_clips_upper": _bound(sum(c.new_failure for c in judged), len(probes), material.proof),
    }
    return any(name in limits and value > limits[name] for name, value in best_case.items())


def _settled(judged: Sequence[Judged]) -> bool:
    """Whether what is searched on has shown enough, and nothing that is worse."""
    compared = [clip for clip in judged if clip.compared]
    enough = len(judged) >= SETTLED_CLIPS and sum(clip.words for clip in compared) >= SETTLED_WORDS
    return enough and _more_wrong(compared) <= 0 and not any(clip.new_failure for clip in judged)


def _more_wrong(compared: Sequence[Judged]) -> int:
    return sum(clip.words_wrong - clip.reference_wrong for clip in compared)


def _bound(failed: int, clips: int, proof: bool) -> float:
    return upper_bound(failed, clips) if proof else failed / clips


def _keep(reference: Path, params: Params, judged: Sequence[Judged]) -> None:
    text = json.dumps({"params": dict(params), "clips": [vars(clip) for clip in judged]}, indent=1)
    make_once(judged_file(reference, params), len(text), lambda temporary: write_text(temporary, text))
