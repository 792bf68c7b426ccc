"""Sentences in two parts: those searched on, and those held out for the proof (`engines/division.py`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engines.division import divide, too_few
from engines.synthesis.sentences import Sentence, by_length

JUDGED_PER_TIMED = 2
"""Held-out sentences that quality is judged on, for each that is timed: judging one takes longer than speaking it."""


@dataclass(frozen=True)
class Parts:
    """What is timed in the search, as many others that the proof is timed on, and those that its quality is judged on.

    The last begin with those of the proof. `searched` and `held` are how many there are to choose from.
    """

    timed: tuple[Sentence, ...]
    proven: tuple[Sentence, ...]
    judged: tuple[Sentence, ...]
    searched: int
    held: int

    def __add__(self, other: Parts) -> Parts:
        return Parts(
            self.timed + other.timed,
            self.proven + other.proven,
            self.judged + other.judged,
            self.searched + other.searched,
            self.held + other.held,
        )

    @property
    def note(self) -> str:
        """The line for the user."""
        if not self.held:
            return too_few(self.searched, "sentences")
        return (
            f"{len(self.timed)} of {self.searched} sentences are searched on; of {self.held} others, held out, the "
            f"proof is on {len(self.proven)} and its quality on {len(self.judged)}"
        )


NOTHING = Parts((), (), (), 0, 0)


def parted(sentences: Sequence[Sentence], count: int) -> Parts:
    """The parts of `sentences` with `count` timed ones (as many as there are at most), spread over the lengths.

    The same text under two names is in one part only.
    """
    texts, _ = divide(list(dict.fromkeys(sentence.text for sentence in sentences)), str)
    searched = [sentence for sentence in sentences if sentence.text in texts]
    held = [sentence for sentence in sentences if sentence.text not in texts]
    timed = by_length(searched, count)
    proven = by_length(held, len(timed))
    more = by_length([s for s in held if s not in proven], (JUDGED_PER_TIMED - 1) * len(timed))
    return Parts(tuple(timed), tuple(proven), (*proven, *more), len(searched), len(held))
