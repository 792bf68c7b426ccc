"""Which of many clips are timed, and which are judged."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from engines.recognition.clips import Clip

JUDGED_MOST = 120
"""Clips that are judged at the most where their number follows from the words."""


@dataclass(frozen=True)
class Extent:
    """How much is judged unless told otherwise: as many clips as have `words` words, at least `clips` of them."""

    clips: int
    words: int


SEARCHED = Extent(24, 200)
"""Enough to tell what is no use: in the search every configuration is judged, which takes longer than its rounds."""
PROVEN = Extent(48, 300)
"""One word is 0.33 points there. Where a configuration disagrees with the reference in one word of a hundred and is no
worse, a limit of one point (three words) refuses it once in 40 times, and never for a single word. One that loses two
points more passes once in 6 times, one that loses three once in 35 (differences of two Poisson counts). Of 48 clips one
may fail and the bound on how often clips fail is still below a tenth."""


def words(clips: Sequence[Clip]) -> int:
    """How many are said in all of them."""
    return sum(len(clip.text.split()) for clip in clips)


def judged(clips: Sequence[Clip], count: int | None, extent: Extent) -> list[Clip]:
    """`count` clips, or as many as the extent says and at most JUDGED_MOST, evenly spaced."""
    if count is None:
        wanted = math.ceil(extent.words * len(clips) / max(1, words(clips)))
        count = min(max(wanted, extent.clips), JUDGED_MOST)
        while count < min(JUDGED_MOST, len(clips)) and words(evenly(clips, count)) < extent.words:
            count += 1
    return evenly(clips, count)


def timed(clips: Sequence[Clip], judged_clips: Sequence[Clip], count: int) -> list[Clip]:
    """`count` clips for a round: of those that are judged, where there are so many, because what a round hears need

    not be heard again for judging.
    """
    return spread(judged_clips if len(judged_clips) >= count else clips, count)


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
