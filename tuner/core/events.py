"""What a study tells those who watch it: the display, the tracker, the tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from search_spaces.parameter import Value
from tuner.core.deploy import DeployConfig, TrackingRun
from tuner.core.explanation import Ablation
from tuner.core.hardware import HardwareProfile
from tuner.core.trial import TrialResult


@dataclass(frozen=True)
class StudyInfo:
    """A study at its start. `finished` are the trials of earlier runs; `budget_*` are what this run may use up to.

    `tracking_uri` is where it is logged: None is MLflow's own default, "" is nowhere. `stock` is what people run who
    tune nothing; {} where that is the default.
    """

    name: str
    directory: Path
    task: str
    engine: str
    model: str
    objectives: tuple[str, ...]
    constraints: Mapping[str, float]
    budget_trials: int
    budget_minutes: float
    configuration: Mapping[str, Any]
    hardware: HardwareProfile
    finished: tuple[TrialResult, ...] = ()
    tracking_uri: str | None = None
    stock: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class Standing:
    """A finalist in the tournament so far: ratio to the baseline (>1 is better), its 95 % interval, pairs run.

    `settled` says that the baseline rests: every finalist left is proven, and they play on among themselves.
    """

    number: int
    ratio: float
    ci95: tuple[float, float] | None
    pairs: int
    settled: bool = False


@dataclass(frozen=True)
class Outcome:
    """How a run of a study ended. `verdict` is one of

    - `gain`: a configuration is proven to be better than the default;
    - `keep_default`: none is;
    - `only_feasible`: the default does not run here or breaks a constraint; the best that does is deployed;
    - `undecided`: there was no comparison, so the default is deployed;
    - `no_feasible`: nothing meets the constraints;
    - `interrupted`.

    `deploy` is None when there is nothing to deploy. `directory` is the study's folder. `wall_s` and `engine_s` are of
    this run; `statuses` count all trials of the study.
    """

    study: str
    directory: Path
    verdict: str
    summary: str
    trials: tuple[TrialResult, ...]
    statuses: Mapping[str, int]
    wall_s: float
    engine_s: float
    deploy: DeployConfig | None = None
    ablation: Ablation | None = None
    front: tuple[int, ...] = ()
    notices: tuple[str, ...] = ()


class Observer(Protocol):
    """Watches a study. A method may be slow only where it is called between trials; none may raise."""

    def study_started(self, info: StudyInfo) -> None:
        """Before the first trial of this run."""
        ...

    def progress(self, text: str) -> None:
        """Slow preparation, one short line."""
        ...

    def trial_started(self, number: int, params: Mapping[str, Value], purpose: str) -> None:
        """`purpose` is `baseline`, `search`, `reduced` or `repeat`."""
        ...

    def round_finished(self, number: int, rounds: int, value: float | None) -> None:
        """A measured round of the current trial; `value` is the objective so far."""
        ...

    def trial_finished(self, result: TrialResult) -> None:
        """The trial is on disk."""
        ...

    def tournament_progress(self, standings: list[Standing], done: int, most: int) -> None:
        """After each block of interleaved rounds."""
        ...

    def notice(self, text: str) -> None:
        """Something that the user should know; one line."""
        ...

    def study_finished(self, outcome: Outcome) -> None:
        """After everything is written."""
        ...


@runtime_checkable
class Tracker(Observer, Protocol):
    """An observer that logs to a tracking server."""

    @property
    def tracking(self) -> TrackingRun:
        """The study's run, both parts empty when the server could not be reached."""
        ...
