"""The texts of one round and those that quality is judged on, in the search and in the proof."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from engines.base import Model, Progress, WorkItem, Workload
from engines.synthesis.comparison import JUDGING_VERSION
from engines.synthesis.intelligibility import Ear, listener
from engines.synthesis.parts import NOTHING, Parts, parted
from engines.synthesis.sentences import ANSWER, LENGTHS, REPLY, Sentence, SentencesError, own, shipped
from search_spaces.errors import unknown_name

_OPTIONS = ("name", "sentences", "lengths", "items_per_round", "asr_model", "asr_language")
MIXED = "mixed"
KINDS = (MIXED, *LENGTHS, ANSWER, REPLY)
_MIXED_SHARES = (2, 2, 1)
"""Of the timed texts of `mixed`, by LENGTHS, as many as there are in five."""
DEFAULT_ITEMS_PER_ROUND = 5
FILES = ("workload.sentences", "workload.asr_model")
"""Options that name a file of the user's."""


def resolve_workload(config: Mapping[str, Any], model: Model, progress: Progress) -> Workload:
    """The Workload of a `workload` configuration. Raises SentencesError, ModelFileError.

    `sentences` is a file (a text a line, or .jsonl of `{id, text}`) or a list; without it `lengths` chooses among those
    that come with the tool: one of KINDS. A third of them is searched on, the rest is held out. `items_per_round` is
    how many texts a round has in either part, spread over the lengths. Quality is judged on the audio of the texts that
    are timed and, in the held-out part, of some more, with the word errors that a whisper.cpp model of the user's hears
    where `asr_model` names its file (`asr_language`, `en` unless given). An item's payload is `{"text": TEXT}`.
    """
    for option in config:
        if option not in _OPTIONS:
            raise unknown_name("workload option", str(option), _OPTIONS)
    count = _count("items_per_round", config.get("items_per_round"), DEFAULT_ITEMS_PER_ROUND)
    notes: list[str] = []
    if config.get("sentences"):
        parts = parted(own(config["sentences"]), count)
    else:
        kind = str(config.get("lengths") or MIXED)
        parts = _shipped(kind, count)
        if len(parts.timed) < count:
            notes.append(f"{len(parts.timed)} sentences are timed, not {count}: the tool has no more of lengths={kind}")
    who: dict[str, Ear] = {}
    if config.get("asr_model"):
        who["asr_model"] = listener(str(config["asr_model"]), config.get("asr_language"))
    name = str(config.get("name") or "sentences")
    held_out = _part(name, parts.proven, parts.judged, who) if parts.proven else None
    searched = _part(name, parts.timed, parts.timed, who)
    return replace(searched, notes=(*notes, parts.note), held_out=held_out)


def judged_texts(workload: Workload) -> list[str]:
    """What quality is judged on, each once."""
    return list(dict.fromkeys(str(text) for text in workload.quality.get("texts", ())))


def _shipped(kind: str, count: int) -> Parts:
    if kind not in KINDS:
        raise unknown_name("workload.lengths", kind, KINDS)
    if kind != MIXED:
        return parted(shipped(kind), count)
    shares = [round(count * part / sum(_MIXED_SHARES)) for part in _MIXED_SHARES[:-1]]
    shares = [*shares, max(0, count - sum(shares))]
    return sum((parted(shipped(kind), share) for kind, share in zip(LENGTHS, shares, strict=True)), NOTHING)


def _part(name: str, timed: Sequence[Sentence], judged: Sequence[Sentence], who: Mapping[str, Ear]) -> Workload:
    items = tuple(WorkItem(sentence.id, {"text": sentence.text}) for sentence in timed)
    texts = [sentence.text for sentence in judged]
    return Workload(name, items, {"texts": texts, "judging": JUDGING_VERSION, **who})


def _count(name: str, value: Any, default: int) -> int:
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 1000:
        raise SentencesError(f"workload.{name} is {value!r}", "give a whole number from 1 to 1000")
    return value
