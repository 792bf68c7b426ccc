"""One configuration in a tournament: its worker, its rounds, and the value that each block of the tournament counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TypeVar

from engines.errors import InvalidOutputError
from search_spaces.parameter import Params
from tuner.measurement import Measurement, Round, summarise
from tuner.memory import available_device_mib, available_host_mib
from tuner.metrics import METRICS, metric
from tuner.objective import violations
from tuner.runner import Opened, TrialRunner
from tuner.trial import MetricValue, TrialResult
from tuner.worker_process import WorkerFailedError

T = TypeVar("T")

WARM_UP_SHARE = 0.5
"""Of a round, what warming up by its first item takes at the most, for estimates."""
RESIDENT_SHARE = 0.8
"""Contestants stay loaded together when their predicted memory fits into this share of what is free."""

SECOND_CHANCES = 1
"""A configuration that ran in the search and fails here, once, may have met a passing shortage."""


@dataclass
class Contestant:
    """Plays one round at a time. A second failure takes it out for good, with the reason in `failure`.

    `values` and `rounds` hold what counted, block by block. `metric` is the objective's. `alone` says that no other
    contestant stays loaded beside it; `cold` that the first load is from a file out of the page cache.
    """

    trial: TrialResult
    runner: TrialRunner
    metric: str
    alone: bool = False
    cold: bool = True
    failure: str = ""
    rounds: list[Round] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    _chances: int = SECOND_CHANCES
    _stack: ExitStack = field(default_factory=ExitStack)
    _opened: Opened | None = None
    _loads: list[Opened] = field(default_factory=list)

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
        """The objective in one block. Load and memory, which a process has once, have a load of their own in each."""
        value = self._value(played)
        assert value is not None, "_round has looked"
        return value

    def _value(self, played: Round) -> float | None:
        if self.metric in played.metrics:
            return played.metrics[self.metric]
        value = self._loads[-1].metrics(Measurement((played,))).get(self.metric)
        return value.value if value else None

    def metrics(self) -> dict[str, MetricValue]:
        """Over the rounds that counted; the first load's time was a cold one, the cached one is the search's."""
        if not self.rounds:
            return {}
        names = [n for n in METRICS if all(n in r.metrics for r in self.rounds)]
        measured = {n: summarise(n, [r.metrics[n] for r in self.rounds]) for n in names}
        cached = {n: m for n, m in self.trial.metrics.items() if n == "load_cached_s"}
        rounds = Measurement(tuple(self.rounds))
        return {**measured, **cached, **self._loads[-1].metrics(rounds), **self._loads[0].metrics(rounds)}

    def feasible(self) -> bool:
        """Whether the constraints hold for what was measured here; by the search where nothing was."""
        if not self.rounds:
            return self.trial.feasible
        known = {**{name: m.value for name, m in self.metrics().items()}, **self.trial.quality}
        slack = violations(self.runner.constraints, known)
        return all(slack.get(c.metric, 1.0) <= 0 for c in self.runner.constraints)

    def release(self) -> None:
        """End the worker, if there is one."""
        self._stack.close()
        self._opened = None

    def _load(self) -> None:
        self._stack = ExitStack()
        cold = self.metric == "load_s" or (self.cold and not self._loads and self.metric != "load_cached_s")
        opened = self.runner.opened(self.trial.params, cold, self._stack, self.alone)
        self.runner.measurer().one_round(opened.worker, deadline_s=0.0)  # the first item warms up
        self._opened = opened
        self._loads.append(opened)

    def _round(self) -> Round:
        if metric(self.metric).kind in ("load", "memory") and self.rounds:
            self.release()
        if self._opened is None:
            self._load()
        assert self._opened is not None
        played = self.runner.measurer().one_round(self._opened.worker)
        if self._value(played) is None:
            raise InvalidOutputError(f"the round tells no {self.metric}", "choose an objective that each round tells")
        return played

    def _guarded(self, action: Callable[[], T]) -> T | None:
        while not self.failure:
            try:
                return action()
            except (WorkerFailedError, InvalidOutputError) as error:
                self.release()
                if self._chances == 0:
                    self.failure = error.reason if isinstance(error, WorkerFailedError) else error.message
                self._chances -= 1
        return None


def fit_together(runner: TrialRunner, configurations: Sequence[Params]) -> bool:
    """Whether all of them may stay loaded at once, by their predicted memory."""
    predictions = [runner.engine.predict_memory(runner.model, params, runner.capabilities) for params in configurations]
    device_mib = available_device_mib()
    host_fits = sum(p.host_mib for p in predictions) <= RESIDENT_SHARE * available_host_mib()
    needed = sum(p.device_mib for p in predictions)
    return host_fits and (device_mib is None or needed <= RESIDENT_SHARE * device_mib)
