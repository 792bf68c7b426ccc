"""From the samples of one round to the round's metrics."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from engines.base import Metric, Sample
from engines.errors import InvalidOutputError
from tuner.core.metrics import metrics_of


def round_metrics(task: str, samples: Sequence[Sample], own: Iterable[Metric] = ()) -> dict[str, float]:
    """The task's metrics of one round, and the engine's `own`.

    Raises InvalidOutputError where a sample is not one that could be deployed.
    """
    for sample in samples:
        _check(sample)
    of_task = [(m.name, m.from_samples(samples)) for m in metrics_of(task).values() if m.from_samples]
    of_engine = [(m.name, _own(m, samples)) for m in own if m.from_samples]
    return {name: value for name, value in (*of_task, *of_engine) if value is not None}


def _own(metric: Metric, samples: Sequence[Sample]) -> float | None:
    """What an engine's own definition makes of the samples. Raises InvalidOutputError where that is no number."""
    assert metric.from_samples is not None
    try:
        value = metric.from_samples(samples)
    except InvalidOutputError:
        raise
    except Exception as error:  # the boundary to code that may not be ours
        raise InvalidOutputError(f"{metric.name} cannot be computed: {type(error).__name__}: {error}") from None
    if value is not None and not math.isfinite(value):
        raise InvalidOutputError(f"{metric.name} is {value}")
    return value


def _check(sample: Sample) -> None:
    times = (*sample.output_times_s, sample.done_s)
    if not all(math.isfinite(t) for t in (*times, sample.units_in, sample.units_out)):
        raise InvalidOutputError(f"item {sample.item_id!r} has a time or a length that is not a finite number")
    if not sample.output_times_s or sample.units_out <= 0:
        raise InvalidOutputError(f"item {sample.item_id!r} has no output")
    if list(times) != sorted(times) or times[0] < 0:
        raise InvalidOutputError(f"the times of item {sample.item_id!r} run backwards")
