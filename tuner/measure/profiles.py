"""What the samples of a bench say beyond its metrics: round by round, and stage by stage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engines.base import Sample
from tuner.measure.measurement import Round


def iterations(rounds: Sequence[Round]) -> list[dict[str, float]]:
    """The metrics of each round, and how much its items produced: `units_out` (tokens, or seconds of audio)."""
    return [{**r.metrics, "units_out": sum(s.units_out for s in r.samples)} for r in rounds]


def stages(samples: Sequence[Sample]) -> dict[str, Any]:
    """Mean seconds of an item in each stage that the engine times, each one's share, and the `bottleneck`.

    {} where the engine times none. Stages may run beside each other: shares are of their sum.
    """
    names = dict.fromkeys(name for s in samples for name in s.stages_s)
    means = {name: sum(s.stages_s.get(name, 0.0) for s in samples) / len(samples) for name in names}
    total = sum(means.values())
    if not total:
        return {}
    return {
        "stages": {name: {"s": seconds, "share": seconds / total} for name, seconds in means.items()},
        "bottleneck": max(means, key=lambda name: means[name]),
    }
