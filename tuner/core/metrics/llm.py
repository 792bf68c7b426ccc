"""Metrics of language models. Speeds are pooled over the round's items: long answers weigh more."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from engines.base import Metric, Sample
from engines.errors import InvalidOutputError
from tuner.core.metrics.latency import FIRST_OUTPUT
from tuner.core.stats import percentile


def _decode_speed(samples: Sequence[Sample]) -> float | None:
    """A sum of tokens over a sum of seconds; None where every answer is one token."""
    seconds, tokens = _after_the_first(samples)
    if tokens <= 0:
        return None
    if seconds <= 0:
        raise InvalidOutputError("all tokens of an item came at once, so there is no decode speed")
    return tokens / seconds


def _after_the_first(samples: Sequence[Sample]) -> tuple[float, float]:
    """Seconds and tokens after the first token, of all items."""
    seconds = sum(s.output_times_s[-1] - s.output_times_s[0] for s in samples)
    return seconds, sum(s.units_out - 1 for s in samples)


def _prefill_speed(samples: Sequence[Sample]) -> float:
    return sum(s.units_in for s in samples) / sum(s.output_times_s[0] for s in samples)


def _gaps_ms_p95(samples: Sequence[Sample]) -> float | None:
    gaps = [b - a for s in samples for a, b in zip(s.output_times_s, s.output_times_s[1:], strict=False)]
    return 1e3 * percentile(gaps, 0.95) if gaps else None


def _response_s(samples: Sequence[Sample]) -> float:
    """Answers are counted as long as the reference's, at this round's pace."""
    seconds, tokens = _after_the_first(samples)
    due = [s.units_out if s.due is None else s.due for s in samples]
    if tokens <= 0 and max(due) > 1:
        raise InvalidOutputError("no answer has more than one token where the reference's has, so there is no pace")
    per_token_s = seconds / tokens if tokens > 0 else 0.0
    return statistics.fmean([s.output_times_s[0] + per_token_s * (n - 1) for s, n in zip(samples, due, strict=True)])


METRICS = (
    Metric(
        "decode_tokens_per_second", "tok/s", "maximize", "speed",
        "tokens after the first ÷ time from first to last token", _decode_speed, leading=True, plain="decoding speed",
    ),
    Metric(
        "prefill_tokens_per_second", "tok/s", "maximize", "speed",
        "prompt tokens ÷ time to the first token", _prefill_speed, leading=True, plain="speed of reading the prompt",
    ),
    *FIRST_OUTPUT,
    Metric(
        "itl_ms_p95", "ms", "minimize", "speed",
        "time between consecutive tokens, 95th percentile", _gaps_ms_p95, leading=True,
    ),
    Metric(
        "response_s", "s", "minimize", "speed",
        "submitted → last token of an answer as long as the reference's, at the measured pace; mean over items",
        _response_s, leading=True, felt=True, plain="answer time",
    ),
    Metric(
        "kld", "nat", "minimize", "quality",
        "mean KL divergence of the next-token distribution from the most precise variant",
    ),
    Metric(
        "top1_agreement", "", "maximize", "quality",
        "share of positions whose likeliest token is the most precise variant's", highest=1.0,
    ),
    Metric(
        "perplexity", "", "minimize", "quality",
        "exp of the mean negative log-likelihood of the held-out text", lowest=1.0,
    ),
)  # fmt: skip
