"""One configuration in a tournament: its worker, its rounds, and the value that each block of the tournament counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, TypeVar

from engines.errors import InvalidOutputError
from tuner.measurement import Measurement, Round, summarise
from tuner.memory import DevicePeak
from tuner.metrics import METRICS, metric
from tuner.runner import TrialRunner, load_and_memory
from tuner.trial import MetricValue, TrialResult
from tuner.worker_process import Worker, WorkerFailedError

T = TypeVar("T")


@dataclass
class Contestant:
    """Plays one round at a time. A failure takes it out for good, with the reason in `failure`.

    `values` and `rounds` hold what counted, block by block. `metric` is the objective's.
    """

    trial: TrialResult
    runner: TrialRunner
    metric: str
    failure: str = ""
    rounds: list[Round] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    engine_s: float = 0.0
    _worker: Worker | None = None
    _stack: ExitStack = field(default_factory=ExitStack)
    _peak: DevicePeak | None = None
    _opened: Mapping[str, Any] = field(default_factory=dict)

    def enter(self) -> None:
        """Load from a cold file where the system allows it, and warm up."""
        self._guarded(self._load)

    def play(self) -> Round | None:
        """One round, loaded for it where nothing is loaded or the load is what counts; None once it has failed."""
        return self._guarded(self._round)

    def count(self, played: Round) -> None:
        """Let a round count."""
        self.values.append(self.value(played))
        self.rounds.append(played)

    def value(self, played: Round) -> float:
        """The objective in one block; what a load yields once is the same in all blocks that share the load."""
        if self.metric in played.metrics:
            return played.metrics[self.metric]
        once = self._once([*self.rounds, played])
        if self.metric in once:
            return once[self.metric].value
        value = self.trial.value(self.metric)
        assert value is not None, f"trial {self.trial.number} has no {self.metric}"
        return value

    def metrics(self) -> dict[str, MetricValue]:
        """Over the rounds that counted; load and memory of the cold load, the cached load time from the search."""
        if not self.rounds:
            return {}
        names = [n for n in METRICS if all(n in r.metrics for r in self.rounds)]
        measured = {n: summarise(n, [r.metrics[n] for r in self.rounds]) for n in names}
        cached = {n: m for n, m in self.trial.metrics.items() if n == "load_cached_s"}
        return {**measured, **self._once(self.rounds), **cached}

    def release(self) -> None:
        """End the worker, if there is one."""
        if self._worker is not None:
            self.engine_s += self._worker.engine_s
        self._stack.close()
        self._worker = None

    def _load(self) -> None:
        self._stack = ExitStack()
        cold = not self._opened or metric(self.metric).kind == "load"
        self._worker, opened, self._peak = self.runner.opened(self.trial.params, cold, self._stack)
        self._opened = opened if cold else self._opened
        self.runner.measurer().one_round(self._worker)

    def _round(self) -> Round:
        if metric(self.metric).kind == "load":
            self.release()
        if self._worker is None:
            self._load()
        assert self._worker is not None
        return self.runner.measurer().one_round(self._worker)

    def _once(self, rounds: Sequence[Round]) -> dict[str, MetricValue]:
        peak = self._peak.peak_mib if self._peak else None
        return load_and_memory(self._opened, Measurement(tuple(rounds)), peak, "load_s")

    def _guarded(self, action: Callable[[], T]) -> T | None:
        if self.failure:
            return None
        try:
            return action()
        except WorkerFailedError as failure:
            self.failure = failure.reason
        except InvalidOutputError as failure:
            self.failure = failure.message
        self.release()
        return None
