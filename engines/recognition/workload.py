"""The clips of one round and those that word errors are counted on: the embedded ones, or the user's own folder.

A third of the recordings is searched on; the verdict is on the rest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from engines.base import Model, Progress, WorkItem, Workload
from engines.cache import file_sha256
from engines.division import divide, too_few
from engines.model_files import EMBEDDED
from engines.recognition.audio import LONGEST_S
from engines.recognition.clips import EMBEDDED_AUDIO, Clip, Passage, joined
from engines.recognition.failures import USUAL_LIMIT, clips_needed, upper_bound
from engines.recognition.folder import read_recordings
from engines.recognition.selection import PROVEN, SEARCHED, Extent, judged, spread
from engines.recognition.stress import stressed
from search_spaces.errors import TunerError, unknown_name

_OPTIONS = ("name", "audio", "clips", "batch_size", "gap_s", "items_per_round", "eval_clips")
MIXED, CHUNKS, UTTERANCES, RECORDING = "mixed", "chunks", "utterances", "recording"
KINDS = (MIXED, CHUNKS, UTTERANCES, RECORDING)
"""Of the embedded clips: chunks and utterances, one of them, or utterances joined to recordings of over a minute."""
RECORDING_CLIPS, RECORDING_GAP_S = 24, 0.8
ITEMS_PER_ROUND = 6
"""Calls that are timed, unless told otherwise."""
_SHARE = 1 / 3
"""Of the timed clips of `mixed` that are chunks, and of those that are stressed; of the judged ones that are."""


class WorkloadError(TunerError):
    """A workload's configuration cannot be used."""


@dataclass(frozen=True)
class _Asked:
    """What a round has and how much is judged, as the user has it. `hard`: whether the model is up to hard clips."""

    kind: str
    batch_size: int
    gap_s: float
    items_per_round: int
    eval_clips: int | None
    hard: bool

    def joined(self, clips: Sequence[Clip]) -> list[Passage]:
        """The clips in calls."""
        return joined(clips, self.batch_size, self.gap_s)

    def judged(self, clips: Sequence[Clip], extent: Extent) -> list[Passage]:
        """What quality is judged on: calls, and where calls join several clips, each of these by itself too."""
        chosen = judged(clips, self.eval_clips, extent)
        return [*self.joined(chosen), *(joined(chosen, 1, 0.0) if self.batch_size > 1 else [])]


@dataclass(frozen=True)
class _Part:
    """What is timed and what is judged of the clips searched on, or of those held out."""

    timed: Sequence[Passage]
    judged: Sequence[Passage]


def resolve_workload(config: Mapping[str, Any], model: Model, progress: Progress) -> Workload:
    """The Workload of a `workload` configuration. Raises WorkloadError, FolderError.

    `audio` is a folder (or a list) of the user's recordings with transcripts; without it `clips` chooses among the
    embedded ones. `batch_size` clips that arrive at once are transcribed in one call, `gap_s` of silence between them.
    `items_per_round` is how many calls a round has, spread over the lengths; `eval_clips` how many clips word errors
    are counted on: unless given, as many as have 300 words, in the search and in the proof.
    """
    for option in config:
        if option not in _OPTIONS:
            raise unknown_name("workload option", str(option), _OPTIONS)
    told: list[str] = []

    def tell(line: str) -> None:
        told.append(line)
        progress(line)

    own, kind = bool(config.get("audio")), str(config.get("clips") or MIXED)
    if kind not in KINDS:
        raise unknown_name("workload.clips", kind, KINDS)
    asked = _Asked(
        kind="" if own else kind,
        batch_size=_count("batch_size", config.get("batch_size"), 1, 64),
        gap_s=_seconds("gap_s", config.get("gap_s"), 0.3),
        items_per_round=_count("items_per_round", config.get("items_per_round"), ITEMS_PER_ROUND, 1000),
        eval_clips=None if config.get("eval_clips") is None else _count("eval_clips", config["eval_clips"], 1, 100000),
        hard=model.source != EMBEDDED,
    )
    if asked.kind == RECORDING:
        asked = replace(asked, batch_size=RECORDING_CLIPS, gap_s=RECORDING_GAP_S)
    if own:
        clips = _own(Path(str(config["audio"])).expanduser(), tell)
    else:
        clips = _embedded(asked.kind)
        if model.source != EMBEDDED:
            tell("the embedded clips are synthetic speech: give your own with workload.audio=FOLDER")
    searched, held_out = divide(clips, lambda clip: clip.content)
    tell(
        f"{len(searched)} clips are searched on, {len(held_out)} are held out for the proof"
        if held_out
        else too_few(len(clips), "recordings")
    )
    name, parts = str(config.get("name") or "speech"), [_part(searched, asked, SEARCHED)]
    parts += [_part(held_out, asked, PROVEN)] if held_out else []
    for part in parts:
        _check_lengths([*part.timed, *part.judged])
    tell(resolution(parts[0].judged, "in the search, " if held_out else ""))
    if held_out:
        tell(resolution(parts[1].judged, "in the proof, "))
    if held_out and (line := provable(len(parts[1].judged))):
        tell(line)
    language = str(model.facts["language"])
    proof = _workload(name, parts[1], {"language": language, "proof": True}, (), None) if held_out else None
    return _workload(name, parts[0], {"language": language}, tuple(told), proof)


def resolution(passages: Sequence[Passage], where: str = "") -> str:
    """What one word is worth in the error that is counted on these passages."""
    words = sum(len(passage.text.split()) for passage in passages)
    clips = f"{len(passages)} clip{'s' * (len(passages) > 1)}"
    told = f"{where}word errors are counted on {clips} with {words} words: one word is {100 / words:.2g} points"
    return told if words >= 100 else f"{told}, so a limit of one point allows none: give more recordings"


def provable(clips: int) -> str:
    """What the proof can say at best of how often clips fail; "" where it is enough for the limit by default."""
    if clips >= clips_needed(USUAL_LIMIT):
        return ""
    return (
        f"where none of the {clips} clips held out fails, up to {100 * upper_bound(0, clips):.0f} % of all may: "
        f"constraints.failed_clips_upper={USUAL_LIMIT:g} needs {clips_needed(USUAL_LIMIT)}, so only what leaves the "
        "transcripts as they are can win: give more recordings"
    )


def _own(source: Path, tell: Progress) -> list[Clip]:
    source = source.absolute()
    clips = [
        Clip(_relative(r.path, source), str(r.path), 0.0, round(r.seconds, 5), r.text)
        for r in read_recordings(source, tell)
    ]
    tell(f"{len(clips)} recordings, {sum(c.seconds for c in clips) / 60:.1f} minutes")
    return clips


def _embedded(kind: str) -> list[Clip]:
    from engines.embedded.clips import CHUNK, UTTERANCE, spoken_clips

    wanted = {MIXED: (CHUNK, UTTERANCE), CHUNKS: (CHUNK,)}.get(kind, (UTTERANCE,))
    return [Clip(c.id, EMBEDDED_AUDIO, c.start_s, c.seconds, c.text) for c in spoken_clips() if c.kind in wanted]


def _part(clips: Sequence[Clip], asked: _Asked, extent: Extent) -> _Part:
    timed_clips = asked.items_per_round * asked.batch_size
    if asked.kind == MIXED:
        return _mixed(clips, asked, timed_clips, extent)
    timed = clips[:RECORDING_CLIPS] if asked.kind == RECORDING else spread(clips, timed_clips)
    return _Part(asked.joined(timed), asked.judged(clips, extent))


def _mixed(clips: Sequence[Clip], asked: _Asked, timed_clips: int, extent: Extent) -> _Part:
    """Chunks are timed; utterances are timed and judged, every third of them stressed."""
    from engines.embedded.clips import CHUNK

    chunks = [clip for clip in clips if clip.id.startswith(CHUNK)]
    utterances = [clip for clip in clips if not clip.id.startswith(CHUNK)]
    plain, to_stress = [c for at, c in enumerate(utterances) if at % 3 < 2], utterances[2::3]
    few = round(_SHARE * timed_clips)
    timed = [*spread(chunks, few), *spread(plain, timed_clips - 2 * few)]
    beside = Extent(_rest(extent.clips) or 1, _rest(extent.words) or 1)
    chosen = replace(asked, eval_clips=_rest(asked.eval_clips)).judged(plain, beside)
    some = round(len(chosen) * _SHARE / (1 - _SHARE)) if asked.eval_clips is None else asked.eval_clips - len(chosen)
    under_stress = stressed(to_stress, max(few, some), asked.hard)
    return _Part([*asked.joined(timed), *under_stress[:few]], [*chosen, *under_stress[:some]])


def _rest(count: int | None) -> int | None:
    """What is left of the judged clips beside those under stress."""
    return None if count is None else count - round(_SHARE * count)


def _workload(
    name: str, part: _Part, material: Mapping[str, str | bool], notes: tuple[str, ...], held_out: Workload | None
) -> Workload:
    items = tuple(WorkItem(passage.id, passage.to_json()) for passage in part.timed)
    quality = {
        **material,
        "passages": [passage.to_json() for passage in part.judged],
        "audio": _content([*part.timed, *part.judged]),
    }
    return Workload(name, items, quality, notes, held_out=held_out)


def _check_lengths(passages: Sequence[Passage]) -> None:
    longest = max(passage.length_s for passage in passages)
    if longest > LONGEST_S:
        raise WorkloadError(
            f"clips joined by workload.batch_size last {longest / 60:.0f} minutes, above {LONGEST_S / 60:.0f}",
            "join fewer of them",
        )


def _content(passages: Sequence[Passage]) -> str:
    """A digest of the clips' files: the same names with other sound are another workload."""
    files = sorted({clip.file() for passage in passages for clip in passage.clips})
    return hashlib.sha256("".join(file_sha256(file) for file in files).encode()).hexdigest()[:16]


def _relative(path: Path, source: Path) -> str:
    folder = source if source.is_dir() else source.parent
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)


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
