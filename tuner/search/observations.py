"""What was measured in a study, trials and trials once more, and what all of it together says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from search_spaces.space import SearchSpace
from tuner.core.objective import Constraint, Objective, leaders, violations
from tuner.core.stats import geometric_mean
from tuner.core.trial import TrialResult
from tuner.search.finalists import finalists
from tuner.search.repeats import Repeat

if TYPE_CHECKING:
    from tuner.search.posterior import Posterior

REPEATS_LEAST = 2
"""With so many repeats the middle of all values decides whether a trial is worth measuring again."""


class Observations:
    """`trials` in the order of their numbers, and `repeats`; who searches reads them, who measures adds to them."""

    def __init__(
        self,
        space: SearchSpace,
        objectives: Sequence[Objective],
        trials: Sequence[TrialResult] = (),
        repeats: Sequence[Repeat] = (),
        constraints: Sequence[Constraint] = (),
    ) -> None:
        self.space, self.objectives, self._constraints = space, tuple(objectives), tuple(constraints)
        self.trials, self.repeats = list(trials), list(repeats)
        self._thought: tuple[int, Posterior] | None = None

    @property
    def posterior(self) -> Posterior | None:
        """What is known about the one objective; None where there are several. Thought of once."""
        if len(self.objectives) > 1:
            return None
        known = len(self.trials) + len(self.repeats)
        if self._thought is None or self._thought[0] != known:
            from tuner.search.posterior import Posterior

            self._thought = known, Posterior(self.space, self.objectives[0], self._judged(), self.repeats)
        return self._thought[1]

    def _judged(self) -> list[TrialResult]:
        """The trials, those that were measured again often judged by the middle of all values that a constraint is on.

        Of those at a limit the best of many passed by luck, and would break it when it counts. One unlucky repeat does
        not end it: what is infeasible is never measured again.
        """
        return [self._judged_again(t, REPEATS_LEAST) for t in self.trials]

    def _judged_again(self, trial: TrialResult, least: int) -> TrialResult:
        again = [r.constrained for r in self.repeats if r.trial == trial.number]
        if not trial.feasible or len(again) < least:
            return trial
        values = {
            name: geometric_mean([measured.value, *(r[name] for r in again if name in r)])
            for name, measured in trial.metrics.items()
            if any(name in r for r in again)
        }
        return replace(trial, violations={**trial.violations, **violations(self._constraints, values)})

    def likely(self) -> list[TrialResult]:
        """The trials with the objective as all measurements together make it likely, where there is one objective."""
        return posterior.likely() if (posterior := self.posterior) else list(self.trials)

    def leader(self) -> TrialResult | None:
        """The likeliest best of the feasible trials in the first objective; None when there is none."""
        return next(iter(self.leaders(1)), None)

    def leaders(self, count: int) -> list[TrialResult]:
        """The likeliest best of the feasible trials in the first objective, the best first."""
        return leaders(self._reliable(), self.objectives[0], count)

    def finalists(self) -> list[TrialResult]:
        """The trials, as they were measured, that are worth a tournament."""
        return [self.trials[t.number] for t in finalists(self._reliable(), self.objectives)]

    def _reliable(self) -> list[TrialResult]:
        """`likely()` without what ran at first and failed when it was measured again; the baseline stays the first.

        Nothing here keeps a constraint by luck alone.
        """
        failed = {r.trial for r in self.repeats if r.value is None}
        return [self._judged_again(t, 1) for t in self.likely() if t.number not in failed or t.number == 0]

    def load_noise(self) -> float:
        """By how much processes of one configuration differ (standard deviation of the logarithm); 0 where unknown."""
        return (posterior.load_noise or 0.0) if (posterior := self.posterior) else 0.0
