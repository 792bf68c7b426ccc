"""The tuner's own study on a recording: its sampler, race, rounds, finalists and tournament, with stand-ins beneath.

What is replaced is the worker (answers from the recording), the clock, the cache of quality and the folder.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

from benchmarks.problem import Problem, Trace
from benchmarks.world import FailedError, Loaded, World
from engines.base import Capabilities, Model
from engines.registry import load_engine
from search_spaces.parameter import Params, Value
from tuner.core.events import Outcome
from tuner.core.objective import Objective, pace_corrected
from tuner.core.params import changed_knobs
from tuner.core.study_config import Budget, StudyConfig
from tuner.core.trial import TrialResult, TrialSpec, TrialStatus
from tuner.core.watchers import Watchers
from tuner.measure.host.hardware import detect_hardware
from tuner.measure.host.memory import DevicePeak
from tuner.measure.measurement import Measurer, Round
from tuner.measure.preparation import Prepared
from tuner.measure.pruning import Pruner
from tuner.measure.quality_cache import QualityCache
from tuner.measure.round_metrics import round_metrics
from tuner.measure.runner import Opened, TrialRunner
from tuner.measure.worker import capabilities_from_json, workload_from_json
from tuner.measure.worker_process import Worker, WorkerFailedError
from tuner.results.study_store import StudyStore
from tuner.search.earlier import Earlier
from tuner.search.repeats import Repeat
from tuner.study.study import Study
from tuner.tournament.decision import EQUAL
from tuner.tournament.tournament import TournamentResult

T = TypeVar("T")
TRIALS_SHARE = 0.25
"""The budget in trials, as a share of the grid: less than the grid, or the tuner would enumerate it."""


class RecordedWorker(Worker):
    """Answers for one loaded configuration."""

    def __init__(self, world: World, loaded: Loaded) -> None:
        self.loaded, self._world = loaded, world
        self.engine_s = 0.0

    @property
    def pid(self) -> int:
        """There is no process."""
        return 0

    def ask(self, operation: str, timeout_s: float, **arguments: Any) -> Any:
        """Quality is all that is asked for in words."""
        assert operation == "quality", f"a recording has no answer to {operation}"
        before = self._world.now
        quality = self._world.judge(self.loaded.known.trial)
        self.engine_s += self._world.now - before
        return {"quality": quality}

    def stop(self, gently: bool = False) -> None:
        """End."""
        self.loaded.close()


@dataclass
class ReplayMeasurer(Measurer):
    """Rounds from the recording."""

    def warm_up(self, worker: Worker, whole: bool) -> None:
        """For the time of a recorded first round, or of its first item."""
        assert isinstance(worker, RecordedWorker), "replayed rounds come from a recording"
        _, wall_s, _ = worker.loaded.round(None if whole else 0.0)
        worker.engine_s += wall_s

    def one_round(self, worker: Worker, timeout_s: float | None = None, deadline_s: float | None = None) -> Round:
        """As recorded; one that takes longer than `timeout_s` fails as it would."""
        assert isinstance(worker, RecordedWorker), "replayed rounds come from a recording"
        samples, wall_s, noise = worker.loaded.round(deadline_s)
        worker.engine_s += wall_s
        self.allowance.rounds += 1
        if wall_s > (timeout_s or self.timeout_s):
            raise WorkerFailedError(TrialStatus.TIMED_OUT, "no answer to 'round' in time")
        metrics, peak_mib = round_metrics(self.task, samples), worker.loaded.known.trial.rss_peak_mib
        kind: Literal["disturbed", "measured"] = "disturbed" if noise.disturbed else "measured"
        return Round(tuple(samples), metrics, noise, peak_mib, wall_s, kind)


@dataclass(kw_only=True)
class ReplayRunner(TrialRunner):
    """Trials on a recording."""

    world: World

    def run(self, spec: TrialSpec, pruner: Pruner) -> TrialResult:
        """With the wall time of the recording."""
        before = self.world.now
        return replace(super().run(spec, pruner), wall_s=self.world.now - before)

    def opened(self, params: Params, evict: bool, stack: ExitStack) -> Opened:
        """Raises WorkerFailedError as recorded."""
        before = self.world.now
        try:
            loaded = self.world.load(params)
        except FailedError as failure:
            self.engine_s += self.world.now - before
            raise WorkerFailedError(TrialStatus(failure.status), failure.reason) from None
        worker = RecordedWorker(self.world, loaded)
        worker.engine_s = self.world.now - before
        stack.callback(self._account, worker)
        stack.enter_context(worker)
        trial = loaded.known.trial
        file = {"path": "", "size_mib": trial.model_mib, "quantization": str(params.get("quantization", ""))}
        return Opened(worker, NoDevice(), file, trial.load_s, "load_s" if evict else "load_cached_s")

    def measurer(self) -> Measurer:
        """Rounds come from the recording too."""
        return ReplayMeasurer(
            self.task, self.pruning_metric, self.timeout_s, self.allowance, self.on_round, self.time_is_up
        )


class NoDevice(DevicePeak):
    """No device memory."""

    def __init__(self) -> None:
        super().__init__(0)

    @property
    def peak_mib(self) -> float | None:
        """Not measured."""
        return None


@dataclass(frozen=True)
class EmptyCache(QualityCache):
    """Knows nothing at first, and keeps nothing for the next replay."""

    known: dict[str, dict[str, float]] = field(default_factory=dict)

    def get(self, params: Params) -> dict[str, float] | None:
        """As judged in this replay."""
        return self.known.get(repr(sorted(self.knobs(params).items())))

    def put(self, params: Params, quality: Mapping[str, float]) -> None:
        """Keep for this replay."""
        self.known[repr(sorted(self.knobs(params).items()))] = dict(quality)


@dataclass(frozen=True, kw_only=True)
class ReplayPrepared(Prepared):
    """A prepared study on a recording."""

    world: World

    def runner(self, **callbacks: Any) -> TrialRunner:
        """A runner that asks the recording."""
        cache = EmptyCache(Path(), self.engine.name, {}, "", "", self.space)
        callbacks.pop("samples_dir", None)
        return ReplayRunner(
            engine=self.engine, capabilities=self.capabilities, model=self.model, workload=self.workload,
            constraints=self.constraints, quality_cache=cache, pruning_metric=self.pruning_metric,
            timeout_s=self.config.budget.trial_timeout_s, world=self.world, **callbacks,
        )  # fmt: skip


class NoFolder(StudyStore):
    """Keeps nothing."""

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else is there."""
        yield

    def trials(self) -> list[TrialResult]:
        """A study always begins anew."""
        return []

    def _lines(self, name: str, read: Callable[[Mapping[str, Any]], T]) -> list[T]:
        """None yet."""
        return []

    def _append(self, name: str, document: Mapping[str, Any]) -> None:
        """Forget."""

    def point_latest(self) -> None:
        """There is no folder to point to."""

    def read_json(self, name: str) -> dict[str, Any] | None:
        """Nothing."""
        return None

    def read_yaml(self, name: str) -> dict[str, Any] | None:
        """Nothing."""
        return None

    def remove(self, name: str) -> None:
        """Nothing is there."""

    def _replace(self, name: str, text: str) -> None:
        """Forget."""


@dataclass
class ReplayedStudy(Study):
    """Keeps the best answer over time. It explains nothing and writes no report: both come after the verdict."""

    trace: Trace = field(default_factory=Trace)
    advised: bool = True

    def _early(self) -> list[Params]:
        return super()._early() if self.advised else []

    def _earlier(self) -> list[Earlier]:
        """None: each replay is the first."""
        return []

    def _run(self, params: dict[str, Value], purpose: str, pace: float) -> TrialResult:
        begun_s = self.clock()
        result = super()._run(params, purpose, pace)
        self.trace.measured += 1
        if result.status not in (TrialStatus.OK, TrialStatus.PRUNED):
            self.trace.wasted_s += self.clock() - begun_s
        self._answer()
        return result

    def _repeat(self, trial: TrialResult, pace: float) -> Repeat:
        repeat = super()._repeat(trial, pace)
        self._answer()
        return repeat

    def _answer(self) -> None:
        """What is likeliest to be deployed: of all trials the plainest of about equals, as a verdict prefers it."""
        able, objective = self.observations.leaders(len(self.trials)), self._objective
        values = [pace_corrected(t, objective.metric) or 1.0 for t in able]
        equal = [t for t, value in zip(able, values, strict=True) if objective.gain(value, values[0]) >= EQUAL]
        if equal:
            plainest = min(equal, key=lambda t: changed_knobs(t.params, self._baseline.params))
            self.trace.answer(self.clock(), plainest.params)

    def _conclude(self, result: TournamentResult) -> Outcome:
        outcome = super()._conclude(result)
        if outcome.deploy is not None:
            self.trace.answer(self.clock(), outcome.deploy.params)
        return outcome

    def _explain(self, winner: TrialResult | None) -> None:
        """Nothing."""

    def _report(self) -> None:
        """Nothing."""


def replay_study(problem: Problem, seed: int, limit_s: float) -> Trace:
    """A whole study in `limit_s` of the recording's time."""
    return _run(replayed(problem, seed, limit_s))


def replay_study_without_advice(problem: Problem, seed: int, limit_s: float) -> Trace:
    """The same, but the values that the space file advises to try first are not."""
    return _run(replace(replayed(problem, seed, limit_s), advised=False))


def _run(study: ReplayedStudy) -> Trace:
    study.run()
    study.trace.end_s = study.clock()
    return study.trace


def replayed(problem: Problem, seed: int, limit_s: float) -> ReplayedStudy:
    """The study, not yet run."""
    world = World(problem.surface, seed)
    prepared = _prepared(problem, world, seed, limit_s)
    return ReplayedStudy(prepared, NoFolder(Path()), Watchers([]), begin=0.0, clock=world.clock)


_HARDWARE = detect_hardware()


def _prepared(problem: Problem, world: World, seed: int, limit_s: float) -> Prepared:
    recording = problem.surface.recording
    setting, engine = recording.setting, load_engine(recording.engine)
    trials = max(10, round(TRIALS_SHARE * len(problem.surface.recording.trials)))
    objectives: tuple[Objective, ...] = (problem.objective,)
    config = StudyConfig(
        task=setting["task"],
        engine=engine.name,
        model={},
        workload={},
        objectives=tuple(o.metric for o in objectives),
        constraints=problem.constraints,
        budget=Budget(trials=trials, minutes=limit_s / 60),
        targets=(),
        seed=seed,
    )
    model = Model(**setting["model"])
    capabilities: Capabilities = capabilities_from_json(setting["capabilities"])
    workload = workload_from_json(setting["workload"])
    return ReplayPrepared(
        config, engine, _HARDWARE, capabilities, model, workload, problem.space, engine_s=0.0, world=world
    )
