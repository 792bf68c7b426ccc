"""Metrics of speech synthesis.

A text takes until its last audio is there; throughput is by the wall clock, until the engine is free again. A sample
may be of several requests at once, each on its own clock. Of the audio what is `due` counts: what is longer than the
reference's, or was made before, is no work done.
"""

from __future__ import annotations

from collections.abc import Sequence

from engines.base import Metric, Sample
from tuner.core.metrics.latency import FIRST_OUTPUT
from tuner.core.metrics.words import WORD_ERRORS


def _audio_s(samples: Sequence[Sample]) -> float:
    """Seconds of audio that were work done; all of it where every second came out of a cache."""
    due = sum(s.units_out if s.due is None else s.due for s in samples)
    return due if due > 0 else sum(s.units_out for s in samples)


def _requests_s(samples: Sequence[Sample]) -> float:
    return sum(s.output_times_s[-1] if s.requests_s is None else s.requests_s for s in samples)


def _real_time_factor(samples: Sequence[Sample]) -> float:
    """Pooled over the round's texts."""
    return _requests_s(samples) / _audio_s(samples)


def _synthesis_s(samples: Sequence[Sample]) -> float:
    return _requests_s(samples) / sum(s.requests for s in samples)


def _throughput_x(samples: Sequence[Sample]) -> float:
    return _audio_s(samples) / sum(s.done_s for s in samples)


def _stall_ms(samples: Sequence[Sample]) -> float:
    return 1e3 * max(s.stall_s for s in samples)


_FIRST, _FIRST_P95 = FIRST_OUTPUT
METRICS = (
    _FIRST,
    Metric(
        "rtf", "", "minimize", "speed", "processing seconds per second of audio", _real_time_factor, leading=True,
        felt=True, plain="real-time factor",
    ),
    Metric(
        "synthesis_s", "s", "minimize", "speed", "submitted → last audio of a sentence, mean over sentences",
        _synthesis_s, leading=True, plain="time for a sentence",
    ),
    Metric(
        "throughput_x", "s/s", "maximize", "speed",
        "seconds of audio (at most the reference's, and made anew) per second of the wall clock",
        _throughput_x, leading=True, plain="throughput",
    ),
    _FIRST_P95,
    Metric(
        "stall_ms", "ms", "minimize", "speed",
        "silence inside a text that is played from its first audio on, because audio comes late; worst text",
        _stall_ms, leading=True, felt=True, trifle=50.0,
    ),
    *WORD_ERRORS,
    Metric(
        "mel_distance_db", "dB", "minimize", "quality",
        "log-mel distance from the reference configuration's audio, over all texts",
    ),
    Metric("mel_distance_db_worst", "dB", "minimize", "quality", "mel_distance_db of the worst text"),
    Metric("f0_rmse_hz", "Hz", "minimize", "quality", "pitch error against the reference configuration's audio"),
    Metric(
        "duration_ratio", "", "minimize", "quality",
        "length ÷ the reference's length, or its inverse: 1 is equal, more is worse; mean over texts", lowest=1.0,
    ),
    Metric("duration_ratio_worst", "", "minimize", "quality", "duration_ratio of the worst text", lowest=1.0),
)  # fmt: skip
