"""A small template language, from which the training corpus of the embedded language model is generated.

`[a|b|c]` picks one alternative (they nest; an empty one is allowed), `{name}` inserts a slot, `{a:name}` the slot with
its indefinite article, `{cap:name}` the slot with a capital first letter.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True)
class _Slot:
    name: str
    form: str


@dataclass(frozen=True)
class _Choice:
    alternatives: tuple[_Sequence, ...]


_Sequence = tuple["str | _Slot | _Choice", ...]


def expand(template: str, slots: Mapping[str, str], rng: random.Random) -> str:
    """`template` with its choices drawn from `rng` and its slots filled. Raises KeyError for an unknown slot."""
    return "".join(_render(_parse(template), slots, rng))


def with_article(word: str) -> str:
    """`word` after "a" or "an", chosen by its first letter."""
    return f"{'an' if word[:1].lower() in 'aeiou' else 'a'} {word}"


def _render(sequence: _Sequence, slots: Mapping[str, str], rng: random.Random) -> list[str]:
    out: list[str] = []
    for part in sequence:
        if isinstance(part, str):
            out.append(part)
        elif isinstance(part, _Slot):
            out.append(_inflect(slots[part.name], part.form))
        else:
            # `choice` of the standard library changed its draws between releases; `random` never does.
            out += _render(part.alternatives[int(rng.random() * len(part.alternatives))], slots, rng)
    return out


def _inflect(text: str, form: str) -> str:
    if form == "a":
        return with_article(text)
    return text[:1].upper() + text[1:] if form == "cap" else text


@lru_cache(maxsize=4096)
def _parse(template: str) -> _Sequence:
    sequence, end = _parse_sequence(template, 0, nested=False)
    if end != len(template):
        raise ValueError(f"unbalanced brackets in template {template!r}")
    return sequence


def _parse_sequence(template: str, start: int, nested: bool) -> tuple[_Sequence, int]:
    """The parts from `start` to the end, or (nested) to the next `|` or `]` of this level; and where they end."""
    parts: list[str | _Slot | _Choice] = []
    at = start
    while at < len(template):
        char = template[at]
        if nested and char in "|]":
            break
        if char == "[":
            choice, at = _parse_choice(template, at + 1)
            parts.append(choice)
        elif char == "{":
            close = template.index("}", at)
            form, _, name = template[at + 1 : close].rpartition(":")
            parts.append(_Slot(name, form))
            at = close + 1
        else:
            stop = min((i for i in (template.find(c, at) for c in "[{|]") if i > at), default=len(template))
            parts.append(template[at:stop])
            at = stop
    return tuple(parts), at


def _parse_choice(template: str, start: int) -> tuple[_Choice, int]:
    alternatives: list[_Sequence] = []
    at = start
    while True:
        sequence, at = _parse_sequence(template, at, nested=True)
        alternatives.append(sequence)
        if at >= len(template):
            raise ValueError(f"unbalanced brackets in template {template!r}")
        at += 1
        if template[at - 1] == "]":
            return _Choice(tuple(alternatives)), at
