"""How the machine's own speed changes during a search: the baseline is measured again every few trials.

A trial's figures are kept as they were measured. Beside them stands the machine's pace at that time, relative to when
the baseline was measured first, and what compares trials takes it out (`core.objective.pace_corrected`). One odd
measurement must not do harm: disturbed checks do not count, two in a row must agree that the pace has changed, the
smaller change is believed, and no configuration is pruned because of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from tuner.core.objective import Objective
from tuner.core.trial import TrialResult, TrialStatus

EVERY_TRIALS = 8
SHARE_MOST = 0.05
"""Measuring the baseline again takes at most about this share of the time."""
NOISE = 0.03
"""A change of pace up to this is what two measurements of one configuration differ by anyway: it is not corrected."""
LOADS = 2.0
"""Nor is one up to this many standard deviations from one process to the next. On a steady machine whose processes
differ by 7 % a pace other than 1 was found in 45 % of cases without it, and in 6 % with it (simulated)."""
CHECKS_ON_RESUMING = 2
"""The machine of another day has another pace: a resumed study measures the baseline so often before all else."""


def pace(checks: Sequence[float], objective: Objective, first: float | None, load_noise: float = 0.0) -> float:
    """The machine's pace now: above 1 is faster than when the baseline had the value `first`.

    Of the last two of `checks`, the baseline's values since then, the one nearer to no change, less what is noise; 1
    where they disagree about the direction. `load_noise` is by how much processes differ: `first` is of one, so that
    both checks err by as much as it does.
    """
    band = 1 + max(NOISE, LOADS * load_noise)
    if len(checks) < 2 or not first or first <= 0 or min(checks[-2:]) <= 0:
        return 1.0
    low, high = sorted(objective.gain(value, first) for value in checks[-2:])
    if low > 1:
        return max(1.0, low / band)
    return min(1.0, high * band)


class PaceWatch:
    """Measures the baseline again when that is due, and knows the machine's pace since this run began.

    `measure` gives a result of the baseline, whatever came of it.
    """

    def __init__(
        self,
        objective: Objective,
        measure: Callable[[], TrialResult],
        clock: Callable[[], float] = time.monotonic,
        resumed: bool = False,
    ) -> None:
        self._objective = objective
        self._measure = measure
        self._clock = clock
        self._begin = clock()
        self._checks: list[float] = []
        self._spent_s = 0.0
        self._measured: int | None = None
        self._owed = CHECKS_ON_RESUMING * resumed

    def now(self, baseline: TrialResult, load_noise: float = 0.0) -> float:
        """The pace; 1 before two checks, and where the baseline was disturbed when it was measured first."""
        if baseline.disturbed:
            return 1.0
        return pace(self._checks, self._objective, baseline.value(self._objective.metric), load_noise)

    def look(self, trials: Sequence[TrialResult], repeats: int = 0) -> None:
        """Measure if that is due before the next trial; an attempt that fails or is disturbed tells nothing.

        `repeats` is how many trials were measured again, which take time as trials do.
        """
        baseline = trials[0]
        if not baseline.feasible or baseline.disturbed:
            return
        for _ in range(self._owed):
            self._check(trials, repeats)
        self._owed = 0
        measured = len(trials) + repeats
        if self._measured is None:
            self._measured = measured
        expected_s, passed_s = baseline.wall_s / 2, self._clock() - self._begin
        if measured - self._measured >= EVERY_TRIALS and self._spent_s + expected_s <= SHARE_MOST * passed_s:
            self._check(trials, repeats)

    def _check(self, trials: Sequence[TrialResult], repeats: int) -> None:
        begin = self._clock()
        result = self._measure()
        took_s = self._clock() - begin
        self._measured, self._spent_s = len(trials) + repeats, self._spent_s + took_s
        value = result.value(self._objective.metric)
        if tells_the_pace(result) and value is not None:
            self._checks.append(value)


def tells_the_pace(result: TrialResult) -> bool:
    """Whether a drift check ran, and nobody disturbed it."""
    return result.status is TrialStatus.OK and not result.disturbed
