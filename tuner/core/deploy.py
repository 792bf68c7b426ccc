"""deploy.json: the winner of a study with its proof. `python -m tuner.core.deploy` prints its JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Interval, MinLen
from pydantic import BaseModel, ConfigDict, Field

from engines.deploy import Deployment
from search_spaces.parameter import Value
from tuner.core.guards import FeltVerdict
from tuner.core.hardware import HardwareProfile
from tuner.core.targets import TargetVerdict
from tuner.core.trial import MetricValue

KnobName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Knobs = Annotated[Mapping[KnobName, Value], Field(json_schema_extra={"additionalProperties": False})]
Name = Annotated[str, MinLen(1)]


class DeployedEngine(BaseModel):
    """The engine and the build of it that was measured; further keys are the build's own identity."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, str]

    name: Name
    version: str
    build: str


@dataclass(frozen=True)
class DeployedModel:
    """The file that was measured. `source` is what it was made from; exporters need some of the `facts`."""

    name: Name
    path: str
    sha256: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")]
    quantization: str
    source: str
    facts: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class DeployedWorkload:
    """What it was searched on, and what was held out for the proof ("": nothing)."""

    name: str
    digest: Annotated[str, Field(pattern=r"^[0-9a-f]+$")]
    held_out_digest: Annotated[str, Field(pattern=r"^[0-9a-f]*$")] = ""


@dataclass(frozen=True)
class DeployedBaseline:
    """The default. Empty metrics: it does not run on this machine."""

    params: Knobs
    metrics: Mapping[str, MetricValue]
    quality: Mapping[str, float] = field(default_factory=dict)

    @property
    def measured(self) -> Mapping[str, MetricValue | float]:
        """Metrics and quality."""
        return {**self.metrics, **self.quality}


@dataclass(frozen=True)
class Gain:
    """From the tournament. `ratio` above 1 is better than the default, None where the default does not run.

    `ci95` and `p_value` are None where the default itself is deployed.
    """

    objective: Name
    ratio: Annotated[float, Gt(0)] | None
    ci95: tuple[float, float] | None
    p_value: Annotated[float, Interval(ge=0, le=1)] | None
    pairs: Annotated[int, Ge(0)]
    significant: bool


@dataclass(frozen=True)
class DeployedStock:
    """What people run who tune nothing, and what is deployed against it; `gain` is None where that is deployed."""

    params: Knobs
    metrics: Mapping[str, MetricValue]
    gain: Gain | None


@dataclass(frozen=True)
class ConstraintVerdict:
    """A limit, and the winner's value against it."""

    metric: str
    limit: float
    value: float | None
    satisfied: bool


@dataclass(frozen=True)
class TrackingRun:
    """Where the study was logged; both empty where it was not."""

    tracking_uri: str = ""
    run_id: str = ""


@dataclass(frozen=True)
class DeployConfig:
    """The winner of a study with its proof: exactly what was measured, on which machine, against which default.

    `felt` compares with the default what a person notices, none of which may be worse than its guard allows; `guards`
    maps metrics to how many times worse they may be.
    """

    schema_version: Literal[1]
    study: Name
    engine: DeployedEngine
    model: DeployedModel
    params: Knobs
    workload: DeployedWorkload
    hardware: HardwareProfile
    metrics: Mapping[str, MetricValue]
    quality: Mapping[str, float]
    baseline: DeployedBaseline
    gain: Gain
    constraints: tuple[ConstraintVerdict, ...]
    targets: tuple[TargetVerdict, ...]
    mlflow: TrackingRun
    created_at: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$")]
    stock: DeployedStock | None = None
    guards: Mapping[str, float] = field(default_factory=dict)
    felt: tuple[FeltVerdict, ...] = ()

    @property
    def measured(self) -> Mapping[str, MetricValue | float]:
        """The winner's metrics and quality."""
        return {**self.metrics, **self.quality}

    @property
    def keeps_default(self) -> bool:
        """Whether what is deployed is the default."""
        return self.params == self.baseline.params

    @property
    def deployment(self) -> Deployment:
        """What an engine makes production files of."""
        model = self.model
        return Deployment(
            self.study, model.name, model.quantization, model.path, self.params, model.facts, self._proof()
        )

    def _proof(self) -> str:
        """What the gain is, when that was measured, and where."""
        gain = self.gain
        if self.keeps_default:
            found = f"the default, and nothing is proven to be better in {gain.objective}"
        elif gain.ratio is None or gain.ci95 is None:
            found = "the best that runs where the default does not"
        else:
            low, high = gain.ci95
            interval = f"95 % interval {low:.2f} to {high:.2f}, {gain.pairs} pairs"
            found = f"{gain.ratio:.2f} times as good as the default in {gain.objective} ({interval})"
        return f"{found}; measured on {self.created_at[:10]} on {self.hardware.text}"


if __name__ == "__main__":
    import json

    from tuner.core.documents import schema

    print(json.dumps({"title": "deploy.json", **schema(DeployConfig)}, indent=2))
