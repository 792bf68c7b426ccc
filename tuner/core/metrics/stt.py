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


FAILED_CLIPS = (
    Metric(
        "failed_clips", "", "minimize", "quality",
        "share of clips that fail as a whole: nothing heard where something is said; over twice the words that are "
        "said and three more, or three words in a row that come four times or oftener (an insertion loop); or a "
        "transcript that takes over five times as long as the reference configuration's and over twice the sound",
        highest=1.0,
    ),
    Metric(
        "failed_clips_upper", "", "minimize", "quality",
        "on the clips held out, the 95 % upper bound (Clopper-Pearson) on the share of clips that fail where the "
        "reference configuration does not: 0.12 takes 24 clips of which none fails; 0 for what decodes as the "
        "reference does. On the clips searched on, which are too few for a bound, that share itself",
        highest=1.0, bound=True,
    ),
)  # fmt: skip
METRICS = (
    Metric(
        "rtf", "", "minimize", "speed", "processing seconds per second of audio", _real_time_factor, leading=True,
        felt=True, plain="real-time factor",
    ),
    Metric(
        "latency_ms", "ms", "minimize", "speed", "end of the audio → transcript, median over clips",
        lambda samples: 1e3 * statistics.median([s.done_s for s in samples]), leading=True, felt=True,
        plain="time to the transcript",
    ),
    Metric(
        "latency_ms_p95", "ms", "minimize", "speed", "end of the audio → transcript, 95th percentile over clips",
        lambda samples: 1e3 * percentile([s.done_s for s in samples], 0.95), leading=True, felt=True,
    ),
    *WORD_ERRORS,
    *FAILED_CLIPS,
)  # fmt: skip
