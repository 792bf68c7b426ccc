"""The texts that are spoken: those that come with the tool, or a list of the user's own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from engines.user_lists import json_lines, read_text
from search_spaces.errors import TunerError, unknown_name

LENGTHS = ("short", "medium", "long")
ANSWER, REPLY = "answer", "reply"
_KEYS = ("id", "text")


class SentencesError(TunerError):
    """A list of sentences cannot be used."""


@dataclass(frozen=True)
class Sentence:
    """A text to be spoken in one request; it may be several sentences long."""

    id: str
    text: str


def shipped(kind: str) -> list[Sentence]:
    """Those that come with the tool of one of LENGTHS, ANSWER or REPLY."""
    return [Sentence(f"{kind}-{number}", text) for number, text in enumerate(_document()[kind], start=1)]


def common_phrases() -> list[str]:
    """What answers often consist of or begin with."""
    return list(_document()["phrases"])


@cache
def _document() -> Mapping[str, list[str]]:
    import yaml

    document: Mapping[str, list[str]] = yaml.safe_load(
        (resources.files(__package__) / "sentences.yaml").read_text(encoding="utf-8")
    )
    return document


def own(given: Any) -> list[Sentence]:
    """The sentences of a list, or of a file: one a line; .jsonl: a string or `{id, text}` a line.

    Raises SentencesError, which names the line.
    """
    if isinstance(given, list | tuple):
        entries = [(f"sentence {number}", entry) for number, entry in enumerate(given, start=1)]
        where = "workload.sentences"
    else:
        entries, where = _lines(Path(str(given)).expanduser()), str(given)
    if not entries:
        raise SentencesError(f"{where} has no sentence", "write one a line")
    found = [_sentence(name, number, entry) for number, (name, entry) in enumerate(entries, start=1)]
    for name, count in Counter(sentence.id for sentence in found).items():
        if count > 1:
            raise SentencesError(f"{count} sentences have the id {name!r}", "give each its own, or none")
    return found


def _lines(path: Path) -> list[tuple[str, Any]]:
    text = read_text(path, "file", "name a file of texts, one a line", SentencesError)
    if path.suffix == ".jsonl":
        found = json_lines(text, str(path), "a string or an object", SentencesError)
        return [(f"{path}, line {number}", entry) for number, entry in found]
    return [(f"{path}, line {n}", line.strip()) for n, line in enumerate(text.splitlines(), 1) if line.strip()]


def _sentence(where: str, number: int, entry: Any) -> Sentence:
    if isinstance(entry, str):
        entry = {"text": entry}
    if not isinstance(entry, Mapping):
        raise SentencesError(f"{where} is {entry!r}", "write a text, or an object with id and text")
    for key in entry:
        if key not in _KEYS:
            raise unknown_name(f"key of {where}", str(key), _KEYS)
    text = entry.get("text")
    if not isinstance(text, str) or not any(c.isalnum() for c in text):
        raise SentencesError(f"{where} has nothing to say: {text!r}", "write a text with words in it")
    return Sentence(str(entry.get("id", f"sentence-{number}")), " ".join(text.split()))


def by_length(sentences: Sequence[Sentence], count: int) -> list[Sentence]:
    """`count` of them (at most all) whose lengths represent those of all, in the order given."""
    places = sorted(range(len(sentences)), key=lambda at: (len(sentences[at].text), at))
    count = min(count, len(places))
    chosen = {places[(2 * number + 1) * len(places) // (2 * count)] for number in range(count)}
    return [sentence for at, sentence in enumerate(sentences) if at in chosen]
