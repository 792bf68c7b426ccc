"""What a winner may not make worse unasked: every metric that a person feels and nobody named.

An objective is a proxy. Whoever asks for a faster answer does not expect to wait longer for its first word, or to need
twice the memory, and so a configuration that does that is no better one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from engines.base import Metric
from tuner.core.metrics import metric
from tuner.core.objective import Constraint, Objective, at_pace, pace_corrected
from tuner.core.trial import TrialResult

FACTOR = 1.05
"""A felt metric may be so many times worse."""
SEARCH_TOLERANCE = 1.05
"""In the search a speed may be so many times worse once more: few rounds say so, and the tournament decides."""
NOISE_DEVIATIONS = 2.3
"""Or as much worse as one of a hundred equal configurations looks, by what processes of one configuration differ."""
DISTURBED_TOLERANCE = 2.0
"""And so many times where others disturbed the trial or the baseline, whose figures tell little then."""
PREFIX = "guards."
"""Of a guard's name among the limits that a trial breaks."""
TRIFLE = 0.01
"""A difference of less than this is none that a person feels."""
FeltWord = Literal["better", "tied", "worse"]


@dataclass(frozen=True)
class Guard:
    """`metric` may be at most `factor` times worse than the baseline's."""

    metric: str
    factor: float = FACTOR

    @property
    def name(self) -> str:
        """As it is written on the command line."""
        return PREFIX + self.metric

    def describe(self, times_worse: float) -> str:
        """How it is broken, and how to allow it."""
        allowed = f"{self.name}={self.factor:g}"
        return f"{self.metric} is {times_worse:.2f} times worse than the default's ({allowed} guards it)"


@dataclass(frozen=True)
class FeltVerdict:
    """How a felt metric compares with the baseline's: `ratio` above 1 is better, with its 95 % interval.

    `tied` where the interval holds 1, and where the ratio is a trifle from it: memory hardly varies at all.
    """

    metric: str
    ratio: float
    ci95: tuple[float, float]
    verdict: FeltWord

    @staticmethod
    def of(name: str, ratio: float, ci95: tuple[float, float]) -> FeltVerdict:
        """The verdict that follows from an interval."""
        better, worse = ci95[0] > 1 and ratio > 1 + TRIFLE, ci95[1] < 1 and ratio < 1 / (1 + TRIFLE)
        word: FeltWord = "better" if better else "worse" if worse else "tied"
        return FeltVerdict(name, ratio, ci95, word)


def felt(metrics: Iterable[Metric]) -> list[str]:
    """The names of those that a person notices."""
    return [m.name for m in metrics if m.felt]


def default_guards(metrics: Iterable[Metric], named: Iterable[str]) -> dict[str, float]:
    """The guards of what is felt, except what the user has `named`: an objective, or what has a limit of its own."""
    return {name: FACTOR for name in felt(metrics) if name not in set(named)}


def search_violations(
    guards: Sequence[Guard], result: TrialResult, baseline: TrialResult, load_noise: float = 0.0
) -> tuple[dict[str, float], list[str]]:
    """The slack of each guard for a trial of the search (feasible at 0 or below), and those that are broken in words.

    Compared at the machine's first pace. A metric that either lacks guards nothing. By `load_noise` processes of one
    configuration differ (standard deviation of the logarithm).
    """
    slack, broken = {}, []
    disturbed = result.disturbed or baseline.disturbed
    for guard in guards:
        value, reference = (pace_corrected(t, guard.metric) for t in (result, baseline))
        objective = Objective(guard.metric)
        if value is None or reference is None or min(value, reference) + objective.trifle <= 0:
            continue
        times_worse = 1 / objective.gain(value, reference)
        most = _most(guard, disturbed, load_noise)
        slack[guard.name] = times_worse / most - 1
        if slack[guard.name] > 0:
            broken.append(guard.describe(times_worse))
    return slack, broken


def search_limits(guards: Sequence[Guard], baseline: TrialResult, pace: float) -> tuple[Constraint, ...]:
    """What breaks a guard for sure, on a machine of `pace` by now: limits on the metrics as they are measured."""
    limits = []
    for guard in guards:
        reference, trifle = pace_corrected(baseline, guard.metric), Objective(guard.metric).trifle
        if reference is not None and reference + trifle > 0:
            most, there = _most(guard, disturbed=True), at_pace(reference, guard.metric, pace) + trifle
            lower_is_better = metric(guard.metric).direction == "minimize"
            limits.append(Constraint(guard.metric, (there * most if lower_is_better else there / most) - trifle))
    return tuple(limits)


def _most(guard: Guard, disturbed: bool, load_noise: float = 0.0) -> float:
    """How many times worse it may be in the search."""
    by_noise = math.exp(NOISE_DEVIATIONS * math.sqrt(2) * load_noise)
    tolerance = max(DISTURBED_TOLERANCE if disturbed else SEARCH_TOLERANCE, by_noise)
    return guard.factor * (tolerance if metric(guard.metric).kind == "speed" else 1.0)


def broken_by(guards: Sequence[Guard], times_worse: Mapping[str, float]) -> list[str]:
    """The guards that do not hold for how many times worse each metric is, in words."""
    return [g.describe(times_worse[g.metric]) for g in guards if times_worse.get(g.metric, 1.0) > g.factor]
