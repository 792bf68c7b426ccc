"""Several objectives as one, another one for each proposal, so that proposals spread along the Pareto front.

ParEGO (Knowles, 2006): each objective's goodness is put on 0..1 by the range that was seen, weights are drawn at
random, and what counts is the worst weighted objective plus a little of their sum (augmented Chebyshev).
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from tuner.core.objective import Objective
from tuner.core.trial import TrialResult
from tuner.search.scale import Scale, scale_of

AUGMENTED = 0.05
"""The share of the sum."""
SPAN = 2.0
"""The range that was seen becomes this wide: as wide as logarithms of speeds are over a space of engine knobs."""


class ChebyshevScale:
    """Goodness of what was measured in every objective, by `weights` that sum to 1."""

    def __init__(
        self, objectives: Sequence[Objective], results: Sequence[TrialResult], weights: Sequence[float]
    ) -> None:
        self._scales: list[Scale] = [scale_of(o, results) for o in objectives]
        self._weights = list(weights)
        rows = [row for r in results if (row := self._row(r)) is not None]
        self._low = [min(column) for column in zip(*rows, strict=True)]
        self._span = [max(column) - min(column) or 1.0 for column in zip(*rows, strict=True)]

    def goodness(self, result: TrialResult) -> float | None:
        """None unless every objective was measured."""
        row = self._row(result)
        if row is None:
            return None
        columns = zip(row, self._low, self._span, self._weights, strict=True)
        # Of what is 0 at the best, so that the worst objective is the one that is furthest from it.
        weighted: list[float] = [w * ((g - low) / span - 1.0) for g, low, span, w in columns]
        return SPAN * (min(weighted) + AUGMENTED * sum(weighted))

    def value(self, goodness: float) -> float:
        """There is no unit to go back to."""
        return goodness

    def _row(self, result: TrialResult) -> list[float] | None:
        row = [scale.goodness(result) for scale in self._scales]
        return None if None in row else [g for g in row if g is not None]


def random_weights(count: int, rng: random.Random) -> list[float]:
    """Evenly from all that sum to 1."""
    drawn = [rng.expovariate(1.0) for _ in range(count)]
    return [d / sum(drawn) for d in drawn]
