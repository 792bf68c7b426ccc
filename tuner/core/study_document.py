"""study.yaml: what a study is of, written when it begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engines.base import Model
from search_spaces.parameter import Params
from tuner.core.hardware import HardwareProfile


@dataclass(frozen=True)
class StudyWorkload:
    """What is searched on, and what is held out for the proof ("" and 0: nothing); `items` are requests of a round."""

    name: str
    digest: str
    items: int
    held_out_digest: str = ""
    held_out_items: int = 0


@dataclass(frozen=True)
class StudySpace:
    """What is searched; `off` says of each knob that is not in use here why."""

    name: str
    digest: str
    off: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class StudyDocument:
    """The same `digest` is the same study. `engine` is its name and the build's identity, `baseline` is to be beaten.

    `record` is what Optuna calls the study, in `storage` ("": a journal in the study's folder). `configuration` is what
    Hydra composed, as JSON data: whatever options the engine, its model and its workload have.
    """

    name: str
    digest: str
    task: str
    hardware: HardwareProfile
    engine: Mapping[str, str]
    model: Model
    workload: StudyWorkload
    space: StudySpace
    baseline: Params
    objectives: tuple[str, ...]
    constraints: Mapping[str, float]
    guards: Mapping[str, float] = field(default_factory=dict)
    configuration: Mapping[str, Any] = field(default_factory=dict)
    sampler: str = ""
    storage: str = ""
    record: str = ""
    created_at: str = ""

    @property
    def tracking_uri(self) -> str | None:
        """Where it is logged: None is MLflow's own default, "" is nowhere."""
        uri: str | None = self.configuration.get("tracking", {}).get("uri")
        return uri
