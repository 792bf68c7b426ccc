"""One trial: what is asked of the worker, what came of it, and how both are written down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from search_spaces.parameter import Value

Purpose = Literal["baseline", "search", "reduced", "repeat", "drift", "tournament", "bench"]
"""What a trial is for. The last two are no trials of a study's search, and have no number."""
CONFIGURATIONS: tuple[Purpose, ...] = ("baseline", "search", "reduced")
"""The purposes of trials of a configuration that was not measured before."""


class TrialStatus(StrEnum):
    """How a trial ended. Only `OK` trials have metrics that can win."""

    OK = "ok"
    INFEASIBLE = "infeasible"
    OUT_OF_MEMORY = "out_of_memory"
    CRASHED = "crashed"
    TIMED_OUT = "timed_out"
    INVALID_OUTPUT = "invalid_output"
    UNSUPPORTED = "unsupported"
    PRUNED = "pruned"


@dataclass(frozen=True)
class MetricValue:
    """A measured metric: its value, the 95 % confidence interval (None below two rounds) and the unit."""

    value: float
    ci95: tuple[float, float] | None
    unit: str


@dataclass(frozen=True)
class TrialSpec:
    """What a trial runs: its number (−1 outside of a study), the active parameters, and what it is for.

    `repeat_of` is the number of the trial that a repeat or a drift check measures again.
    """

    number: int
    params: Mapping[str, Value]
    purpose: Purpose = "search"
    repeat_of: int | None = None


@dataclass(frozen=True)
class Stage:
    """Mean seconds of an item in one stage, and its share of all stages."""

    s: float
    share: float


@dataclass(frozen=True)
class Stages:
    """Where an item's time goes. Stages may run beside each other, so that shares are of their sum."""

    stages: Mapping[str, Stage]
    bottleneck: str


@dataclass(frozen=True)
class Inspected:
    """What a run that was asked to look closer tells beside its metrics.

    `iterations` are the metrics of each round that counts, `stages` the engine's own timers (`measure/profiles.py`),
    `in_force` what really holds of the configuration, `profiles` are documents by file name.
    """

    iterations: tuple[Mapping[str, float], ...] = ()
    stages: Stages | None = None
    in_force: Mapping[str, str] = field(default_factory=dict)
    profiles: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class TrialResult:
    """A finished trial: the attribute `result` of a trial in Optuna's study.

    A trial of purpose `search` (or `baseline`, the first one) is of a configuration that was not measured before; so is
    one of purpose `reduced`, a winner without what did not matter, which the search knew nothing of. A `repeat`
    measures trial `repeat_of` again in a new process, a `drift` check the baseline.

    `violations` maps each constrained metric to its slack (feasible ≤ 0). `samples_file` is relative to the study's
    folder. `host_noise` sums up the rounds, `round_s` is the median wall time of one of those that count, `rounds_s`
    that of all together, the warm-up and disturbed ones among them. `engine_s` is the time spent loading, warming or
    measuring the engine, `quality_s` that on judging quality. `pace` is how fast the machine was then
    (`tuner/measure/drift.py`). `inspected` is None unless the plan asked for it, and is kept nowhere.
    """

    number: int
    params: Mapping[str, Value]
    status: TrialStatus
    reason: str = ""
    metrics: Mapping[str, MetricValue] = field(default_factory=dict)
    quality: Mapping[str, float] = field(default_factory=dict)
    violations: Mapping[str, float] = field(default_factory=dict)
    rounds: int = 0
    round_s: float = 0.0
    host_noise: Mapping[str, float] = field(default_factory=dict)
    model_file: Mapping[str, Any] = field(default_factory=dict)
    samples_file: str = ""
    started_at: str = ""
    wall_s: float = 0.0
    engine_s: float = 0.0
    pace: float = 1.0
    quality_s: float = 0.0
    rounds_s: float = 0.0
    purpose: Purpose = "search"
    repeat_of: int | None = None
    inspected: Inspected | None = None

    @property
    def feasible(self) -> bool:
        """Measured and within every constraint."""
        return self.status is TrialStatus.OK and all(v <= 0 for v in self.violations.values())

    @property
    def disturbed(self) -> bool:
        """Whether others disturbed what counts of it: a warm-up or a round that was played again does no harm."""
        return self.host_noise.get("used_disturbed_share", self.host_noise.get("disturbed_share", 0.0)) > 0

    def value(self, metric: str) -> float | None:
        """The value of a speed, memory or quality metric, or None."""
        if metric in self.metrics:
            return self.metrics[metric].value
        return self.quality.get(metric)
