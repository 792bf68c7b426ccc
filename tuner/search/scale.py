"""Goodness: an objective's value turned so that more is better, on a scale on which the surrogate's assumptions hold.

Of what is measured in time, size or rate it is the logarithm, because engine knobs multiply: 0.1 is 10 %. A quantity of
somebody's own may have any sign and any spread, and is put on a scale by the values that were seen of it.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

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


@dataclass(frozen=True)
class FittedScale:
    """For values of any sign: `centre` becomes 0, and `unit` is 1."""

    objective: Objective
    centre: float
    unit: float

    @staticmethod
    def of(objective: Objective, results: Sequence[TrialResult]) -> FittedScale:
        """Fitted to what is known."""
        values = [v for r in results if (v := r.value(objective.metric)) is not None] or [0.0]
        spread = statistics.pstdev(values) or max(abs(values[0]), 1.0)
        return FittedScale(objective, statistics.median(values), spread / SPREAD)

    def goodness(self, result: TrialResult) -> float | None:
        """How much better than the middle."""
        value = result.value(self.objective.metric)
        return None if value is None else self._sign * (value - self.centre) / self.unit

    def value(self, goodness: float) -> float:
        """The inverse."""
        return self.centre + self._sign * goodness * self.unit

    @property
    def _sign(self) -> float:
        return 1.0 if self.objective.maximize else -1.0


def scale_of(objective: Objective, results: Sequence[TrialResult]) -> Scale:
    """Logarithms for metrics of the table; for a quantity of somebody's own what fits it."""
    return LogScale(objective) if objective.kind is not None else FittedScale.of(objective, results)
