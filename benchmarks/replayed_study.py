"""The tuner's own study on a recording: its sampler, race, rounds, finalists and tournament, with stand-ins beneath.

What is replaced is what loads (from the recording), the clock, the cache of quality and the folder.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from optuna.storages import InMemoryStorage

from benchmarks.peers import Strategy
from benchmarks.problem import Problem, Trace
from benchmarks.world import FailedError, Process, World
from engines.base import Capabilities, Model, ModelFile
from engines.registry import load_engine
from search_spaces.parameter import Params
from tuner.core.events import Outcome
from tuner.core.objective import Objective
from tuner.core.params import count_changes
from tuner.core.study_config import Budget, StudyConfig
from tuner.core.trial import TrialResult, TrialStatus
from tuner.core.watchers import Watchers
from tuner.measure.answers import capabilities_from_json, workload_from_json
from tuner.measure.executor import Executor, LocalExecutor
from tuner.measure.host.hardware import detect_hardware
from tuner.measure.loaded import Loaded, Pass, RunFailedError
from tuner.measure.plan import Inspection
from tuner.measure.preparation import Prepared
from tuner.measure.quality_cache import QualityCache
from tuner.results.study_store import StudyStore
from tuner.search.earlier import Earlier
from tuner.study.final import Proven
from tuner.study.study import Study
from tuner.tournament.comparison import EQUAL

T = TypeVar("T")
TRIALS_SHARE = 0.25
"""The budget in trials, as a share of the grid: less than the grid, or the tuner would enumerate it."""


@dataclass
class RecordedProcess:
    """One configuration, loaded in the world of a recording. `engine_s` begins with what loading took."""

    world: World
    process: Process
    engine_s: float

    @property
    def model_file(self) -> ModelFile:
        """As recorded; its content is not."""
        trial = self.process.known.trial
        return ModelFile("", "", str(trial.params.get("quantization", "")), trial.model_mib)

    @property
    def load_s(self) -> float:
        """As recorded."""
        return self.process.known.trial.load_s

    @property
    def vram_peak_mib(self) -> float | None:
        """There is no device."""
        return None

    def run_pass(self, timeout_s: float, deadline_s: float | None = None) -> Pass:
        """As recorded; one that takes longer than `timeout_s` fails as it would."""
        samples, wall_s, noise = self.process.round(deadline_s)
        self.engine_s += wall_s
        if wall_s > timeout_s:
            raise RunFailedError(TrialStatus.TIMED_OUT, "no answer to 'round' in time")
        return Pass(samples, wall_s, noise, self.process.known.trial.rss_peak_mib)

    def quality(self, timeout_s: float) -> Mapping[str, float]:
        """For the time that judging takes the first time."""
        before = self.world.now
        quality = self.world.judge(self.process.known.trial)
        self.engine_s += self.world.now - before
        return quality

    def inspect(self, what: Inspection, timeout_s: float) -> Mapping[str, Any]:
        """A recording has no answer."""
        return {}


@dataclass
class RecordedLoader:
    """Loads from a recording."""

    world: World
    engine_s: float = 0.0

    @contextlib.contextmanager
    def load(self, params: Params, cold: bool) -> Iterator[Loaded]:
        """In no real time. Raises RunFailedError as recorded."""
        before = self.world.now
        try:
            process = self.world.load(params)
        except FailedError as failure:
            self.engine_s += self.world.now - before
            raise RunFailedError(TrialStatus(failure.status), failure.reason) from None
        loaded = RecordedProcess(self.world, process, self.world.now - before)
        try:
            yield loaded
        finally:
            process.close()
            self.engine_s += loaded.engine_s


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

    def executor(
        self,
        samples_dir: Path | None = None,
        on_progress: Callable[[str], None] = lambda text: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> Executor:
        """Measures on the recording, by its clock; raw samples are not kept."""
        return LocalExecutor(
            RecordedLoader(self.world), self.engine, self.capabilities, self.model, self.constraints,
            EmptyCache(Path(), self.engine.name, {}, "", "", self.space), self.pruning_metric,
            self.config.budget.trial_timeout_s, clock=self.world.clock,
        )  # fmt: skip


class NoFolder(StudyStore):
    """Keeps nothing."""

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else is there."""
        yield

    def check_format(self) -> None:
        """A study always begins anew."""

    def point_latest(self) -> None:
        """There is no folder to point to."""

    def read(self, kind: type[T], name: str) -> T | None:
        """Nothing."""
        return None

    def write(self, name: str, document: Any) -> None:
        """Forget."""

    def remove(self, name: str) -> None:
        """Nothing is there."""


@dataclass
class ReplayedStudy(Study):
    """Keeps the best answer over time. It explains nothing and writes no report: both come after the verdict."""

    trace: Trace = field(default_factory=Trace)
    advised: bool = True

    def _early(self) -> list[Params]:
        return super()._early() if self.advised else []

    def _beside_the_baseline(self) -> list[Params]:
        """Nothing: what people run may lie out of the recorded grid."""
        return []

    def _earlier(self) -> list[Earlier]:
        """None: each replay is the first."""
        return []

    def _measured(self, result: TrialResult) -> None:
        if result.purpose == "drift":
            return
        if result.purpose != "repeat":
            self.trace.measured += 1
            self.trace.wasted_s += result.wall_s * (result.status not in (TrialStatus.OK, TrialStatus.PRUNED))
        self._answer()

    def _answer(self) -> None:
        """What is likeliest to be deployed: of all trials the plainest of about equals, as a verdict prefers it."""
        able, objective = self.observations.leaders(len(self.trials)), self._objective
        values = [e.value or 1.0 for e in able]
        equal = [e for e, value in zip(able, values, strict=True) if objective.gain(value, values[0]) >= EQUAL]
        if equal:
            plainest = min(equal, key=lambda e: count_changes(e.params, self.trials[0].params))
            self.trace.answer(self.clock(), plainest.params)

    def _conclude(self, proven: Proven) -> Outcome:
        outcome = super()._conclude(proven)
        if outcome.deploy is not None:
            self.trace.answer(self.clock(), outcome.deploy.params)
        return outcome

    def _explain(self) -> None:
        """Nothing."""

    def _report(self) -> None:
        """Nothing."""


def replay_study(problem: Problem, seed: int, limit_s: float) -> Trace:
    """A whole study in `limit_s` of the recording's time."""
    return _run(replayed(problem, seed, limit_s))


def replay_study_without_advice(problem: Problem, seed: int, limit_s: float) -> Trace:
    """The same, but the values that the space file advises to try first are not."""
    return _run(replace(replayed(problem, seed, limit_s), advised=False))


def replay_study_by(sampler: str) -> Strategy:
    """The same study with another sampler (`tuner.search.samplers`), which gets no advice."""

    def replay(problem: Problem, seed: int, limit_s: float) -> Trace:
        study = replayed(problem, seed, limit_s)
        config = replace(study.prepared.config, sampler=sampler)
        return _run(replace(study, prepared=replace(study.prepared, config=config), advised=False))

    return replay


def _run(study: ReplayedStudy) -> Trace:
    study.run()
    study.trace.end_s = study.clock()
    return study.trace


def replayed(problem: Problem, seed: int, limit_s: float) -> ReplayedStudy:
    """The study, not yet run."""
    world = World(problem.surface, seed)
    prepared = _prepared(problem, world, seed, limit_s)
    return ReplayedStudy(
        prepared, NoFolder(Path()), Watchers([]), begin=0.0, clock=world.clock, storage=InMemoryStorage()
    )


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
