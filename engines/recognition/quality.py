"""Word errors and failed clips of a configuration, and how much worse it is than the reference configuration.

The reference's transcripts are made once and kept, with the time that each took. What was heard by any other lies
beside them, the worst clip first.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from engines.base import Model, Progress, Workload
from engines.cache import cache_root, make_once
from engines.recognition.audio import F32
from engines.recognition.clips import Passage
from engines.recognition.failures import failure, lateness, latest_s, upper_bound
from engines.recognition.transcripts import count_errors
from search_spaces.parameter import Params

FORMAT_VERSION = 2
PATIENCE_S = 60.0
"""Time lost with clips that come too late, after which no more are judged: what was heard until then tells enough."""
_NO_HICCUP_S = 20.0
"""What takes longer than that is not the machine's doing, and is not tried again."""
Hear = Callable[[F32], str]
"""Transcribes (samples,) at SAMPLE_RATE."""


@dataclass(frozen=True)
class Heard:
    """What was heard in a passage, and how long that took."""

    text: str
    seconds: float


Listen = Callable[[Passage], Heard]
"""What is heard in a passage, by the clock."""


def passages(workload: Workload) -> list[Passage]:
    """What word errors are counted on; [] when the workload has nothing for it."""
    return [Passage.from_json(document) for document in workload.quality.get("passages", ())]


def reference_file(engine: str, model: Model, workload: Workload, build: Mapping[str, str]) -> Path:
    """Where the reference's transcripts lie: by model, clips, engine, build, and how they are made."""
    key = [FORMAT_VERSION, engine, model.digest, model.reference, workload.quality, build["version"], build["build"]]
    digest = hashlib.sha256(json.dumps(key, sort_keys=True, default=dict).encode()).hexdigest()
    return cache_root() / "transcripts" / f"{digest[:32]}.json"


class Reference(Protocol):
    """A session of the reference configuration."""

    def hear(self, audio: F32) -> str:
        """What is heard in (samples,) at SAMPLE_RATE."""
        ...

    def close(self) -> None:
        """Free everything."""
        ...


def keep_reference(
    path: Path, workload: Workload, which: str, opened: Callable[[], Reference], progress: Progress
) -> None:
    """Make the reference's transcripts where they are not there; `which` configuration it is, in words."""
    if path.exists() or not (wanted := passages(workload)):
        return
    progress(f"transcribing {len(wanted)} clips with {which}")
    reference = opened()
    try:
        prepare_reference(path, workload, reference.hear, progress)
    finally:
        reference.close()


def prepare_reference(path: Path, workload: Workload, hear: Hear, progress: Progress) -> None:
    """Write the reference's transcripts to `path`, and tell of the worst."""
    wanted, heard = passages(workload), []
    for number, passage in enumerate(wanted):
        if number and number % max(1, len(wanted) // 5) == 0:
            progress(f"transcribing the reference: {100 * number // len(wanted)} %")
        heard.append(_timed(passage, hear))
    text = json.dumps({"clips": [vars(one) for one in heard]}, indent=1)
    make_once(path, len(text), lambda temporary: _write(temporary, text))
    progress(f"worst clip of the reference: {_judged(wanted, heard, heard, workload)[0].line}")


def judge(workload: Workload, reference: Path, params: Params, hear: Hear | None) -> dict[str, float]:
    """The quality of a configuration; `hear` of None is one that transcribes as the reference does.

    `wer`, `cer`, `wer_increase`, `failed_clips` and `failed_clips_upper`, all over the clips that were judged: all,
    unless too much time was lost with late ones. What was heard is kept beside the reference's transcripts.
    """
    assessed = assess(workload, read_reference(reference), None if hear is None else lambda p: _timed(p, hear))
    if hear is not None:
        _keep(reference, params, assessed.clips)
    return dict(assessed.quality)


def assess(workload: Workload, of_reference: Sequence[Heard], listen: Listen | None) -> Assessment:
    """As `judge`, beside transcripts of the reference that are at hand; `listen` may answer from a recording."""
    wanted = passages(workload)
    heard = of_reference if listen is None else _all(wanted, of_reference, listen)
    wanted, of_reference = wanted[: len(heard)], of_reference[: len(heard)]
    said, language = [p.text for p in wanted], str(workload.quality["language"])
    errors = count_errors(said, [h.text for h in heard], language)
    plain = count_errors(said, [h.text for h in of_reference], language)
    judged = _judged(wanted, heard, of_reference, workload)
    own = {clip.id for clip in _judged(wanted, of_reference, of_reference, workload) if clip.failure}
    failed = [clip.id for clip in judged if clip.failure]
    more = sum(clip not in own for clip in failed)
    quality = {
        "wer": errors.wer,
        "cer": errors.cer,
        "wer_increase": errors.wer - plain.wer,
        "failed_clips": len(failed) / len(judged),
        "failed_clips_upper": _bound(more, len(judged), bool(workload.quality.get("proof")) and listen is not None),
    }
    return Assessment(quality, judged)


def read_reference(path: Path) -> list[Heard]:
    """The reference's transcripts, in the order of the passages."""
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return [Heard(str(clip["text"]), float(clip["seconds"])) for clip in document["clips"]]


def judged_file(reference: Path, params: Params) -> Path:
    """Where what a configuration heard is kept."""
    digest = hashlib.sha256(json.dumps(dict(params), sort_keys=True).encode()).hexdigest()
    return reference.with_suffix("") / f"{digest[:16]}.json"


@dataclass(frozen=True)
class Judged:
    """One clip: how many of its words are wrong, and how it fails as a whole ("" for not)."""

    id: str
    words: int
    words_wrong: int
    failure: str
    seconds: float
    said: str
    heard: str

    @property
    def line(self) -> str:
        """`clip-7: 3 of 8 words wrong, nothing was heard, heard '…'`."""
        parts = [f"{self.words_wrong} of {self.words} words wrong", self.failure, f"heard {self.heard!r}"]
        return f"{self.id}: {', '.join(part for part in parts if part)}"


@dataclass(frozen=True)
class Assessment:
    """The quality of a configuration by metric, and the clips it was judged on, the worst first."""

    quality: Mapping[str, float]
    clips: Sequence[Judged]


def _judged(
    wanted: Sequence[Passage], heard: Sequence[Heard], of_reference: Sequence[Heard], workload: Workload
) -> list[Judged]:
    """Each clip that has words, the worst first: those that fail, then by the share of wrong words."""
    language, judged = str(workload.quality["language"]), []
    for passage, own, plain in zip(wanted, heard, of_reference, strict=True):
        try:
            errors = count_errors([passage.text], [own.text], language)
        except ValueError:
            continue
        fails = failure(passage.text, own.text, language) or lateness(own.seconds, plain.seconds, passage.length_s)
        judged.append(Judged(passage.id, errors.words, errors.words_wrong, fails, own.seconds, passage.text, own.text))
    return sorted(judged, key=lambda clip: (not clip.failure, -clip.words_wrong / clip.words))


def _all(wanted: Sequence[Passage], of_reference: Sequence[Heard], listen: Listen) -> list[Heard]:
    """What is heard in the passages, until too much time is lost. A machine's hiccup is no late transcript."""
    heard: list[Heard] = []
    lost_s = 0.0
    for passage, plain in zip(wanted, of_reference, strict=True):
        latest, own = latest_s(plain.seconds, passage.length_s), listen(passage)
        if latest < own.seconds < _NO_HICCUP_S:
            lost_s += own.seconds
            again = listen(passage)
            own = again if again.seconds < own.seconds else own
        heard.append(own)
        lost_s += own.seconds if own.seconds > latest else 0.0
        if lost_s > PATIENCE_S:
            break
    return heard


def _timed(passage: Passage, hear: Hear) -> Heard:
    audio = passage.load()
    begin = time.perf_counter()
    text = hear(audio)
    return Heard(text, time.perf_counter() - begin)


def _bound(failed: int, clips: int, proof: bool) -> float:
    return upper_bound(failed, clips) if proof else failed / clips


def _keep(reference: Path, params: Params, judged: Sequence[Judged]) -> None:
    text = json.dumps({"params": dict(params), "clips": [vars(clip) for clip in judged]}, indent=1)
    make_once(judged_file(reference, params), len(text), lambda temporary: _write(temporary, text))


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
