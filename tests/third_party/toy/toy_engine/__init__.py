"""An engine of another package: it counts aloud, in lanes, and its times are computed instead of waited for."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from engines.assembled import AssembledEngine
from engines.base import (
    Capabilities,
    ExportFile,
    MemoryPrediction,
    Metric,
    Model,
    ModelFile,
    Progress,
    Sample,
    WorkItem,
    Workload,
)
from engines.deploy import Deployment
from engines.errors import ModelFileError
from engines.judgement import NO_LIMITS, NOT_JUDGED, Judgement, QualityLimits
from search_spaces.parameter import Params

HERE = Path(__file__).parent


def _handovers(samples: Sequence[Sample]) -> float:
    return sum(s.counts["handovers"] for s in samples) / sum(s.units_out for s in samples)


HANDOVERS = Metric(
    "handovers_per_token", "", "minimize", "speed", "how often a lane waits for another", _handovers, leading=True
)


class ToySession:
    """One configuration."""

    def __init__(self, model: Model, file: ModelFile, params: Params) -> None:
        self._lanes, self._eager, self._pace = int(params["lanes"]), bool(params["eager"]), float(model.facts["pace"])

    def run(self, item: WorkItem) -> Sample:
        """Faster with each lane up to three; eager lanes hand over less."""
        rate = self._pace * min(self._lanes, 3) * (1.2 if self._eager else 1.0)
        tokens = int(item.payload["tokens"])
        times = tuple((n + 2) / rate for n in range(tokens))
        handovers = tokens // self._lanes * (1 if self._eager else 2)
        return Sample(item.id, times, times[-1], 4.0, float(tokens), "1 2 3", counts={"handovers": handovers})

    def quality(self, workload: Workload, limits: QualityLimits = NO_LIMITS) -> Judgement:
        """It always counts right."""
        return NOT_JUDGED

    def close(self) -> None:
        """Nothing is held."""


class ToyEngine(AssembledEngine):
    """See the module."""

    name = "toy"
    task = "llm"
    space = HERE / "space.yaml"
    conf = HERE / "conf"
    files = ("model.script",)
    facts_kept = ("pace",)
    metrics = (HANDOVERS,)
    session = ToySession
    export_targets: Mapping[str, str] = {"text": "the lanes as a text file"}

    def capabilities(self) -> Capabilities:
        """Three lanes pay, four are there."""
        return Capabilities({"lanes_most": 4}, {"version": "0.3", "build": "toy"})

    def resolve_model(self, config: Mapping[str, Any], progress: Progress) -> Model:
        """The only one that there is. Raises ModelFileError for another."""
        if config["source"] != "counting":
            raise ModelFileError(f"there is no model {config['source']!r}", "write model=counting")
        return Model("counting", "counting", "0" * 64, {"": ""}, "", "", {"pace": float(config["pace"])})

    def resolve_workload(self, config: Mapping[str, Any], model: Model, progress: Progress) -> Workload:
        """Two items."""
        items = tuple(WorkItem(f"to {n}", {"tokens": n}) for n in (int(config["tokens"]), 2 * int(config["tokens"])))
        return Workload(str(config["name"]), items)

    def prepare(self, model: Model, params: Params, progress: Progress) -> ModelFile:
        """There is no file."""
        return ModelFile("", "0" * 64, "", 1.0)

    def prepare_quality(self, model: Model, workload: Workload, progress: Progress) -> None:
        """There is no reference."""

    def predict_memory(self, model: Model, params: Params, capabilities: Capabilities) -> MemoryPrediction:
        """The same for all."""
        return MemoryPrediction(40.0, 0.0)

    def export(self, target: str, deploy: Deployment) -> list[ExportFile]:
        """One line."""
        return [ExportFile("lanes.txt", f"{deploy.params['lanes']}\n")]
