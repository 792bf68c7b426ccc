"""What the samples of a bench say beyond its metrics: round by round, and stage by stage."""

from __future__ import annotations

from collections.abc import Sequence

from engines.base import Sample
from tuner.core.trial import Stage, Stages
from tuner.measure.measurement import Round


def iterations(rounds: Sequence[Round]) -> list[dict[str, float]]:
    """The metrics of each round, and how much its items produced: `units_out` (tokens, or seconds of audio)."""
    return [{**r.metrics, "units_out": sum(s.units_out for s in r.samples)} for r in rounds]


def stages(samples: Sequence[Sample]) -> Stages | None:
    """What the engine times of its items, on average; None where it times nothing."""
    names = dict.fromkeys(name for s in samples for name in s.stages_s)
    means = {name: sum(s.stages_s.get(name, 0.0) for s in samples) / len(samples) for name in names}
    total = sum(means.values())
    if not total:
        return None
    shares = {name: Stage(seconds, seconds / total) for name, seconds in means.items()}
    return Stages(shares, max(means, key=lambda name: means[name]))
