"""Speeds of a language model by the engine's own timers, for engines that have such."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from engines.base import Metric, Sample

PREFILL, DECODE = "prefill", "decode"
"""The stages, and the counts of their tokens."""


def _rate(stage: str, samples: Sequence[Sample]) -> float | None:
    """Tokens per second of all samples; None where a stage is not timed."""
    seconds = sum(s.stages_s.get(stage, 0.0) for s in samples)
    tokens = sum(s.counts.get(stage, 0.0) for s in samples)
    return tokens / seconds if seconds > 0 and tokens > 0 else None


METRICS = tuple(
    Metric(
        f"engine_{stage}_tokens_per_second",
        "tok/s",
        "maximize",
        "speed",
        f"{stage} speed by the engine's own timer",
        partial(_rate, stage),
    )
    for stage in (DECODE, PREFILL)
)
