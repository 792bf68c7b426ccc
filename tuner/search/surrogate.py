"""A model of a metric over configurations, from few noisy measurements: each knob has its own effect, pairs a little.

A Gaussian process (Rasmussen and Williams, 2006) whose covariance is a sum over knobs and over pairs of knobs
(Duvenaud et al., Additive Gaussian Processes, 2011). On the logarithm of a speed this says that knobs multiply, as
they do in engines, so that each measurement tells something about every value of every knob that it was made with.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search_spaces.domains import contains
from search_spaces.parameter import Choices, FloatRange, IntRange, Parameter, Params, Value

Array = NDArray[np.float64]

COMMON, ALONE, PAIRED = 1.0, 0.25, 0.06
"""Standard deviations of the level, of the effect of one knob, and of what a pair of knobs does beyond both."""
SCALES = (0.5, 1.0, 2.0, 4.0)
"""All three are multiplied by one of these, each of which has a say by how likely the values are under it."""
MORE_NOISE = (0.03, 0.06, 0.1, 0.15)
"""One of these is the further noise of every value, such as that from one start of a process to the next."""
UNLIKELY = 4.0
"""What is less likely than the likeliest by this much, in logarithms, is left out: it costs time and says little."""
REACH = 0.35
"""Distance, as a share of an ordered knob's range, over which its effect changes."""


class Encoder:
    """Configurations as rows of numbers: 0..1 for knobs with an order, a code for others, NaN where not in use."""

    def __init__(self, knobs: Sequence[Parameter]) -> None:
        self._knobs = tuple(knobs)
        self._ordered = [not isinstance(k.domain, Choices) or k.domain.ordered for k in knobs]
        self._codes: list[dict[Value, float]] = [{} for _ in knobs]
        count = len(self._knobs)
        self.variance = COMMON**2 + ALONE**2 * count + PAIRED**2 * count * (count - 1) / 2

    def __call__(self, configurations: Sequence[Params]) -> Array:
        """One row for each configuration, one column for each knob."""
        rows = [[self._number(at, c) for at in range(len(self._knobs))] for c in configurations]
        return np.array(rows, float).reshape(len(configurations), len(self._knobs))

    def _number(self, at: int, params: Params) -> float:
        knob, codes = self._knobs[at], self._codes[at]
        if (value := params.get(knob.name)) is None:
            return math.nan
        if value not in codes:
            codes[value] = _code(knob, value)
        return codes[value]

    def covariance(self, left: Array, right: Array) -> Array:
        """Between the rows of `left` and those of `right`, at scale 1."""
        alone = np.zeros((len(left), len(right)))
        squares = np.zeros_like(alone)
        for column, ordered in enumerate(self._ordered):
            alike = _alike(left[:, column], right[:, column], ordered)
            alone += alike
            squares += alike**2
        return COMMON**2 + ALONE**2 * alone + PAIRED**2 * (alone**2 - squares) / 2


@dataclass(frozen=True)
class _Fit:
    """The process under one scale and one further noise: Cholesky factor and weights of what was seen."""

    scale: float
    more_noise: float
    factor: Array
    weights: Array
    likelihood: float

    def reduced(self, cross: Array) -> Array:
        """What was seen tells about other rows, by their covariance with it at scale 1."""
        from scipy.linalg import solve_triangular

        return np.asarray(solve_triangular(self.factor, self.scale**2 * cross, lower=True, check_finite=False))

    def mean(self, cross: Array) -> Array:
        """Beside the level."""
        return np.asarray(self.weights @ (self.scale**2 * cross))


class Surrogate:
    """The process once `values` were seen at `rows`; `noise` is the least standard deviation of each value.

    `level` is what is expected where nothing is known; the mean of the values unless it is given. `more_noise` is the
    standard deviation that every value has beside `noise`, over all fits, and `likeliest_noise` the likeliest one;
    `likelihood` is the logarithm of the values' under all fits, up to a constant.

    All scales and noises have a say, by how likely they make the values (Rasmussen and Williams, 2006, section 5.2):
    from few values each of several is likely, and the likeliest alone takes one lucky value for an effect, or noise.
    """

    def __init__(self, encoder: Encoder, rows: Array, values: Array, noise: Array, level: float | None = None) -> None:
        self._encoder, self.rows = encoder, rows
        self._values, self._noise = values, noise
        self._level = float(values.mean()) if level is None else level
        covariance, centred = encoder.covariance(rows, rows), values - self._level
        fits = [
            _fit(scale, more, scale**2 * covariance + np.diag(noise**2 + more**2), centred)
            for scale in SCALES
            for more in MORE_NOISE
        ]
        likeliest = max(fit.likelihood for fit in fits)
        self._fits = [fit for fit in fits if fit.likelihood > likeliest - UNLIKELY]
        shares = np.exp([fit.likelihood - likeliest for fit in self._fits])
        self._shares = shares / shares.sum()
        self.likelihood = likeliest + math.log(shares.sum())
        noises = np.array([fit.more_noise for fit in self._fits])
        self.more_noise = math.sqrt(self._shares @ noises**2)
        self.likeliest_noise = max(MORE_NOISE, key=lambda noise: self._shares @ (noises == noise))

    def also(self, rows: Array, values: Array, noise: Array) -> Surrogate:
        """The process once `values` were seen at `rows` too, of which it is not learned how it varies or is noisy."""
        wider = copy(self)
        wider.rows, wider._values = np.vstack([self.rows, rows]), np.concatenate([self._values, values])
        wider._noise = np.concatenate([self._noise, noise])
        covariance, centred = self._encoder.covariance(wider.rows, wider.rows), wider._values - self._level
        wider._fits = [
            _fit(f.scale, f.more_noise, f.scale**2 * covariance + np.diag(wider._noise**2 + f.more_noise**2), centred)
            for f in self._fits
        ]
        return wider

    def predict(self, rows: Array) -> tuple[Array, Array]:
        """Mean and standard deviation at `rows`."""
        cross = self._cross(rows)
        means = np.array([fit.mean(cross) for fit in self._fits])
        known = [fit.scale**2 * self._encoder.variance - (fit.reduced(cross) ** 2).sum(axis=0) for fit in self._fits]
        mean = self._shares @ means
        variance = self._shares @ (np.array(known) + (means - mean) ** 2)
        return self._level + mean, np.sqrt(np.maximum(variance, 1e-12))

    def covariance(self, left: Array, right: Array) -> Array:
        """Between what is at the rows of `left` and at those of `right`."""
        own, (mine, theirs) = self._encoder.covariance(left, right), (self._cross(left), self._cross(right))
        known = [fit.scale**2 * own - fit.reduced(mine).T @ fit.reduced(theirs) for fit in self._fits]
        apart, other = (self._apart(cross) for cross in (mine, theirs))
        return np.asarray(np.tensordot(self._shares, known, 1) + apart.T @ (self._shares[:, None] * other))

    def _cross(self, rows: Array) -> Array:
        return self._encoder.covariance(self.rows, rows)

    def _apart(self, cross: Array) -> Array:
        """By how much each fit's mean differs from that of all; one row for each fit."""
        means = np.array([fit.mean(cross) for fit in self._fits])
        return np.asarray(means - self._shares @ means)


def probability_below_zero(mean: Array, deviation: Array) -> Array:
    """The chance that each is at most 0."""
    from scipy.special import ndtr

    return np.asarray(ndtr(-mean / deviation))


def _fit(scale: float, more_noise: float, covariance: Array, values: Array) -> _Fit:
    from scipy.linalg import cho_solve

    factor = np.asarray(np.linalg.cholesky(covariance + 1e-9 * np.eye(len(values))), np.float64)
    weights = cho_solve((factor, True), values, check_finite=False)
    likelihood = -0.5 * float(values @ weights) - float(np.log(np.diag(factor)).sum())
    return _Fit(scale, more_noise, factor, np.asarray(weights, np.float64), likelihood)


def _alike(left: Array, right: Array, ordered: bool) -> Array:
    """How alike the values of one knob are, 0..1; two configurations that do not use it are alike in it."""
    mine, which = np.unique(left, return_inverse=True)
    theirs, whose = np.unique(right, return_inverse=True)
    gaps = mine[:, None] - theirs[None, :]
    few = np.exp(-0.5 * (gaps / REACH) ** 2) if ordered else (gaps == 0.0).astype(float)
    idle = np.isnan(mine)[:, None] & np.isnan(theirs)[None, :]
    few = np.where(np.isnan(gaps), idle.astype(float), few)
    return np.asarray(few[which][:, whose])


def _code(knob: Parameter, value: Value) -> float:
    match knob.domain:
        case Choices(listed, ordered):
            at = _place(listed, value)
            return at / max(1, len(listed) - 1) if ordered else at
        case IntRange(low, high) | FloatRange(low, high):
            # Of counts, such as threads, it is ratios that matter.
            number, start, end = (math.log(max(float(x), low)) if low > 0 else float(x) for x in (value, low, high))
            return (number - start) / (end - start) if end > start else 0.0


def _place(listed: Sequence[Value], value: Value) -> float:
    """Where a value stands among the choices, or would, such as a default outside of the searched ones."""
    for at, choice in enumerate(listed):
        if contains(Choices((choice,)), value):
            return float(at)
    if isinstance(value, str) or any(isinstance(v, str) for v in listed):
        return float(len(listed))
    return sum(float(v) < float(value) for v in listed) - 0.5
