"""What was measured in a study, trials and trials once more, and what all of it together says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from search_spaces.parameter import Value
from search_spaces.space import SearchSpace
from tuner.core.objective import Constraint, Objective, pace_corrected, violations
from tuner.core.params import key
from tuner.core.stats import geometric_mean
from tuner.core.trial import TrialResult
from tuner.search.estimate import Estimate, likeliest
from tuner.search.finalists import FINALISTS, finalists
from tuner.search.one_thread import on_one_thread
from tuner.search.reduction import reductions
from tuner.search.repeats import failed_again

if TYPE_CHECKING:
    from tuner.search.posterior import Posterior

REPEATS_LEAST = 2
"""With so many repeats the middle of all values decides whether a trial is worth measuring again."""
TRIALS_LEAST = 6
"""Fewer trials tell too little about single knobs to set any back."""


class Observations:
    """`trials` (baseline and search), `repeats`, and `reduced` winners, each in the order in which they were measured.

    Who measures adds to them; who searches reads them. A trial is known by its number, which is no place in a list.
    Of a space that nobody `declared` nothing is assumed (`posterior.py`).
    """

    def __init__(
        self,
        space: SearchSpace,
        objectives: Sequence[Objective],
        trials: Sequence[TrialResult] = (),
        repeats: Sequence[TrialResult] = (),
        constraints: Sequence[Constraint] = (),
        declared: bool = True,
    ) -> None:
        self.space, self.objectives, self.constraints = space, tuple(objectives), tuple(constraints)
        self.trials, self.repeats, self.declared = list(trials), list(repeats), declared
        self.reduced: list[TrialResult] = []
        self._thought: tuple[tuple[int, int], Posterior] | None = None

    def add(self, result: TrialResult) -> None:
        """Sort a finished trial in by its purpose. A drift check tells of the machine, and of no configuration.

        A reduced winner is measured after the search, and changes nothing of what that had found out.
        """
        if result.purpose == "repeat":
            self.repeats.append(result)
        elif result.purpose == "reduced":
            self.reduced.append(result)
        elif result.purpose != "drift":
            self.trials.append(result)

    @property
    def posterior(self) -> Posterior | None:
        """What is known about the one objective; None where there are several. Thought of once."""
        if len(self.objectives) > 1:
            return None
        known = len(self.trials), len(self.repeats)
        if self._thought is None or self._thought[0] != known:
            self._thought = known, self._think()
        return self._thought[1]

    @on_one_thread
    def _think(self) -> Posterior:
        from tuner.search.posterior import Posterior

        return Posterior(self.space, self.objectives[0], self.judged(), self.repeats, declared=self.declared)

    def judged(self) -> list[TrialResult]:
        """The trials, those that were measured again often judged by the middle of all values that a constraint is on.

        Of those at a limit the best of many passed by luck, and would break it when it counts. One unlucky repeat does
        not end it: what is infeasible is never measured again.
        """
        again = self._again()
        return [
            replace(t, violations=self._violations(t, again[t.number]))
            if t.feasible and len(again.get(t.number, ())) >= REPEATS_LEAST
            else t
            for t in self.trials
        ]

    def _again(self) -> Mapping[int, list[TrialResult]]:
        """The repeats by the number of the trial that they measure again."""
        again: dict[int, list[TrialResult]] = {}
        for repeat in self.repeats:
            if repeat.repeat_of is not None:
                again.setdefault(repeat.repeat_of, []).append(repeat)
        return again

    def _violations(self, trial: TrialResult, again: Sequence[TrialResult]) -> dict[str, float]:
        """The slack of each constraint by the middle of all values of it."""
        measured = {c.metric: trial.metrics[c.metric].value for c in self.constraints if c.metric in trial.metrics}
        values = {
            name: geometric_mean([value, *(r.metrics[name].value for r in again if name in r.metrics)])
            for name, value in measured.items()
            if any(name in r.metrics for r in again)
        }
        return {**trial.violations, **violations(self.constraints, values)}

    def likely(self) -> list[Estimate]:
        """The trials with the objective as all measurements together make it likely, where there is one objective."""
        if (posterior := self.posterior) is not None:
            return [replace(e, trial=t) for e, t in zip(posterior.likely(), self.trials, strict=True)]
        name = self.objectives[0].metric
        return [Estimate(t, pace_corrected(t, name), None, t.feasible) for t in self.trials]

    def leader(self) -> Estimate | None:
        """The likeliest best of the feasible trials in the first objective; None when there is none."""
        return next(iter(self.leaders(1)), None)

    def leaders(self, count: int) -> list[Estimate]:
        """The likeliest best of the feasible trials in the first objective, the best first."""
        return likeliest(self._reliable(), self.objectives[0], count)

    def finalists(self, count: int = FINALISTS) -> list[TrialResult]:
        """The `count` trials, as they were measured, that are worth a tournament most."""
        return finalists(self._reliable(), self.objectives, count)

    def reductions(self) -> list[dict[str, Value]]:
        """What has fewer changes than the leader, may be as good, and was not tried yet."""
        leader, posterior = self.leader(), self.posterior
        if leader is None or posterior is None or len(self.trials) < TRIALS_LEAST:
            return []
        tried = {key(t.params) for t in self.trials}
        found = reductions(self.space, posterior, leader.params, self.trials[0].params)
        return [params for params in found if key(params) not in tried]

    def _reliable(self) -> list[Estimate]:
        """`likely()` without what ran at first and failed when it was measured again; the baseline stays the first.

        Nothing here keeps a constraint by luck alone.
        """
        failed, again = failed_again(self.repeats), self._again()
        kept = [e for at, e in enumerate(self.likely()) if at == 0 or e.number not in failed]
        return [self._without_luck(e, again.get(e.number, ())) for e in kept]

    def _without_luck(self, estimate: Estimate, again: Sequence[TrialResult]) -> Estimate:
        if not estimate.feasible or not again:
            return estimate
        return replace(estimate, feasible=all(v <= 0 for v in self._violations(estimate.trial, again).values()))

    def load_noise(self) -> float:
        """By how much processes of one configuration differ (standard deviation of the logarithm); 0 where unknown."""
        return (posterior.load_noise or 0.0) if (posterior := self.posterior) else 0.0
