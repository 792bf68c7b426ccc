"""Metrics of speech recognition."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from engines.base import Metric, Sample
from tuner.core.metrics.words import WORD_ERRORS
from tuner.core.stats import percentile


def _real_time_factor(samples: Sequence[Sample]) -> float:
    """Pooled over the round's clips."""
    return sum(s.done_s for s in samples) / sum(s.units_in for s in samples)


METRICS = (
    Metric(
        "rtf", "", "minimize", "speed", "processing seconds per second of audio", _real_time_factor, leading=True,
        felt=True,
    ),
    Metric(
        "latency_ms", "ms", "minimize", "speed", "end of the audio → transcript, median over clips",
        lambda samples: 1e3 * statistics.median([s.done_s for s in samples]), leading=True, felt=True,
    ),
    Metric(
        "latency_ms_p95", "ms", "minimize", "speed", "end of the audio → transcript, 95th percentile over clips",
        lambda samples: 1e3 * percentile([s.done_s for s in samples], 0.95), leading=True, felt=True,
    ),
    *WORD_ERRORS,
)  # fmt: skip
