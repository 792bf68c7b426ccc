"""The metrics: names with units, direction, definition. The one source for help, MLflow, reports and docs.

A metric of a task stands in that task's module, with how it follows from a round's samples; an engine declares what it
has beside these (`Engine.metrics`). Adding one is one entry in one place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

from engines.base import Metric
from engines.registry import engine_names, load_engine
from search_spaces.errors import TunerError, unknown_name
from tuner.core.metrics import every_task, llm, pipeline, stt, tts

_OF_TASK: dict[str, tuple[Metric, ...]] = {
    "llm": llm.METRICS,
    "stt": stt.METRICS,
    "tts": tts.METRICS,
    "pipeline": pipeline.METRICS,
}
_SHARED = {m.name: m for part in (*_OF_TASK.values(), every_task.METRICS) for m in part}


class _Table(Mapping[str, Metric]):
    """Every metric by its name: those of the tasks, then those of engines, which are asked when they are needed.

    A name means the same wherever it is used; how it follows from samples may differ by task (`metrics_of`).
    """

    def __getitem__(self, name: str) -> Metric:
        return _SHARED[name] if name in _SHARED else _declared()[name]

    def __iter__(self) -> Iterator[str]:
        yield from _SHARED
        yield from _declared()

    def __len__(self) -> int:
        return len(_SHARED) + len(_declared())


METRICS: Mapping[str, Metric] = _Table()


def metric(name: str) -> Metric:
    """The metric called `name`. Raises TunerError with the nearest match when there is none."""
    if name not in METRICS:
        raise unknown_name("metric", name, METRICS)
    return METRICS[name]


def in_words(name: str) -> str:
    """As a sentence has it: `answer time (response_s)`; the name alone of what people have no other word for."""
    plain = METRICS[name].plain if name in METRICS else ""
    return f"{plain} ({name})" if plain else name


def metrics_of(task: str, engine: str = "") -> dict[str, Metric]:
    """The metrics that a task has, and those that `engine` adds. An engine that cannot be used adds none."""
    return {m.name: m for m in (*_OF_TASK.get(task, ()), *every_task.METRICS, *_added(engine))}


def leading_metrics(task: str, engine: str = "") -> tuple[str, ...]:
    """What every round shows; the first is what matters most unless the user says else."""
    return tuple(m.name for m in metrics_of(task, engine).values() if m.leading)


def check_metrics(engine: str) -> None:
    """Raises TunerError where what `engine` declares contradicts what is there, or it cannot be used."""
    for own in load_engine(engine).metrics:
        if own.name in _SHARED or own != METRICS[own.name]:
            raise TunerError(
                f"engine {engine!r} declares the metric {own.name!r}, which is defined already",
                "give it a name of its own, or leave it out where it means the same",
            )


def _added(engine: str) -> tuple[Metric, ...]:
    try:
        return load_engine(engine).metrics if engine else ()
    except TunerError:
        return ()


@cache
def _declared() -> dict[str, Metric]:
    """What engines add. Of two that use one name the first counts, and `check_metrics` refuses the other."""
    table: dict[str, Metric] = {}
    for own in (own for engine in engine_names() for own in _added(engine)):
        if own.name not in _SHARED:
            table.setdefault(own.name, own)
    return table
