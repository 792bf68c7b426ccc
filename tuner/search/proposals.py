"""Which measurement is worth most: what the answer is expected to gain, times the chance that it may be deployed.

`posterior.py` predicts the objective, one surrogate the slack of each constraint, one whether a configuration runs at
all; so what was infeasible or crashed keeps others like it from being tried, and what was merely slow tells about
speed. All of them are fitted to a bounded part of what is known (`evidence.py`).
"""

from __future__ import annotations

from collections.abc import Container, Sequence

import numpy as np

from search_spaces.parameter import Parameter, Params
from search_spaces.space import SearchSpace
from tuner.core.metrics import METRICS
from tuner.core.trial import TrialResult, TrialStatus
from tuner.search.evidence import bounded
from tuner.search.posterior import Posterior
from tuner.search.surrogate import (
    ENGINE,
    EXACT_NOISE,
    GENERAL,
    Array,
    Encoder,
    Prior,
    Surrogate,
    probability_below_zero,
)

TRIFLE = 1e-4
"""Where nothing promises more than this, what is likely to run goes first."""
LEVEL = -0.5
"""The slack of a constraint where nothing is known: on the good side."""
SLACK_NOISE = 0.05
FAILURE_NOISES = (SLACK_NOISE, 0.5, 1.0)
"""Of whether a configuration runs, which is 1 or −1, the likeliest of these: there may be no rule in what fails that
knobs and pairs of them could tell, and then a promising configuration is worth the risk."""
REPEATS = (1, 2, 4, 8)
"""How many times a trial may be measured again until that tells (Frazier and Powell, Paradoxes in Learning and the
Marginal Value of Information, 2010)."""
SHARP = Prior(reach=0.03)
"""Where a range may end in the middle, of which nobody told: on one side all runs, on the other nothing."""
JUDGED_MOST = 200
"""The chance of being feasible is computed for this many of the most promising candidates."""
ROWS_MOST = 60
"""Trials that it is computed from."""
_RAN = (TrialStatus.OK, TrialStatus.PRUNED, TrialStatus.INFEASIBLE)


def by_promise(posterior: Posterior, candidates: Sequence[Params]) -> list[tuple[Params, float]]:
    """The most promising candidates, the best first, with what is expected of them; at most `JUDGED_MOST`.

    Equals keep the order that they came in.
    """
    if not candidates or not posterior.results:
        return [(params, 0.0) for params in candidates[:JUDGED_MOST]]
    promise = posterior.knowledge_gradient(candidates)
    leading = np.argsort(-promise, kind="stable")[:JUDGED_MOST]
    few = [candidates[i] for i in leading]
    expected = (promise[leading] + TRIFLE) * _chance_to_be_feasible(posterior, few)
    return [(few[i], float(expected[i])) for i in np.argsort(-expected, kind="stable")]


def worth_repeating(
    posterior: Posterior, least: float, barred: Container[int], deferred: Container[int] = ()
) -> TrialResult | None:
    """The feasible trial, none of those `barred`, of which most is expected once more in another process.

    None where no more than `least` is. Those of `deferred` come after the others that are worth it.
    """
    able = [r for r in posterior.measured if r.feasible and r.number not in barred]
    if not able:
        return None
    # Of rivals that are close one more measurement changes little, and a few may decide.
    worths = np.max([posterior.knowledge_gradient([r.params for r in able], times) for times in REPEATS], axis=0)
    knowledge_gradient = [
        (r.number not in deferred, float(w), r) for r, w in zip(able, worths, strict=True) if w > least
    ]
    return max(knowledge_gradient, key=lambda one: one[:2])[2] if knowledge_gradient else None


def _chance_to_be_feasible(posterior: Posterior, candidates: Sequence[Params]) -> Array:
    """The chance that a candidate runs and keeps every constraint, each taken by itself."""
    space, results = posterior.space, _bounded(posterior.results)
    priors, chance = (ENGINE,) if posterior.declared else GENERAL, np.ones(len(candidates))
    for name in sorted({name for r in results for name in r.violations}):
        judged = [r for r in results if name in r.violations]
        slack, noise = np.array([r.violations[name] for r in judged]), SLACK_NOISE
        if not posterior.declared:  # in a unit of its own
            slack, noise = slack / (np.median(np.abs(slack)) or 1.0), EXACT_NOISE
        knobs = _knobs_behind(space, name)
        chance *= _chance(knobs, judged, np.clip(slack, -1.0, 1.0), candidates, priors, (noise,))
    failed = [1.0 if r.status not in _RAN else -1.0 for r in results]
    if max(failed) > 0:
        priors = priors if posterior.declared else (*priors, SHARP)
        chance *= _chance(space.parameters, results, np.array(failed), candidates, priors, FAILURE_NOISES)
    return chance


def _bounded(results: Sequence[TrialResult]) -> list[TrialResult]:
    """What is closest to a limit tells most of where it runs, and so does what failed."""
    far = [min((abs(v) for v in r.violations.values()), default=1.0) if r.status in _RAN else 0.0 for r in results]
    return [results[at] for at in bounded([-f for f in far], [r.number for r in results], ROWS_MOST)]


def _chance(
    knobs: Sequence[Parameter],
    judged: Sequence[TrialResult],
    slack: Array,
    candidates: Sequence[Params],
    priors: Sequence[Prior],
    noises: Sequence[float],
) -> Array:
    """That the slack is at most 0, under the likeliest of the priors and noises."""
    models = []
    for encoder in (Encoder(knobs, prior) for prior in priors):
        rows = encoder([r.params for r in judged])
        covariance = encoder.covariance(rows, rows)
        for noise in noises:
            model = Surrogate(encoder, rows, slack, np.full(len(slack), noise), LEVEL, covariance)
            models.append((model, noise))
    model, noise = max(models, key=lambda pair: pair[0].likelihood)
    mean, deviation = model.predict(model.encoder(candidates))
    return probability_below_zero(mean, np.hypot(deviation, noise))


def _knobs_behind(space: SearchSpace, constraint: str) -> Sequence[Parameter]:
    """The knobs that can make a difference to a constraint."""
    kind = METRICS[constraint].kind if constraint in METRICS else ""
    return [k for k in space.parameters if kind != "quality" or "quality" in k.affects]
