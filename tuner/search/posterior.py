"""What all measurements together say about an objective, and what one more measurement would be worth.

The best of many noisy values looks better than it is, and one start of a process differs from the next. So trials are
compared by what a model of all of them expects (`surrogate.py`), and the next measurement is the one after which the
best of them is expected to be most better: the knowledge gradient (Frazier, Powell and Dayanik, The Knowledge-Gradient
Policy for Correlated Normal Beliefs, 2009). That may be an untried configuration or one of the best once more.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import fmean

import numpy as np

from search_spaces.parameter import Params
from search_spaces.space import SearchSpace
from tuner.core.metrics import metric
from tuner.core.objective import Objective, leaders, pace_corrected
from tuner.core.params import changed_knobs
from tuner.core.trial import TrialResult
from tuner.search.repeats import Repeat
from tuner.search.surrogate import Array, Encoder, Surrogate

NOISE = 0.03
"""Standard deviation of the logarithm of one round's speed."""
CHANGE_PENALTY = 0.01
"""What each knob that differs from the baseline must bring to be worth a measurement: of what is about as good the
plainest is deployed in the end (`tournament/decision.py`), so that time spent on others is spent in vain. On the
recording that it was chosen by, the search took a third longer with 0.002, and a tenth longer with 0.02."""
OUTLIER_SD = 3.0
"""Standard deviations by which a measurement must miss what all others say to count for less, and to say nothing of
how much processes differ: now and then one is slow for reasons of its own."""
PACE = 0.5
"""Standard deviation of the logarithm of the machine's pace in a tournament, about which nothing is assumed."""
NOISY = ("speed", "energy", "load")
"""Kinds of metrics that differ from one measurement to the next."""
LEAST = 4
"""Below so many values there is nothing to go by."""
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(24)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()


class Posterior:
    """The logarithm of the objective, turned so that more is better, over configurations of `space`.

    `measured` are the results that have a value; `load_noise` is the standard deviation from one process to the next,
    as far as it is known.
    """

    def __init__(
        self, space: SearchSpace, objective: Objective, results: Sequence[TrialResult], repeats: Sequence[Repeat] = ()
    ) -> None:
        self.space, self._objective = space, objective
        self._sign = 1.0 if objective.maximize else -1.0
        self.results = list(results)
        self.measured = [r for r in results if (pace_corrected(r, objective.metric) or 0.0) > 0]
        params = {r.number: r.params for r in self.measured}
        seen = [(r.params, pace_corrected(r, objective.metric) or 0.0, r.rounds) for r in self.measured]
        seen += [(params[r.trial], r.value, r.rounds) for r in repeats if r.value and r.trial in params]
        self._encoder = Encoder(space.parameters)
        self._model = self._fitted(seen) if seen else None

    def _fitted(self, seen: Sequence[tuple[Params, float, int]]) -> Surrogate:
        values = np.array([self._sign * math.log(value) for _, value, _ in seen])
        noise = np.array([NOISE / math.sqrt(max(1, rounds)) for _, _, rounds in seen])
        rows = self._encoder([p for p, _, _ in seen])
        model = Surrogate(self._encoder, rows, values, noise)
        off = np.abs(values - model.predict(rows)[0])
        odd = off > OUTLIER_SD * np.hypot(noise, model.more_noise)
        return Surrogate(self._encoder, rows, values, np.where(odd, off, noise)) if odd.any() else model

    @property
    def load_noise(self) -> float | None:
        """None where there is nothing to go by. The likeliest: of few values the mean of all that may be is no news."""
        return self._model.likeliest_noise if self._model and len(self.measured) >= LEAST else None

    def likely(self) -> list[TrialResult]:
        """The results with the objective's value, at the first pace, as all together make it likely, in their order.

        What is measured without noise, such as the size of a model, is what it was.
        """
        name = self._objective.metric
        if metric(name).kind not in NOISY:
            return self.results
        known = [r for r in self.measured if name in r.metrics]
        if self._model is None or len(known) < LEAST:
            return self.results
        means, _ = self._model.predict(self._encoder([r.params for r in known]))
        values = {r.number: math.exp(self._sign * m) for r, m in zip(known, means, strict=True)}
        return [_with_value(r, name, values[r.number]) if r.number in values else r for r in self.results]

    def knowledge_gradient(self, candidates: Sequence[Params], times: int = 1) -> Array:
        """By how much the best of what was tried is expected to be better once a candidate is measured as well.

        For each measurement, where it takes several `times` to tell.
        """
        if self._model is None:
            return np.ones(len(candidates))
        able = [r for r in self.measured if r.feasible] or self.measured
        tried, rows = self._encoder([r.params for r in able]), self._encoder(candidates)
        answers = self._model.predict(tried)[0] + self._plain([r.params for r in able])
        mean, deviation = self._model.predict(rows)
        mean = mean + self._plain(candidates)
        seen = np.hypot(deviation, math.hypot(NOISE, self._model.more_noise) / math.sqrt(times))
        moved = self._model.covariance(tried, rows) / seen
        best = np.full((len(candidates), len(_NODES)), -np.inf)
        for answer, moves in zip(answers, moved, strict=True):
            np.maximum(best, answer + moves[:, None] * _NODES, out=best)
        np.maximum(best, mean[:, None] + (deviation**2 / seen)[:, None] * _NODES, out=best)
        return np.asarray(best @ _WEIGHTS - answers.max()) / times

    def leaders(self, count: int) -> list[Params]:
        """The likeliest best of the feasible trials."""
        return [r.params for r in leaders(self.likely(), self._objective, count)]

    def contrast(self, changed: Sequence[Params], unchanged: Sequence[Params]) -> tuple[float, float]:
        """By how much the logarithm differs on average between the two: (expected, standard deviation)."""
        if self._model is None:
            return 0.0, math.inf
        rows = np.vstack([self._encoder(changed), self._encoder(unchanged)])
        weights = np.repeat([1 / len(changed), -1 / len(unchanged)], [len(changed), len(unchanged)])
        mean, covariance = self._model.predict(rows)[0], self._model.covariance(rows, rows)
        return float(weights @ mean), math.sqrt(max(0.0, float(weights @ covariance @ weights)))

    def judged(self, played: Mapping[int, Sequence[float]]) -> dict[int, float]:
        """What trials are likely to be worth, by number, once they have `played` side by side as well, each round in a
        process of its own.

        Only their ratios mean anything, because the machine may have another pace by now. Below a few values the means
        of what was played.
        """
        numbers = [r.number for r in self.measured if played.get(r.number)]
        logs = np.array([self._sign * fmean(math.log(v) for v in played[n]) for n in numbers])
        if self._model is None or len(self.measured) < LEAST or not numbers:
            return {n: math.exp(self._sign * log) for n, log in zip(numbers, logs, strict=True)}
        params = {r.number: r.params for r in self.measured}
        rows = self._encoder([params[n] for n in numbers])
        before, covariance = self._model.predict(rows)[0], self._model.covariance(rows, rows)
        counts = np.array([len(played[n]) for n in numbers])
        chance = (NOISE**2 + self._model.more_noise**2) / counts
        seen = covariance + np.diag(chance) + PACE**2
        after = before + covariance @ np.linalg.solve(seen, logs - before)
        return {n: math.exp(self._sign * value) for n, value in zip(numbers, after, strict=True)}

    def _plain(self, some: Sequence[Params]) -> Array:
        return np.array([-CHANGE_PENALTY * changed_knobs(p, self.space.baseline) for p in some])


def _with_value(result: TrialResult, name: str, value: float) -> TrialResult:
    likely = {**result.metrics, name: replace(result.metrics[name], value=value)}
    return replace(result, metrics=likely, pace=1.0)
