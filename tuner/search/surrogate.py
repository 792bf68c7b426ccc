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

from search_spaces.parameter import Choices, FloatRange, IntRange, Parameter, Params, Value

Array = NDArray[np.float64]

COMMON, ALONE, PAIRED = 1.0, 0.25, 0.06
"""Standard deviations of the level, of the effect of one knob, and of what a pair of knobs does beyond both."""
SCALES = (0.5, 1.0, 2.0, 4.0)
"""All three are multiplied by one of these, each of which has a say by how likely the values are under it."""
MORE_NOISE = (0.03, 0.06, 0.1, 0.15)
"""One of these is the further noise of every value, such as that from one start of a process to the next."""
JITTER = 1e-9
"""Variance that keeps a covariance positive definite."""
UNLIKELY = 4.0
"""What is less likely than the likeliest by this much, in logarithms, is left out: it costs time and says little."""
REACH = 0.35
"""Distance, as a share of an ordered knob's range, over which its effect changes."""


@dataclass(frozen=True)
class Prior:
    """What is assumed of a metric before anything is measured; by default of one of an engine."""

    reach: float = REACH
    paired: float = PAIRED
    more_noise: tuple[float, ...] = MORE_NOISE


ENGINE = Prior()
EXACT_NOISE = 0.003
"""Of a quantity about which nothing is known, and which may not be noisy at all."""
GENERAL = tuple(
    Prior(reach, paired, (EXACT_NOISE, 0.03, 0.15)) for reach in (0.1, 0.2, REACH) for paired in (PAIRED, ALONE)
)
"""Of a quantity about which nothing is known the likeliest of these."""


class Encoder:
    """Configurations as rows of numbers: 0..1 for knobs with an order, a code for others, NaN where not in use."""

    def __init__(self, knobs: Sequence[Parameter], prior: Prior = ENGINE) -> None:
        self._knobs, self.prior = tuple(knobs), prior
        self._ordered = [not isinstance(k.domain, Choices) or k.domain.ordered for k in knobs]
        self._codes: list[dict[Value, float]] = [{} for _ in knobs]
        count = len(self._knobs)
        self.variance = COMMON**2 + ALONE**2 * count + prior.paired**2 * count * (count - 1) / 2

    def __call__(self, configurations: Sequence[Params]) -> Array:
        """One row for each configuration, one column for each knob."""
        columns = [self._column(at, configurations) for at in range(len(self._knobs))]
        return np.array(columns, float).reshape(len(self._knobs), len(configurations)).T

    def _column(self, at: int, configurations: Sequence[Params]) -> list[float]:
        knob, codes = self._knobs[at], self._codes[at]
        values = [c.get(knob.name) for c in configurations]
        for value in set(values):
            if value is not None and value not in codes:
                codes[value] = _code(knob, value)
        return [math.nan if v is None else codes[v] for v in values]

    def covariance(self, left: Array, right: Array) -> Array:
        """Between the rows of `left` and those of `right`, at scale 1."""
        alone = np.zeros((len(left), len(right)))
        squares = np.zeros_like(alone)
        for column, ordered in enumerate(self._ordered):
            alike = _alike(left[:, column], right[:, column], self.prior.reach if ordered else None)
            alone += alike
            squares += alike**2
        return COMMON**2 + ALONE**2 * alone + self.prior.paired**2 * (alone**2 - squares) / 2


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

    `level` is what is expected where nothing is known; the mean of the values unless it is given. `covariance` is that
    of the rows at scale 1, where it is known already (`covariances`). `more_noise` is the standard deviation that every
    value has beside `noise`, over all fits, and `likeliest_noise` the likeliest one;
    `likelihood` is the logarithm of the values' under all fits, up to a constant.

    All scales and noises have a say, by how likely they make the values (Rasmussen and Williams, 2006, section 5.2):
    from few values each of several is likely, and the likeliest alone takes one lucky value for an effect, or noise.
    """

    def __init__(
        self,
        encoder: Encoder,
        rows: Array,
        values: Array,
        noise: Array,
        level: float | None = None,
        covariance: Array | None = None,
    ) -> None:
        self.encoder, self.rows = encoder, rows
        self._values, self._noise = values, noise
        self._level = float(values.mean()) if level is None else level
        covariance = encoder.covariance(rows, rows) if covariance is None else covariance
        self.covariances, centred = covariance, values - self._level
        pairs = [(scale, more) for scale in SCALES for more in encoder.prior.more_noise]
        likelihoods = _likelihoods(pairs, covariance, noise, centred)
        likeliest = max(likelihoods)
        kept = [at for at, likelihood in enumerate(likelihoods) if likelihood > likeliest - UNLIKELY]
        self._fits = [_fit(*pairs[at], covariance, noise, centred) for at in kept]
        shares = np.exp([likelihoods[at] - likeliest for at in kept])
        self._shares = shares / shares.sum()
        self.likelihood = likeliest + math.log(shares.sum())
        noises = np.array([fit.more_noise for fit in self._fits])
        self.more_noise = math.sqrt(self._shares @ noises**2)
        self.likeliest_noise = max(encoder.prior.more_noise, key=lambda noise: self._shares @ (noises == noise))

    def also(self, rows: Array, values: Array, noise: Array) -> Surrogate:
        """The process once `values` were seen at `rows` too, of which it is not learned how it varies or is noisy."""
        wider = copy(self)
        wider.rows, wider._values = np.vstack([self.rows, rows]), np.concatenate([self._values, values])
        wider._noise = np.concatenate([self._noise, noise])
        covariance, centred = self.encoder.covariance(wider.rows, wider.rows), wider._values - self._level
        wider.covariances = covariance
        wider._fits = [_fit(f.scale, f.more_noise, covariance, wider._noise, centred) for f in self._fits]
        return wider

    def seen(self, at: Sequence[int] | slice = slice(None)) -> tuple[Array, Array]:
        """Mean and standard deviation at the rows in places `at` of those that were seen."""
        cross = self.covariances[:, at]
        mean, variance = self._moments(cross, [fit.reduced(cross) for fit in self._fits])
        return mean, np.sqrt(variance)

    def contrast(self, rows: Array, weights: Array) -> tuple[float, float]:
        """Mean and standard deviation of a weighted sum over `rows`."""
        cross, own = self._cross(rows), self.encoder.covariance(rows, rows)
        reduced = [fit.reduced(cross) for fit in self._fits]
        covariance = self._covariance(own, cross, cross, reduced)
        mean = self._moments(cross, reduced)[0]
        return float(weights @ mean), math.sqrt(max(0.0, float(weights @ covariance @ weights)))

    def predict(self, rows: Array) -> tuple[Array, Array]:
        """Mean and standard deviation at `rows`."""
        cross = self._cross(rows)
        mean, variance = self._moments(cross, [fit.reduced(cross) for fit in self._fits])
        return mean, np.sqrt(variance)

    def covariance(self, left: Array, right: Array) -> Array:
        """Between what is at the rows of `left` and at those of `right`."""
        own, mine = self.encoder.covariance(left, right), self._cross(left)
        theirs = mine if right is left else self._cross(right)
        return self._covariance(own, mine, theirs, [fit.reduced(theirs) for fit in self._fits])

    def joint(self, at: Sequence[int], rows: Array) -> tuple[Array, Array, Array, Array]:
        """Of what was seen in places `at`, and of `rows`: means; mean, deviation; the covariance between the two.

        What `predict` and `covariance` say, for less: what was seen is known already.
        """
        cross, mine = self._cross(rows), self.covariances[:, at]
        theirs = [fit.reduced(cross) for fit in self._fits]
        mean, variance = self._moments(cross, theirs)
        seen = self._level + self._shares @ np.array([fit.mean(mine) for fit in self._fits])
        return seen, mean, np.sqrt(variance), self._covariance(cross[at], mine, cross, theirs)

    def _moments(self, cross: Array, reduced: Sequence[Array]) -> tuple[Array, Array]:
        """Mean and variance by the covariance with what was seen."""
        means = np.array([fit.mean(cross) for fit in self._fits])
        known = [
            fit.scale**2 * self.encoder.variance - np.einsum("ij,ij->j", less, less)
            for fit, less in zip(self._fits, reduced, strict=True)
        ]
        mean = self._shares @ means
        variance = self._shares @ (np.array(known) + (means - mean) ** 2)
        return self._level + mean, np.maximum(variance, 1e-12)

    def _covariance(self, own: Array, mine: Array, theirs: Array, reduced: Sequence[Array]) -> Array:
        known = [fit.scale**2 * own - fit.reduced(mine).T @ less for fit, less in zip(self._fits, reduced, strict=True)]
        apart, other = (self._apart(cross) for cross in (mine, theirs))
        return np.asarray(np.tensordot(self._shares, known, 1) + apart.T @ (self._shares[:, None] * other))

    def _cross(self, rows: Array) -> Array:
        return self.encoder.covariance(self.rows, rows)

    def _apart(self, cross: Array) -> Array:
        """By how much each fit's mean differs from that of all; one row for each fit."""
        means = np.array([fit.mean(cross) for fit in self._fits])
        return np.asarray(means - self._shares @ means)


def probability_below_zero(mean: Array, deviation: Array) -> Array:
    """The chance that each is at most 0."""
    from scipy.special import ndtr

    return np.asarray(ndtr(-mean / deviation))


def _likelihoods(pairs: Sequence[tuple[float, float]], covariance: Array, noise: Array, values: Array) -> list[float]:
    """The logarithm of the likelihood of the values under each scale and further noise, up to a constant."""
    if np.ptp(noise) > 0:
        return [_fit(scale, more, covariance, noise, values).likelihood for scale, more in pairs]
    # Of values that are all as noisy one decomposition does for all pairs.
    spectrum, vectors = np.linalg.eigh(covariance)
    shares = (vectors.T @ values) ** 2
    variances = [scale**2 * spectrum + noise[0] ** 2 + more**2 + JITTER for scale, more in pairs]
    return [-0.5 * float((shares / v).sum() + np.log(v).sum()) for v in variances]


def _fit(scale: float, more_noise: float, covariance: Array, noise: Array, values: Array) -> _Fit:
    from scipy.linalg import cho_solve

    seen = scale**2 * covariance + np.diag(noise**2 + more_noise**2 + JITTER)
    factor = np.asarray(np.linalg.cholesky(seen), np.float64)
    weights = cho_solve((factor, True), values, check_finite=False)
    likelihood = -0.5 * float(values @ weights) - float(np.log(np.diag(factor)).sum())
    return _Fit(scale, more_noise, factor, np.asarray(weights, np.float64), likelihood)


def _alike(left: Array, right: Array, reach: float | None) -> Array:
    """How alike the values of one knob are, 0..1; two configurations that do not use it are alike in it.

    `reach` is None of a knob without an order.
    """
    mine, which = np.unique(left, return_inverse=True)
    theirs, whose = np.unique(right, return_inverse=True)
    gaps = mine[:, None] - theirs[None, :]
    few = (gaps == 0.0).astype(float) if reach is None else np.exp(-0.5 * (gaps / reach) ** 2)
    idle = np.isnan(mine)[:, None] & np.isnan(theirs)[None, :]
    few = np.where(np.isnan(gaps), idle.astype(float), few)
    return np.asarray(few.take(which, 0).take(whose, 1))


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
        if choice == value and isinstance(choice, bool) == isinstance(value, bool):
            return float(at)
    if isinstance(value, str) or any(isinstance(v, str) for v in listed):
        return float(len(listed))
    return sum(float(v) < float(value) for v in listed) - 0.5
