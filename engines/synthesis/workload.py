"""The texts of one round, and those that quality is judged on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engines.base import Model, Progress, WorkItem, Workload
from engines.synthesis.comparison import JUDGING_VERSION
from engines.synthesis.intelligibility import listener
from engines.synthesis.sentences import ANSWER, LENGTHS, REPLY, Sentence, SentencesError, by_length, own, shipped
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
    that come with the tool: one of KINDS. `items_per_round` is how many texts a round has, spread over the lengths.
    Quality is judged on the audio of the same texts, with the word errors that a whisper.cpp model of the user's hears
    where `asr_model` names its file (`asr_language`, `en` unless given). An item's payload is `{"text": TEXT}`.
    """
    for option in config:
        if option not in _OPTIONS:
            raise unknown_name("workload option", str(option), _OPTIONS)
    items_per_round, notes = (
        _count("items_per_round", config.get("items_per_round"), DEFAULT_ITEMS_PER_ROUND),
        tuple[str, ...](),
    )
    if config.get("sentences"):
        every = own(config["sentences"])
        chosen = by_length(every, items_per_round)
        progress(f"{len(chosen)} of {len(every)} sentences are timed" if len(chosen) < len(every) else "all are timed")
    else:
        kind = str(config.get("lengths") or MIXED)
        if kind not in KINDS:
            raise unknown_name("workload.lengths", kind, KINDS)
        chosen = _shipped(kind, items_per_round)
        if len(chosen) < items_per_round:
            notes = (
                f"{len(chosen)} sentences are timed, not {items_per_round}: the tool has no more of lengths={kind}",
            )
    items = tuple(WorkItem(sentence.id, {"text": sentence.text}) for sentence in chosen)
    quality: dict[str, Any] = {"texts": [sentence.text for sentence in chosen], "judging": JUDGING_VERSION}
    if config.get("asr_model"):
        quality["asr_model"] = listener(str(config["asr_model"]), config.get("asr_language"))
    return Workload(str(config.get("name") or "sentences"), items, quality, notes)


def judged_texts(workload: Workload) -> list[str]:
    """What quality is judged on, each once."""
    return list(dict.fromkeys(str(text) for text in workload.quality.get("texts", ())))


def _shipped(kind: str, count: int) -> list[Sentence]:
    if kind != MIXED:
        return by_length(shipped(kind), count)
    shares = [round(count * part / sum(_MIXED_SHARES)) for part in _MIXED_SHARES[:-1]]
    shares = [*shares, max(0, count - sum(shares))]
    return [s for kind, share in zip(LENGTHS, shares, strict=True) if share for s in by_length(shipped(kind), share)]


def _count(name: str, value: Any, default: int) -> int:
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 1000:
        raise SentencesError(f"workload.{name} is {value!r}", "give a whole number from 1 to 1000")
    return value
