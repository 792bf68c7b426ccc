"""Clips as they are met where speech is recognised: what breaks windows that were cut to clean, tight recordings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import cycle, islice

from engines.recognition.clips import Clip, Passage
from engines.recognition.treatment import Treatment

EASY = (
    Treatment(after_s=3.0),
    Treatment(noise_db=15.0),
    Treatment(speed=1.15),
    Treatment(before_s=0.5, after_s=0.5),
)
HARD = (Treatment(before_s=1.5), Treatment(speed=0.85))
"""Beyond the model that ships, which was not trained on them: every other word is wrong then."""
PAUSE_S = 1.5
"""Between two utterances that belong together."""
LONG_S, LONG_GAP_S = 20.0, 0.5
"""A passage of several utterances, that is, of half a minute with its pauses at most."""


def stressed(clips: Sequence[Clip], count: int, hard: bool) -> list[Passage]:
    """`count` passages of the clips: silence around them, noise, other speeds, one kind after the other.

    `hard` adds what models in use recognise and the one that ships does not: HARD treatments, two utterances with a
    pause, long passages. Clips are used again where they do not suffice. The same passages each time.
    """
    return list(islice(_passages(cycle(clips), hard), count)) if clips else []


def _passages(clips: Iterator[Clip], hard: bool) -> Iterator[Passage]:
    while True:
        for at, treatment in enumerate(EASY):
            yield Passage((next(clips),), 0.0, treatment)
            if hard and at == 0:
                yield Passage((next(clips), next(clips)), PAUSE_S)
            if hard and at == 1:
                yield _long(clips)
        for treatment in HARD if hard else ():
            yield Passage((next(clips),), 0.0, treatment)


def _long(clips: Iterator[Clip]) -> Passage:
    chosen: list[Clip] = []
    while sum(clip.seconds + LONG_GAP_S for clip in chosen) < LONG_S:
        chosen.append(next(clips))
    return Passage(tuple(chosen), LONG_GAP_S)
