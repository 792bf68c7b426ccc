"""When a configuration has been measured enough: sure of its value, or surely not the best."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tuner.core.objective import Objective, at_pace
from tuner.core.stats import relative_half_width

RoundDecision = Literal["go_on", "enough", "pruned"]

WARM_UP_PRUNE_RATIO = 1.6
"""A configuration whose warm-up round is this many times worse than the best is pruned at once."""
DEADLINE = 3.0
"""A warm-up round ends before its last item once it has taken this many times a round of the best."""
TIMEOUT = 20.0
"""A round that takes this many times a round of the best is ended with its process."""
TIMEOUT_LEAST_S = 30.0
ROUND_PRUNE_RATIO = 1.3
"""One that is this many times worse in a measured, undisturbed round is pruned after it. From one process to the next
the same configuration differed by 7 % with one thread and by 11 % with two on a virtual machine of two cores (standard
deviation; `benchmarks/recordings`)."""
LOADS_APART, LOADS_UNKNOWN = 3.3, 0.11
"""Where processes differ by much the margin is wider: by this many standard deviations from one process to the next,
2.3 of the difference of two. Unless it is known, they may differ by as much as was seen. The best of a few equals is
the luckiest of them, which is why it is not less."""
CONTENDER = 1.05
"""One that is this many times worse than the best after a round has been measured enough: another configuration tells
more than another round, because rounds in one process differ less than processes do."""
LOADS_DIFFER = 0.06
"""Where processes of one configuration differ by this much (standard deviation of the logarithm), one undisturbed round
is enough as well: rounds in one process agree to 2 %, so another one adds little, and another process much."""
INTERVAL_HALF_WIDTH = 0.03
"""Rounds of a trial go on until the objective's 95 % interval, or all of its values, lie this close together."""
DISTURBED_PRUNE_RATIO = 2.0
"""The same for rounds that were disturbed, on a machine that is never quiet: their median over two rounds or more."""


@dataclass(frozen=True)
class Pruner:
    """Decides after each round. `best` is the best value so far, `None` when there is none to race against;
    `load_noise` is by how much processes of one configuration differ, as far as it is known. Once the rounds have taken
    `time_most_s`, one that counts is enough, even if it was disturbed.

    The margins lie beyond what undisturbed rounds of one configuration differ by, in one process and from one process
    to the next, so an equal of the best is cut in less than 5 % of cases. What comes near the best is measured until
    its rounds agree.
    """

    maximize: bool
    best: float | None
    rounds_least: int
    rounds_most: int
    half_width: float
    best_round_s: float | None = None
    load_noise: float = 0.0
    time_most_s: float = math.inf

    @property
    def deadline_s(self) -> float | None:
        """When the warm-up round begins no further item; None without a best."""
        return None if self.best_round_s is None else DEADLINE * self.best_round_s

    def timeout_s(self, most_s: float) -> float:
        """How long to wait for a round at the most."""
        if self.best_round_s is None:
            return most_s
        return min(most_s, max(TIMEOUT_LEAST_S, TIMEOUT * self.best_round_s))

    def after_warm_up(self, value: float) -> RoundDecision:
        """Go on, or prune a configuration that cannot win."""
        return "pruned" if self._times_worse(value) > WARM_UP_PRUNE_RATIO else "go_on"

    def after_round(self, values: Sequence[float], disturbed: bool = False) -> RoundDecision:
        """`values` are the objective of the rounds that count so far; `disturbed` when none of them was a quiet one."""
        if values and self._times_worse(statistics.median(values)) > (
            DISTURBED_PRUNE_RATIO if disturbed else self._round_prune_ratio
        ):
            return "pruned"
        if len(values) >= self.rounds_most:
            return "enough"
        if values and not disturbed and self._one_is_enough(statistics.median(values)):
            return "enough"
        return "enough" if len(values) >= self.rounds_least and self._agree(values) else "go_on"

    @property
    def _round_prune_ratio(self) -> float:
        return max(ROUND_PRUNE_RATIO, math.exp(LOADS_APART * (self.load_noise or LOADS_UNKNOWN)))

    def _one_is_enough(self, value: float) -> bool:
        return self._times_worse(value) > CONTENDER or self.load_noise >= LOADS_DIFFER

    def _agree(self, values: Sequence[float]) -> bool:
        """The interval is narrow, or all values lie that close together: the next process will differ by more."""
        if len(values) > 1 and 0 < max(values) <= (1 + self.half_width) * min(values):
            return True
        return relative_half_width(values) <= self.half_width

    def _times_worse(self, value: float) -> float:
        if self.best is None or value <= 0 or self.best <= 0:
            return 0.0
        return self.best / value if self.maximize else value / self.best


def fixed_rounds(rounds: int) -> Pruner:
    """So many rounds, whatever they show."""
    return Pruner(maximize=True, best=None, rounds_least=rounds, rounds_most=rounds, half_width=INTERVAL_HALF_WIDTH)


@dataclass(frozen=True)
class Best:
    """What there is to beat: a value at the machine's first pace, and how long a round of it takes, in seconds."""

    value: float
    round_s: float


def pruner_against(
    best: Best | None,
    objective: Objective,
    pace: float,
    rounds: tuple[int, int],
    load_noise: float = 0.0,
    time_most_s: float = math.inf,
) -> Pruner:
    """Race against the best so far, on a machine of `pace`; `rounds` are the least and the most of them."""
    return Pruner(
        maximize=objective.maximize,
        best=None if best is None else _easier(best.value, pace, objective),
        rounds_least=rounds[0],
        rounds_most=rounds[1],
        half_width=INTERVAL_HALF_WIDTH,
        best_round_s=None if best is None else best.round_s,
        load_noise=load_noise,
        time_most_s=time_most_s,
    )


def _easier(best: float, pace: float, objective: Objective) -> float:
    """The value to race against on a machine of another pace; never a harder one than was measured."""
    there = at_pace(best, objective.metric, pace)
    return min(best, there) if objective.maximize else max(best, there)
