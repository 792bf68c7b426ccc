"""The parts that a report is made of; `page.py` and `markdown.py` each turn them into text of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Heading:
    """A section's title."""

    text: str


@dataclass(frozen=True)
class Verdict:
    """The answer in one sentence. `tone` is `good`, `plain` or `bad`; `figures` are (label, value, remark)."""

    text: str
    tone: str
    figures: Sequence[tuple[str, str, str]] = ()


@dataclass(frozen=True)
class Paragraph:
    """Prose."""

    text: str


@dataclass(frozen=True)
class Table:
    """`left` are the columns that are text. `keys` has, per row, what a column is sorted by where that is a number."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    left: frozenset[int] = frozenset({0})
    keys: Sequence[Sequence[float | None]] = ()
    marked: int | None = None


@dataclass(frozen=True)
class Plot:
    """An SVG element, also a file called `name`.svg."""

    name: str
    svg: str
    caption: str


@dataclass(frozen=True)
class Code:
    """Commands or a document, one per line. `folded` is the title under which it is hidden, "" for not hidden."""

    text: str
    folded: str = ""


Part = Heading | Paragraph | Table


@dataclass(frozen=True)
class Columns:
    """Groups of blocks side by side, where there is room."""

    groups: Sequence[Sequence[Part]]


Block = Columns | Heading | Verdict | Paragraph | Table | Plot | Code
