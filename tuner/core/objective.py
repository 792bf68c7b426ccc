"""What is better, and what must hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engines.base import Direction, Kind
from tuner.core.metrics import METRICS, metric
from tuner.core.trial import TrialResult


@dataclass(frozen=True)
class Objective:
    """A metric to maximise or minimise, in the direction that the metric's definition gives.

    A quantity of somebody's own, which is not in the table of metrics, has a `direction` of its own.
    """

    metric: str
    direction: Direction | None = None

    @property
    def maximize(self) -> bool:
        """Whether more is better."""
        return (self.direction or metric(self.metric).direction) == "maximize"

    @property
    def kind(self) -> Kind | None:
        """The metric's kind; None of a quantity that is not in the table."""
        return METRICS[self.metric].kind if self.metric in METRICS else None

    @property
    def trifle(self) -> float:
        """What is added to both of two values that are compared, because either may be 0."""
        return METRICS[self.metric].trifle if self.metric in METRICS else 0.0

    def gain(self, value: float, reference: float) -> float:
        """How many times better `value` is than `reference`: above 1 is better, in either direction."""
        value, reference = value + self.trifle, reference + self.trifle
        return value / reference if self.maximize else reference / value


@dataclass(frozen=True)
class Constraint:
    """A ceiling on a metric of which less is better, a floor on one of which more is better."""

    metric: str
    limit: float

    def slack(self, value: float) -> float:
        """How far beyond the limit, as a share of it (absolute for a limit of 0); feasible at 0 or below."""
        excess = value - self.limit if metric(self.metric).direction == "minimize" else self.limit - value
        return excess / abs(self.limit) if self.limit else excess

    def describe(self, value: float | None) -> str:
        """`kld 0.54 > 0.05`, or that it was not measured, for a reason."""
        if value is None:
            return f"{self.metric} was not measured, and a constraint is on it"
        sign = ">" if metric(self.metric).direction == "minimize" else "<"
        return f"{self.metric} {value:.4g} {sign} {self.limit:g}"


def violations(constraints: tuple[Constraint, ...], values: Mapping[str, float]) -> dict[str, float]:
    """The slack of each constraint whose metric is among `values`."""
    return {c.metric: c.slack(values[c.metric]) for c in constraints if c.metric in values}


def beside(constraints: tuple[Constraint, ...], baseline: Mapping[str, float]) -> tuple[Constraint, ...]:
    """The constraints, those on a bound no tighter than the `baseline`'s own value.

    A bound from few items is wide for everybody: it tells nothing against what does as well as the default.
    """

    def fair(constraint: Constraint) -> Constraint:
        value = baseline.get(constraint.metric)
        wide = value is not None and metric(constraint.metric).bound and constraint.slack(value) > 0
        return Constraint(constraint.metric, value) if wide and value is not None else constraint

    return tuple(fair(c) for c in constraints)


def broken(
    constraints: tuple[Constraint, ...], values: Mapping[str, float], unmeasured_breaks: bool = True
) -> list[str]:
    """The constraints that do not hold for `values`, each in words: the one judge of them.

    One whose metric is not among them does not hold either, unless that is as it was meant (`unmeasured_breaks`).
    """
    slack = violations(constraints, values)
    unknown = 1.0 if unmeasured_breaks else 0.0
    return [c.describe(values.get(c.metric)) for c in constraints if slack.get(c.metric, unknown) > 0]


def leaders(results: Sequence[TrialResult], objective: Objective, count: int) -> list[TrialResult]:
    """The best feasible results, the best first; at most `count`."""
    able = [r for r in results if r.feasible and r.value(objective.metric) is not None]
    return sorted(able, key=lambda r: rank_value(r, objective))[:count]


def best(trials: list[TrialResult], objective: Objective) -> TrialResult | None:
    """The feasible trial with the best value; None when there is none."""
    return next(iter(leaders(trials, objective, 1)), None)


def rank_value(trial: TrialResult, objective: Objective) -> float:
    """The trial's value at the machine's first pace, turned so that less is better."""
    value = pace_corrected(trial, objective.metric)
    assert value is not None, f"trial {trial.number} has no {objective.metric}"
    return -value if objective.maximize else value


def pace_corrected(trial: TrialResult, name: str) -> float | None:
    """A trial's value at the machine's first pace, by which trials are compared; None where it has none."""
    value = trial.value(name)
    return None if value is None else at_pace(value, name, 1 / trial.pace)


def at_pace(value: float, name: str, pace: float) -> float:
    """What a metric would be on a machine of `pace` times the speed (`measure/drift.py`); only speed follows it."""
    known = METRICS.get(name)
    if known is None or known.kind != "speed":
        return value
    return value * pace if known.direction == "maximize" else value / pace


def pareto_front(trials: list[TrialResult], objectives: tuple[Objective, ...]) -> list[TrialResult]:
    """The feasible trials that no other feasible trial beats in one objective without losing in another."""
    able = [t for t in trials if t.feasible and all(t.value(o.metric) is not None for o in objectives)]
    points = {t.number: [rank_value(t, o) for o in objectives] for t in able}

    def dominated(t: TrialResult) -> bool:
        own = points[t.number]
        return any(
            all(a <= b for a, b in zip(p, own, strict=True)) and p != own for n, p in points.items() if n != t.number
        )

    return [t for t in able if not dominated(t)]
