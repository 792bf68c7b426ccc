"""The resolved configuration of one run: what `tuner/cli/config/` composes and the study reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from search_spaces.parameter import Domain, Value
from tuner.core.targets import Target

SAMPLERS = ("tuner", "tpe", "gp", "random", "nsgaii", "brute_force", "ablation")
"""How configurations are proposed: by our own sampler, by one of Optuna's, or one knob after the other."""


BASELINES = ("library", "stock")
"""What can be beaten: the library's defaults, or what people run who tune nothing."""


@dataclass(frozen=True)
class Budget:
    """What a run may use. `trials` and `minutes` bound the search (the first to be reached ends it)."""

    trials: int = 40
    minutes: float = 4.5
    tournament_pairs: int = 8
    tournament_pairs_most: int = 32
    rounds_least: int = 2
    rounds_most: int = 4
    trial_timeout_s: float = 600.0


@dataclass(frozen=True)
class StudyConfig:
    """One run. `document` is the same as plain JSON data (it becomes study.yaml).

    `baseline` are the values in which what is to be beaten differs from `baseline_from`. `guards` are how many times
    worse than the baseline's a winner's felt metrics may be. `storage` is the URL of the database that keeps the
    trials; "" stands for a journal in the study's folder.
    """

    task: str
    engine: str
    model: Mapping[str, Any]
    workload: Mapping[str, Any]
    objectives: tuple[str, ...]
    constraints: Mapping[str, float]
    budget: Budget
    targets: tuple[Target, ...]
    params: Mapping[str, Value] = field(default_factory=dict)
    space: Mapping[str, Domain] = field(default_factory=dict)
    baseline: Mapping[str, Value] = field(default_factory=dict)
    baseline_from: str = BASELINES[0]
    study: str | None = None
    outputs: Path = Path("outputs")
    tracking_uri: str | None = None
    seed: int = 0
    sampler: str = "tuner"
    storage: str = ""
    guards: Mapping[str, float] = field(default_factory=dict)
    document: Mapping[str, Any] = field(default_factory=dict)
