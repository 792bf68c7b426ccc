"""The clips of one round and those that word errors are counted on: the embedded ones, or the user's own folder."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from engines.base import Model, Progress, WorkItem, Workload
from engines.cache import file_sha256
from engines.model_files import EMBEDDED
from engines.recognition.audio import LONGEST_S
from engines.recognition.clips import EMBEDDED_AUDIO, Clip, Passage, joined
from engines.recognition.folder import read_recordings
from search_spaces.errors import TunerError, unknown_name

_OPTIONS = ("name", "audio", "clips", "batch_size", "gap_s", "items_per_round", "eval_clips")
KINDS = ("mixed", "chunks", "utterances", "recording")
"""Of the embedded clips: chunks and utterances, one of them, or utterances joined to recordings of over a minute."""
RECORDING_CLIPS, RECORDING_GAP_S = 24, 0.8
_CHUNK_SHARE = 0.4
"""Of the timed clips of `mixed`."""
JUDGED_WORDS = 300
"""Judged unless told otherwise: one word is 0.33 points there, and judging takes as long as a few rounds.

Where a configuration disagrees with the reference in one word of a hundred and is no worse, a limit of one point (three
words here) refuses it once in 40 times, and never for a single word. One that loses two points more passes once in 6
times, one that loses three once in 35 (differences of two Poisson counts).
"""
JUDGED_LEAST, JUDGED_MOST = 20, 120
"""Clips, where their number follows from the words."""


class WorkloadError(TunerError):
    """A workload's configuration cannot be used."""


def resolve_workload(config: Mapping[str, Any], model: Model, progress: Progress) -> Workload:
    """The Workload of a `workload` configuration. Raises WorkloadError, FolderError.

    `audio` is a folder (or a list) of the user's recordings with transcripts; without it `clips` chooses among the
    embedded ones. `batch_size` clips that arrive at once are transcribed in one call, `gap_s` of silence between them.
    `items_per_round` is how many calls a round has, spread over the lengths; `eval_clips` how many clips word errors
    are counted on: unless given, as many as have JUDGED_WORDS words.
    """
    for option in config:
        if option not in _OPTIONS:
            raise unknown_name("workload option", str(option), _OPTIONS)
    batch_size = _count("batch_size", config.get("batch_size"), 1, 64)
    gap_s = _seconds("gap_s", config.get("gap_s"), 0.3)
    told: list[str] = []

    def tell(line: str) -> None:
        told.append(line)
        progress(line)

    items_per_round = _count("items_per_round", config.get("items_per_round"), 6, 1000)
    eval_clips = None if config.get("eval_clips") is None else _count("eval_clips", config["eval_clips"], 1, 100000)
    if config.get("audio"):
        timed_clips, evaluated = _own(
            Path(str(config["audio"])).expanduser(), items_per_round * batch_size, eval_clips, tell
        )
    else:
        kind = str(config.get("clips") or "mixed")
        if kind not in KINDS:
            raise unknown_name("workload.clips", kind, KINDS)
        if model.source != EMBEDDED:
            tell("the embedded clips are synthetic speech: give your own with workload.audio=FOLDER")
        if kind == "recording":
            batch_size, gap_s = RECORDING_CLIPS, RECORDING_GAP_S
        timed_clips, evaluated = _embedded(kind, items_per_round * batch_size, eval_clips)
    passages = joined(timed_clips, batch_size, gap_s)
    _check_lengths(passages)
    tell(resolution(evaluated))
    items = tuple(WorkItem(_id(passage), passage.to_json()) for passage in passages)
    material = [passage.to_json() for passage in joined(evaluated, batch_size, gap_s)]
    quality = {
        "passages": material,
        "language": str(model.facts["language"]),
        "audio": _content([*timed_clips, *evaluated]),
    }
    return Workload(str(config.get("name") or "speech"), items, quality, tuple(told))


def resolution(eval_clips: Sequence[Clip]) -> str:
    """What one word is worth in the error that is counted on these clips."""
    words = _words(eval_clips)
    clips = f"{len(eval_clips)} clip{'s' * (len(eval_clips) > 1)}"
    told = f"word errors are counted on {clips} with {words} words: one word is {100 / words:.2g} points"
    return told if words >= 100 else f"{told}, so a limit of one point allows none: give more recordings"


def _words(clips: Sequence[Clip]) -> int:
    return sum(len(clip.text.split()) for clip in clips)


def _to_evaluate(clips: Sequence[Clip], count: int | None) -> list[Clip]:
    """`count` clips, or as many as have JUDGED_WORDS words, evenly spaced."""
    if count is None:
        wanted = math.ceil(JUDGED_WORDS * len(clips) / max(1, _words(clips)))
        count = min(max(wanted, JUDGED_LEAST), JUDGED_MOST)
        while count < min(JUDGED_MOST, len(clips)) and _words(evenly(clips, count)) < JUDGED_WORDS:
            count += 1
    return evenly(clips, count)


def _own(
    source: Path, items_per_round: int, eval_clips: int | None, progress: Progress
) -> tuple[list[Clip], list[Clip]]:
    source = source.absolute()
    clips = [
        Clip(_relative(r.path, source), str(r.path), 0.0, round(r.seconds, 5), r.text)
        for r in read_recordings(source, progress)
    ]
    progress(f"{len(clips)} recordings, {sum(c.seconds for c in clips) / 60:.1f} minutes")
    return spread(clips, items_per_round), _to_evaluate(clips, eval_clips)


def _embedded(kind: str, items_per_round: int, eval_clips: int | None) -> tuple[list[Clip], list[Clip]]:
    from engines.embedded.clips import CHUNK, UTTERANCE, spoken_clips

    of_kind: dict[str, list[Clip]] = {CHUNK: [], UTTERANCE: []}
    for c in spoken_clips():
        of_kind[c.kind].append(Clip(c.id, EMBEDDED_AUDIO, c.start_s, c.seconds, c.text))
    chunks, utterances = of_kind[CHUNK], of_kind[UTTERANCE]
    if kind == "chunks":
        return spread(chunks, items_per_round), _to_evaluate(chunks, eval_clips)
    if kind == "mixed":
        few = round(_CHUNK_SHARE * items_per_round)
        return [*spread(chunks, few), *spread(utterances, items_per_round - few)], _to_evaluate(utterances, eval_clips)
    if kind == "recording":
        return utterances[:RECORDING_CLIPS], _to_evaluate(utterances, eval_clips)
    return spread(utterances, items_per_round), _to_evaluate(utterances, eval_clips)


def spread(clips: Sequence[Clip], count: int) -> list[Clip]:
    """`count` clips (at most all) whose lengths represent those of all, in the order given."""
    by_length = sorted(range(len(clips)), key=lambda at: (clips[at].seconds, clips[at].id))
    chosen = {by_length[at] for at in _even_places(len(clips), count)}
    return [clip for at, clip in enumerate(clips) if at in chosen]


def evenly(clips: Sequence[Clip], count: int) -> list[Clip]:
    """`count` clips (at most all), evenly spaced."""
    return [clips[at] for at in _even_places(len(clips), count)]


def _even_places(length: int, count: int) -> list[int]:
    """`count` different places out of `length`, the middles of equal parts."""
    count = min(count, length)
    return [(2 * number + 1) * length // (2 * count) for number in range(count)]


def _check_lengths(passages: Sequence[Passage]) -> None:
    longest = max(p.seconds + p.gap_s * (len(p.clips) - 1) for p in passages)
    if longest > LONGEST_S:
        raise WorkloadError(
            f"clips joined by workload.batch_size last {longest / 60:.0f} minutes, above {LONGEST_S / 60:.0f}",
            "join fewer of them",
        )


def _content(clips: Sequence[Clip]) -> str:
    """A digest of the clips' files: the same names with other sound are another workload."""
    files = sorted({clip.file() for clip in clips})
    return hashlib.sha256("".join(file_sha256(file) for file in files).encode()).hexdigest()[:16]


def _relative(path: Path, source: Path) -> str:
    folder = source if source.is_dir() else source.parent
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)


def _id(passage: Passage) -> str:
    first, last = passage.clips[0].id, passage.clips[-1].id
    return first if len(passage.clips) == 1 else f"{first}..{last}"


def _count(name: str, value: Any, default: int, most: int) -> int:
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise WorkloadError(f"workload.{name} is {value!r}", f"give a whole number from 1 to {most}")
    return value


def _seconds(name: str, value: Any, default: float) -> float:
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 10:
        raise WorkloadError(f"workload.{name} is {value!r}", "give seconds from 0 to 10")
    return float(value)
