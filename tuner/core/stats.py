"""How sure the measurements make us: intervals and paired tests on ratios."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class RatioTest:
    """A paired comparison. `ratio` is the geometric mean of candidate ÷ baseline, `p_value` two-sided."""

    ratio: float
    ci95: tuple[float, float]
    p_value: float
    pairs: int

    def interval(self, confidence: float) -> tuple[float, float]:
        """As `ci95`, for another `confidence` (0..1)."""
        half = math.log(self.ci95[1] / self.ratio) * _t(confidence, self.pairs) / _t(0.95, self.pairs)
        return self.ratio * math.exp(-half), self.ratio * math.exp(half)


def interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float] | None:
    """Student's t interval of the geometric mean of positive `values`; None below two, or where one is not positive.

    On logarithms, because times are skewed and the comparisons that follow are ratios.
    """
    if len(values) < 2 or any(v <= 0 or not math.isfinite(v) for v in values):
        return None
    logs = [math.log(v) for v in values]
    centre, half = statistics.fmean(logs), _half_width(logs, confidence)
    return math.exp(centre - half), math.exp(centre + half)


def geometric_mean(values: Sequence[float]) -> float:
    """The geometric mean of positive `values`; the arithmetic mean where one is zero or negative."""
    if any(v <= 0 for v in values):
        return statistics.fmean(values)
    return math.exp(statistics.fmean([math.log(v) for v in values]))


def relative_half_width(values: Sequence[float]) -> float:
    """Half the 95 % interval of the geometric mean, as a factor above 1 less 1; infinite below two values."""
    bounds = interval(values)
    return math.inf if bounds is None else math.sqrt(bounds[1] / bounds[0]) - 1


def paired_ratio_test(candidate: Sequence[float], baseline: Sequence[float]) -> RatioTest:
    """Student's paired t test on log(candidate / baseline); the pairs were measured one after the other.

    Drift that both members of a pair feel cancels. Raises ValueError below two pairs or for values that are not
    positive.
    """
    if len(candidate) != len(baseline) or len(candidate) < 2:
        raise ValueError(f"a paired test needs two pairs or more, not {len(candidate)} and {len(baseline)}")
    logs = [math.log(c / b) for c, b in zip(candidate, baseline, strict=True)]
    centre, half = statistics.fmean(logs), _half_width(logs, 0.95)
    spread = statistics.stdev(logs) / math.sqrt(len(logs))
    certain = 1.0 if centre == 0 else 0.0
    p_value = 2 * (1 - _t_cdf(abs(centre) / spread, len(logs) - 1)) if spread else certain
    return RatioTest(math.exp(centre), (math.exp(centre - half), math.exp(centre + half)), p_value, len(logs))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment (Holm 1979): the family-wise error stays below the level that results are held to."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted = [0.0] * len(p_values)
    running = 0.0
    for rank, index in enumerate(order):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = running
    return adjusted


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0..1) of `values` lie, linearly interpolated. Raises ValueError when empty."""
    if not values:
        raise ValueError("a percentile of nothing")
    ordered = sorted(values)
    position = share * (len(ordered) - 1)
    low = math.floor(position)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (position - low)


def _half_width(logs: Sequence[float], confidence: float) -> float:
    return _t(confidence, len(logs)) * statistics.stdev(logs) / math.sqrt(len(logs))


def _t(confidence: float, count: int) -> float:
    """Student's t of a two-sided interval over `count` values."""
    from scipy.special import stdtrit  # far cheaper to import than scipy.stats

    return float(stdtrit(count - 1, 0.5 + confidence / 2))


def _t_cdf(value: float, degrees: int) -> float:
    from scipy.special import stdtr

    return float(stdtr(degrees, value))
