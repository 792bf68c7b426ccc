"""How many pairs a tournament plays, and when it is looked at."""

from __future__ import annotations

import math
from dataclasses import dataclass

INTERIM_ANALYSES = (1.0, 1.5, 2.0, 3.0, 4.0)
"""The test is looked at after these many times the least number of pairs, and at the end."""


@dataclass(frozen=True)
class Pairs:
    """At least `least`, at most `most`, and over `span_s` seconds before an early end.

    The cores of a virtual machine change their speed for seconds at a time, for one configuration more than for
    another (two threads 25 % slower for 5 to 20 s, one thread as before): pairs of one such moment are no independent
    evidence, however many they are.
    """

    least: int
    most: int
    span_s: float = 0.0

    @property
    def end(self) -> int:
        """How many there are at the most."""
        return max(self.least, self.most)

    @property
    def interim_analyses(self) -> list[int]:
        """After how many pairs the test is looked at before the end."""
        return self.analyses[:-1]

    @property
    def analyses(self) -> list[int]:
        """After how many pairs the test is looked at; the last of them is the end."""
        times = {math.ceil(share * self.least) for share in INTERIM_ANALYSES}
        return sorted({n for n in times if n < self.end} | {self.end})
