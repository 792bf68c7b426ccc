"""The minutes of a budget, and what of them the search leaves to the tournament and to the explanation."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tuner.core.trial import TrialResult
from tuner.search.repeats import typical_s

EXPLAINED = 1.5
"""A search that has tried all it may leaves so many times what the tournament takes: measuring what each change brings
comes after it, and takes about half of that."""


@dataclass
class SearchTime:
    """Begins when it is made, or when it is told to `begin`.

    `reserve_s` tells what the tournament would take now; `trials` are those so far.
    """

    minutes: float
    reserve_s: Callable[[], float]
    trials: Sequence[TrialResult]
    clock: Callable[[], float]
    begin_s: float = field(init=False)

    def __post_init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Count the minutes from now on."""
        self.begin_s = self.clock()

    def left_s(self) -> float:
        """What is left of the minutes; below 0 once they are overrun."""
        return 60 * self.minutes - (self.clock() - self.begin_s)

    def is_up(self) -> bool:
        """Whether the tournament needs what is left, or the share of the minutes that it may have. Never before the
        first trial."""
        return self.until_up_s() < 0

    def until_up_s(self) -> float:
        """How long until the time is up; endless before the first trial."""
        return self.left_s() - self.reserve_s() if self.trials else math.inf

    def for_another(self, first: bool, owed: int = 0) -> bool:
        """Whether one more trial, as long as the latest ones, still leaves the tournament its time.

        So many trials are `owed` after it. The `first` of a run needs no more than that it may begin: where trials take
        long, none would ever be added.
        """
        needed_s = (1 + owed) * typical_s(self.trials)
        return not self.is_up() and (first or self.left_s() >= self.reserve_s() + needed_s)

    def for_telling_apart(self) -> bool:
        """Whether a search with nothing left to try may measure its best few again."""
        return self.left_s() >= EXPLAINED * self.reserve_s()
