"""What is searched on and what is held out for the proof: thirds by a stable hash of the content.

A configuration that is chosen on some material looks better on it than elsewhere, and some only work there. So a third
is searched on, and the verdict, the published gain and the quality that binds are of the rest, which the search never
used. An item's place follows from its own content: material that is added moves hardly any other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")

SEARCHED_SHARE = 1 / 3
LEAST = 6
"""Items below which nothing is held out: two to search on would not stand for the rest."""


def divide(items: Sequence[T], content: Callable[[T], str]) -> tuple[list[T], list[T]]:
    """The items searched on and those held out, each in the order given; the latter empty below `LEAST` items.

    `content` is what an item is, whatever it is called: items of one content are one, and stay together.
    """
    distinct = {content(item) for item in items}
    if len(distinct) < LEAST:
        return list(items), []
    ranked = sorted(distinct, key=_hash)
    return _parted(items, content, set(ranked[: round(SEARCHED_SHARE * len(ranked))]))


def divide_alike(
    items: Sequence[T], content: Callable[[T], str], size: Callable[[T], float]
) -> tuple[list[T], list[T]]:
    """As `divide`, so that both parts have items of every size: of three neighbours by size one is searched on.

    For items that differ much and are few, where chance would give all long ones to one part. At least two are needed;
    an item that is added may move others.
    """
    sizes = {content(item): size(item) for item in items}
    ranked = sorted(sizes, key=lambda known: (sizes[known], _hash(known)))
    groups = [ranked[at : at + 3] for at in range(0, len(ranked), 3)]
    searched = {min(group, key=_hash) for group in groups if len(group) > 1}
    return _parted(items, content, searched) if searched else (list(items), [])


def _parted(items: Sequence[T], content: Callable[[T], str], searched: set[str]) -> tuple[list[T], list[T]]:
    return [i for i in items if content(i) in searched], [i for i in items if content(i) not in searched]


def too_few(items: int, what: str) -> str:
    """The line for the user where nothing is held out."""
    return (
        f"nothing is held out of {items} {what}: the verdict is on what was searched on and may not hold elsewhere; "
        f"give at least {LEAST} different ones"
    )


def _hash(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()
