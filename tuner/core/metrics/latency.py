"""How long somebody waits for the first output, which more than one task has."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from engines.base import Metric, Sample
from tuner.core.stats import percentile


def _first_s(samples: Sequence[Sample]) -> list[float]:
    return [s.output_times_s[0] for s in samples]


FIRST_OUTPUT = (
    Metric(
        "ftl_ms", "ms", "minimize", "speed", "submitted → first output (TTFT), median over items",
        lambda samples: 1e3 * statistics.median(_first_s(samples)), leading=True, felt=True,
        plain="time to the first output",
    ),
    Metric(
        "ftl_ms_p95", "ms", "minimize", "speed", "submitted → first output, 95th percentile over items",
        lambda samples: 1e3 * percentile(_first_s(samples), 0.95), leading=True, felt=True,
    ),
)  # fmt: skip
