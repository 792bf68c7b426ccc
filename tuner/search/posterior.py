"""What all measurements together say about an objective, and what one more measurement would be worth.

The best of many noisy values looks better than it is, and one start of a process differs from the next. So trials are
compared by what a model of all of them expects (`surrogate.py`), and the next measurement is the one after which the
best of them is expected to be most better: the knowledge gradient (Frazier, Powell and Dayanik, The Knowledge-Gradient
Policy for Correlated Normal Beliefs, 2009). That may be an untried configuration or one of the best once more.

Configurations that are being measured at the moment count as measured, with what is expected of them (the kriging
believer of Ginsbourger, Le Riche and Carraro, 2010): a second one near them is worth little.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from copy import copy
from statistics import fmean

import numpy as np

from search_spaces.parameter import Params
from search_spaces.space import SearchSpace
from tuner.core.objective import Objective, pace_corrected
from tuner.core.trial import TrialResult
from tuner.search.estimate import Estimate
from tuner.search.evidence import ROWS_MOST, bounded
from tuner.search.scale import Scale, scale_of
from tuner.search.surrogate import ENGINE, EXACT_NOISE, GENERAL, Array, Encoder, Surrogate

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
EXACT = ("memory", "quality")
"""Kinds of metrics that are what they were: they do not differ from one measurement to the next."""
LEAST = 4
"""Below so many values there is nothing to go by."""
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(24)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()


class Posterior:
    """The objective's goodness (`scale.py`; of a speed its logarithm) over configurations of `space`.

    `results` are the trials and `repeats` those of purpose `repeat`. At most `evidence.ROWS_MOST` measurements are gone
    by: `measured` are the trials among them. Of a space that nobody `declared` nothing is known: there is no baseline
    to stay close to, and the likeliest of some priors is taken.
    """

    def __init__(
        self,
        space: SearchSpace,
        objective: Objective,
        results: Sequence[TrialResult],
        repeats: Sequence[TrialResult] = (),
        *,
        scale: Scale | None = None,
        declared: bool = True,
    ) -> None:
        self.space, self._objective = space, objective
        self.scale = scale or scale_of(objective, results)
        self.results, self.declared = list(results), declared
        rows = self._rows(repeats)
        self._places = {trial.number: at for at, (trial, _, _) in enumerate(rows)}
        self.measured = [r for r in results if r.number in self._places]
        self._noise = NOISE if declared else EXACT_NOISE
        self._model = self._fitted([(t.params, g, rounds) for t, g, rounds in rows]) if rows else None
        self._pending: list[Params] = []
        self._expected = self._model
        self._encoder = self._model.encoder if self._model else Encoder(space.parameters)
        self._baseline = self._encoder([space.baseline])

    def expecting(self, pending: Sequence[Params]) -> Posterior:
        """The same while configurations that are `pending` are being measured, as it will be if they do as expected."""
        if not pending:
            return self
        waiting = copy(self)
        waiting._pending = list(pending)
        if self._model is not None:
            rows = self._encoder(waiting._pending)
            waiting._expected = self._model.also(rows, self._model.predict(rows)[0], np.full(len(rows), self._noise))
        return waiting

    def _rows(self, repeats: Sequence[TrialResult]) -> list[tuple[TrialResult, float, int]]:
        """The measurements gone by: the trial, its goodness, over how many rounds."""
        known = {r.number: r for r in self.results if self.scale.goodness(r) is not None}
        again = [(known[r.repeat_of], r) for r in repeats if r.repeat_of in known]
        pairs = [*((r, r) for r in known.values()), *again]
        rows = [(t, g, m) for t, m in pairs if (g := self.scale.goodness(m)) is not None]
        kept = bounded([g for _, g, _ in rows], [m.number for _, _, m in rows], ROWS_MOST)
        return [(trial, g, m.rounds) for trial, g, m in (rows[i] for i in kept)]

    def _fitted(self, seen: Sequence[tuple[Params, float, int]]) -> Surrogate:
        params = [p for p, _, _ in seen]
        values = np.array([goodness for _, goodness, _ in seen])
        noise = np.array([self._noise / math.sqrt(max(1, rounds)) for _, _, rounds in seen])
        encoders = [Encoder(self.space.parameters, prior) for prior in ((ENGINE,) if self.declared else GENERAL)]
        models = [Surrogate(encoder, encoder(params), values, noise) for encoder in encoders]
        model = max(models, key=lambda m: m.likelihood)
        off = np.abs(values - model.seen()[0])
        odd = off > OUTLIER_SD * np.hypot(noise, model.more_noise)
        if not odd.any():
            return model
        return Surrogate(model.encoder, model.rows, values, np.where(odd, off, noise), None, model.covariances)

    @property
    def rows(self) -> int:
        """How many measurements are gone by."""
        return len(self._model.rows) if self._model else 0

    @property
    def load_noise(self) -> float | None:
        """None where there is nothing to go by. The likeliest: of few values the mean of all that may be is no news."""
        return self._model.likeliest_noise if self._model and len(self.measured) >= LEAST else None

    def likely(self) -> list[Estimate]:
        """Each result with the objective's value as all measurements together make it likely, in their order.

        What is not a time, such as the size of a model, is what it was; so is what is not among those gone by.
        """
        means = self._means()
        return [
            Estimate(r, self.scale.value(means[r.number][0]), means[r.number][1], r.feasible)
            if r.number in means
            else Estimate(r, self._own(r), None, r.feasible)
            for r in self.results
        ]

    def _means(self) -> dict[int, tuple[float, float]]:
        """Mean and standard deviation of the goodness of `measured`, by number; empty where there is little known."""
        if self._model is None or len(self.measured) < LEAST or self._objective.kind in EXACT:
            return {}
        means, deviations = self._model.seen([self._places[r.number] for r in self.measured])
        pairs = zip(means, deviations, strict=True)
        return {r.number: (float(m), float(d)) for r, (m, d) in zip(self.measured, pairs, strict=True)}

    def _own(self, result: TrialResult) -> float | None:
        return pace_corrected(result, self._objective.metric)

    def knowledge_gradient(self, candidates: Sequence[Params], times: int = 1) -> Array:
        """By how much the best of what was tried is expected to be better once a candidate is measured as well.

        For each measurement, where it takes several `times` to tell.
        """
        model = self._expected
        if model is None:
            return np.ones(len(candidates))
        able = [r for r in self.measured if r.feasible] or self.measured
        at = [*(self._places[r.number] for r in able), *range(len(model.rows) - len(self._pending), len(model.rows))]
        rows = self._encoder(candidates)
        answers, mean, deviation, covariance = model.joint(at, rows)
        answers, mean = answers + self._plain(model.rows[at]), mean + self._plain(rows)
        seen = np.hypot(deviation, math.hypot(self._noise, model.more_noise) / math.sqrt(times))
        moved = covariance / seen
        best = np.full((len(candidates), len(_NODES)), -np.inf)
        for answer, moves in zip(answers, moved, strict=True):
            np.maximum(best, answer + moves[:, None] * _NODES, out=best)
        np.maximum(best, mean[:, None] + (deviation**2 / seen)[:, None] * _NODES, out=best)
        return np.asarray(best @ _WEIGHTS - answers.max()) / times

    def likeness(self, some: Sequence[Params], others: Sequence[Params]) -> Array:
        """How much each of `some` is alike to that of `others` which is most alike: its covariance with it."""
        return np.asarray(self._encoder.covariance(self._encoder(some), self._encoder(others)).max(axis=1))

    def leaders(self, count: int) -> list[Params]:
        """The likeliest best of the feasible trials gone by, the best first; at most `count`."""
        means = self._means() or {r.number: (self.scale.goodness(r) or 0.0, 0.0) for r in self.measured}
        able = [r for r in self.measured if r.feasible]
        return [r.params for r in sorted(able, key=lambda r: -means[r.number][0])[:count]]

    def contrast(self, changed: Sequence[Params], unchanged: Sequence[Params]) -> tuple[float, float]:
        """By how much the goodness differs on average between the two: (expected, standard deviation)."""
        if self._model is None:
            return 0.0, math.inf
        rows = np.vstack([self._encoder(changed), self._encoder(unchanged)])
        weights = np.repeat([1 / len(changed), -1 / len(unchanged)], [len(changed), len(unchanged)])
        return self._model.contrast(rows, weights)

    def judged(self, played: Mapping[int, Sequence[float]]) -> dict[int, float]:
        """What trials are likely to be worth, by number, once they have `played` side by side as well, each round in a
        process of its own.

        Only their ratios mean anything, because the machine may have another pace by now. Below a few values the means
        of what was played.
        """
        sign = 1.0 if self._objective.maximize else -1.0
        params = {r.number: r.params for r in self.results if self.scale.goodness(r) is not None}
        numbers = [number for number in params if played.get(number)]
        logs = np.array([sign * fmean(math.log(v) for v in played[n]) for n in numbers])
        if self._model is None or len(self.measured) < LEAST or not numbers:
            return {n: math.exp(sign * log) for n, log in zip(numbers, logs, strict=True)}
        rows = self._encoder([params[n] for n in numbers])
        before, covariance = self._model.predict(rows)[0], self._model.covariance(rows, rows)
        counts = np.array([len(played[n]) for n in numbers])
        chance = (self._noise**2 + self._model.more_noise**2) / counts
        seen = covariance + np.diag(chance) + PACE**2
        after = before + covariance @ np.linalg.solve(seen, logs - before)
        return {n: math.exp(sign * value) for n, value in zip(numbers, after, strict=True)}

    def _plain(self, rows: Array) -> Array:
        """What a change of each knob costs that differs from the baseline, knobs that are not in use included."""
        if not self.declared:
            return np.zeros(len(rows))
        same = (rows == self._baseline) | (np.isnan(rows) & np.isnan(self._baseline))
        return np.asarray(-CHANGE_PENALTY * (~same).sum(axis=1))
