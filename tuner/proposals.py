"""Which untried configuration is worth a trial: expected gain over the best, times the chance that it may be deployed.

One surrogate predicts the logarithm of the objective, one the slack of each constraint, one whether a configuration
runs at all; so what was infeasible or crashed keeps others like it from being tried, and what was merely slow tells
about speed. Several objectives are searched by Optuna instead (`pareto_sampling.py`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from search_spaces.parameter import Parameter, Params
from search_spaces.space import SearchSpace
from tuner.metrics import METRICS
from tuner.objective import Objective, steady
from tuner.sampling import changed_knobs
from tuner.surrogate import Array, Encoder, Surrogate, expected_improvement, probability_below_zero
from tuner.trial import TrialResult, TrialStatus

NOISE = 0.03
"""Standard deviation of the logarithm of one round's speed."""
PLAINER = 0.002
"""What a changed knob must bring: below it, of two equals the one nearer to the baseline is tried."""
LEVEL = -0.5
"""The slack of a constraint where nothing is known: on the good side."""
SLACK_NOISE = 0.05
SMOOTHED_LEAST = 4
JUDGED_MOST = 400
"""The chance of being feasible is computed for this many of the most promising candidates."""
_RAN = (TrialStatus.OK, TrialStatus.CUT_OFF, TrialStatus.INFEASIBLE)


def by_promise(
    space: SearchSpace, objective: Objective, results: Sequence[TrialResult], candidates: Sequence[Params]
) -> list[Params]:
    """The most promising candidates, the best first; at most `JUDGED_MOST`. Equals keep the order that they came in."""
    if not candidates or not results:
        return list(candidates[:JUDGED_MOST])
    promise = _expected_gain(space, objective, results, candidates)
    leading = np.argsort(-promise, kind="stable")[:JUDGED_MOST]
    few = [candidates[i] for i in leading]
    chance = _chance_to_be_feasible(space, results, few)
    return [few[i] for i in np.argsort(-promise[leading] * chance, kind="stable")]


def smoothed(space: SearchSpace, objective: Objective, results: Sequence[TrialResult]) -> list[TrialResult]:
    """The results with the objective's value, at the first pace, as all together make it likely, in the same order.

    The best of many noisy values looks better than it is, and one start of a process differs from the next: what other
    configurations with the same knobs showed puts both right. Below a few values there is nothing to go by.
    """
    measured = [r for r in results if _steady(r, objective) > 0 and objective.metric in r.metrics]
    if len(measured) < SMOOTHED_LEAST:
        return list(results)
    model, rows = _speed_model(space, objective, measured)
    means = {r.number: math.exp(_sign(objective) * m) for r, m in zip(measured, model.predict(rows)[0], strict=True)}
    return [_with_value(r, objective.metric, means[r.number]) if r.number in means else r for r in results]


def _with_value(result: TrialResult, name: str, value: float) -> TrialResult:
    likely = {**result.metrics, name: replace(result.metrics[name], value=value)}
    return replace(result, metrics=likely, pace=1.0)


def _steady(result: TrialResult, objective: Objective) -> float:
    """The objective at the machine's first pace; 0 where there is none."""
    return steady(result, objective.metric) or 0.0


def _sign(objective: Objective) -> float:
    return 1.0 if objective.maximize else -1.0


def _speed_model(space: SearchSpace, objective: Objective, measured: Sequence[TrialResult]) -> tuple[Surrogate, Array]:
    """The surrogate of the logarithm of the objective, turned so that more is better, and the rows that it saw."""
    encoder = Encoder(space.parameters)
    values = np.array([_sign(objective) * math.log(_steady(r, objective)) for r in measured])
    noise = np.array([NOISE / math.sqrt(max(1, r.rounds)) for r in measured])
    rows = encoder([r.params for r in measured])
    return Surrogate(encoder, rows, values, noise), rows


def _expected_gain(
    space: SearchSpace, objective: Objective, results: Sequence[TrialResult], candidates: Sequence[Params]
) -> Array:
    """Expected improvement of the logarithm of the objective."""
    measured = [r for r in results if _steady(r, objective) > 0]
    if not measured:
        return np.ones(len(candidates))

    def plain(some: Sequence[Params]) -> Array:
        return np.array([-PLAINER * changed_knobs(p, space.baseline) for p in some])

    surrogate, rows = _speed_model(space, objective, measured)
    likely = surrogate.predict(rows)[0] + plain([r.params for r in measured])
    best = max((s for s, r in zip(likely, measured, strict=True) if r.feasible), default=float(likely.min()))
    mean, deviation = surrogate.predict(Encoder(space.parameters)(candidates))
    return expected_improvement(mean + plain(candidates), deviation, float(best))


def _chance_to_be_feasible(space: SearchSpace, results: Sequence[TrialResult], candidates: Sequence[Params]) -> Array:
    """The chance that a candidate runs and keeps every constraint, each taken by itself."""
    chance = np.ones(len(candidates))
    for name in sorted({name for r in results for name in r.violations}):
        judged = [r for r in results if name in r.violations]
        slack = np.clip([r.violations[name] for r in judged], -1.0, 1.0)
        chance *= _chance(_knobs_behind(space, name), judged, slack, candidates)
    failed = [1.0 if r.status not in _RAN else -1.0 for r in results]
    if max(failed) > 0:
        chance *= _chance(space.parameters, results, np.array(failed), candidates)
    return chance


def _chance(
    knobs: Sequence[Parameter], judged: Sequence[TrialResult], slack: Array, candidates: Sequence[Params]
) -> Array:
    encoder = Encoder(knobs)
    rows, noise = encoder([r.params for r in judged]), np.full(len(slack), SLACK_NOISE)
    mean, deviation = Surrogate(encoder, rows, slack, noise, LEVEL).predict(encoder(candidates))
    return probability_below_zero(mean, np.hypot(deviation, SLACK_NOISE))


def _knobs_behind(space: SearchSpace, constraint: str) -> Sequence[Parameter]:
    """The knobs that can make a difference to a constraint."""
    kind = METRICS[constraint].kind if constraint in METRICS else ""
    return [k for k in space.parameters if kind != "quality" or "quality" in k.affects]
