"""What all measurements together say of one trial, beside what the trial itself measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from search_spaces.parameter import Params
from tuner.core.objective import Objective
from tuner.core.trial import TrialResult


@dataclass(frozen=True)
class Estimate:
    """`value` is the first objective's in its unit, at the machine's first pace; None where it was never measured.

    `sd` is the standard deviation of its logarithm (of its goodness, where the posterior works on another scale); None
    where the value is the trial's own, because there is too little to go by. `feasible` is judged by all that was
    measured of the configuration, repeats included.
    """

    trial: TrialResult
    value: float | None
    sd: float | None
    feasible: bool

    @property
    def number(self) -> int:
        """The trial's."""
        return self.trial.number

    @property
    def params(self) -> Params:
        """The trial's."""
        return self.trial.params

    def rank_value(self, objective: Objective) -> float:
        """The value turned so that less is better."""
        assert self.value is not None, f"trial {self.number} has no {objective.metric}"
        return -self.value if objective.maximize else self.value


def likeliest(estimates: Sequence[Estimate], objective: Objective, count: int) -> list[Estimate]:
    """The best feasible ones, the best first; at most `count`."""
    able = [e for e in estimates if e.feasible and e.value is not None]
    return sorted(able, key=lambda e: e.rank_value(objective))[:count]
