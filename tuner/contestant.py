"""One configuration in a tournament: its rounds, and the value that each block of the tournament counts.

Every round has a process of its own. Rounds of one process share what one start of it differs from the next by, so
that they are no further evidence, and a process that stayed loaded would save no load that a block does not need.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import compress
from typing import TypeVar

from engines.errors import InvalidOutputError
from tuner.measurement import Measurement, Round, summarise
from tuner.metrics import METRICS, metric
from tuner.objective import violations
from tuner.runner import Opened, TrialRunner
from tuner.trial import MetricValue, TrialResult
from tuner.worker_process import WorkerFailedError

T = TypeVar("T")

WARM_UP_SHARE = 0.5
"""Of a round, what warming up by its first item takes at the most, for estimates."""
SECOND_CHANCES = 1
"""A configuration that ran in the search and fails here, once, may have met a passing shortage."""


@dataclass
class Contestant:
    """Plays one round at a time. A second failure takes it out for good, with the reason in `failure`.

    `values` and `rounds` hold what counted, block by block. `metric` is the objective's. `cold` says that the first
    load is from a file out of the page cache, where the system allows it.
    """

    trial: TrialResult
    runner: TrialRunner
    metric: str
    cold: bool = True
    failure: str = ""
    rounds: list[Round] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    _chances: int = SECOND_CHANCES
    _loads: list[Opened] = field(default_factory=list)
    _counted: list[Opened] = field(default_factory=list)

    def play(self) -> Round | None:
        """Load, warm up by an item, run one round, and end the process; None once it has failed."""
        while not self.failure:
            try:
                return self._round()
            except (WorkerFailedError, InvalidOutputError) as error:
                if self._chances == 0:
                    self.failure = error.reason if isinstance(error, WorkerFailedError) else error.message
                self._chances -= 1
        return None

    def count(self, played: Round) -> None:
        """Let the round that was played last count."""
        self.values.append(self.value(played))
        self.rounds.append(played)
        self._counted.append(self._loads[-1])

    @property
    def quiet(self) -> list[bool]:
        """Of each round that counted, whether nobody else disturbed it."""
        return [not r.noise.disturbed for r in self.rounds]

    def used(self, counted: Sequence[T]) -> list[T]:
        """Of what there is one of for each round, that of the quiet rounds; all where most rounds were disturbed."""
        quiet = list(compress(counted, self.quiet))
        return quiet if 2 * len(quiet) >= len(counted) else list(counted)

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
        """Over the rounds that counted and the loads for them: means of times, peaks of memory.

        Only the first load was a cold one, whether its round counted or not.
        """
        if not self.rounds:
            return {}
        names = [n for n in METRICS if all(n in r.metrics for r in self.rounds)]
        measured = {n: summarise(n, [r.metrics[n] for r in self.used(self.rounds)]) for n in names}
        first = self._loads[0].metrics(Measurement((self.rounds[0],)))
        loads = [o.metrics(Measurement((r,))) for o, r in zip(self._counted, self.rounds, strict=True)]
        values = {n: [m[n].value for m in loads if n in m] for n in {n for m in loads for n in m}}
        times = {n: summarise(n, v) for n, v in values.items() if metric(n).kind == "load"}
        peaks = {n: MetricValue(max(v), None, METRICS[n].unit) for n, v in values.items() if metric(n).kind == "memory"}
        return {**measured, **first, **times, **peaks}

    def feasible(self) -> bool:
        """Whether the constraints hold for what was measured here; by the search where nothing was."""
        if not self.rounds:
            return self.trial.feasible
        known = {**{name: m.value for name, m in self.metrics().items()}, **self.trial.quality}
        slack = violations(self.runner.constraints, known)
        return all(slack.get(c.metric, 1.0) <= 0 for c in self.runner.constraints)

    def _round(self) -> Round:
        cold = self.metric == "load_s" or (self.cold and not self._loads and self.metric != "load_cached_s")
        with ExitStack() as stack:
            opened = self.runner.opened(self.trial.params, cold, stack)
            self.runner.measurer().one_round(opened.worker, deadline_s=0.0)  # the first item warms up
            played = self.runner.measurer().one_round(opened.worker)
            self._loads.append(opened)
        if self._value(played) is None:
            raise InvalidOutputError(f"the round tells no {self.metric}", "choose an objective that each round tells")
        return played


def play_s(trial: TrialResult) -> float:
    """How long one play of a trial will take, at the pace that it had in the search."""
    return (1 + WARM_UP_SHARE) * trial.round_s + _load_s(trial)


def _load_s(trial: TrialResult) -> float:
    """What loading a trial's process took, starting it included: all that the engine did but rounds and judging.

    Making its model file, which is found made from then on, is not the engine's.
    """
    again_s, rounds = trial.value("load_cached_s") or 0.0, trial.host_noise.get("rounds", trial.rounds + 1)
    return max(again_s, trial.engine_s - trial.quality_s - trial.round_s * rounds)
