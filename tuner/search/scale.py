"""Goodness: an objective's value turned so that more is better, on a scale on which the surrogate's assumptions hold.

Of what is measured in time, size or rate it is the logarithm, because engine knobs multiply: 0.1 is 10 %. A quantity of
somebody's own may have any sign and any spread, and is put on a scale by the values that were seen of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from tuner.core.objective import Objective, pace_corrected
from tuner.core.trial import TrialResult


class Scale(Protocol):
    """What `Posterior` works on."""

    def goodness(self, result: TrialResult) -> float | None:
        """Of a result; None where it has no value."""

    def value(self, goodness: float) -> float:
        """The objective's value of a goodness, in its unit."""


@dataclass(frozen=True)
class LogScale:
    """For values above 0; any other is none."""

    objective: Objective

    def goodness(self, result: TrialResult) -> float | None:
        """The logarithm, at the machine's first pace."""
        value = pace_corrected(result, self.objective.metric)
        return self._sign * math.log(value) if value is not None and value > 0 else None

    def value(self, goodness: float) -> float:
        """The inverse."""
        return math.exp(self._sign * goodness)

    @property
    def _sign(self) -> float:
        return 1.0 if self.objective.maximize else -1.0


SPREAD = 0.5
"""Standard deviation of the values seen, on the fitted scale: that of the speeds that a space of engine knobs has."""


WIDE = 10.0
"""Values above 0 of which the best tenth and the worst differ by more than this factor are compared by ratios."""


@dataclass(frozen=True)
class FittedScale:
    """For values of any sign and spread: `centre` becomes 0, and `unit` is 1; of logarithms for `ratios`."""

    objective: Objective
    centre: float
    unit: float
    ratios: bool

    @staticmethod
    def of(objective: Objective, results: Sequence[TrialResult]) -> FittedScale:
        """Fitted to the values that are known."""
        values = np.array([v for r in results if (v := r.value(objective.metric)) is not None] or [0.0])
        low, high = np.quantile(values, (0.1, 0.9))
        ratios = bool(values.min() > 0 and high > WIDE * low)
        seen = np.log(values) if ratios else values
        return FittedScale(objective, float(np.median(seen)), float(seen.std() or 1.0) / SPREAD, ratios)

    def goodness(self, result: TrialResult) -> float | None:
        """How much better than the middle."""
        value = result.value(self.objective.metric)
        if value is None or (self.ratios and value <= 0):
            return None
        return self._sign * ((math.log(value) if self.ratios else value) - self.centre) / self.unit

    def value(self, goodness: float) -> float:
        """The inverse."""
        seen = self.centre + self._sign * goodness * self.unit
        return math.exp(seen) if self.ratios else seen

    @property
    def _sign(self) -> float:
        return 1.0 if self.objective.maximize else -1.0


def scale_of(objective: Objective, results: Sequence[TrialResult]) -> Scale:
    """Logarithms for metrics of the table; for a quantity of somebody's own what fits it."""
    return LogScale(objective) if objective.kind is not None else FittedScale.of(objective, results)
