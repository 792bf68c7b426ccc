"""What must be known before the first trial: engine, machine, model, workload and the search space that they leave."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from engines.base import Capabilities, Engine, Model, Workload
from engines.cache import cache_root
from engines.registry import load_engine
from search_spaces.errors import TunerError
from search_spaces.narrowing import narrow
from search_spaces.parameter import Choices, Params
from search_spaces.space import SearchSpace
from search_spaces.template import Template, load_template
from tuner.core.guards import Guard
from tuner.core.hardware import HardwareProfile
from tuner.core.metrics import leading_metrics, metric
from tuner.core.objective import Constraint, Objective
from tuner.core.study_config import SAMPLERS, StudyConfig
from tuner.core.study_document import StudyDocument, StudySpace, StudyWorkload
from tuner.core.trial import TrialResult
from tuner.measure.answers import capabilities_from_json, workload_from_json
from tuner.measure.executor import Executor, LocalExecutor
from tuner.measure.host.energy import energy_joules
from tuner.measure.host.hardware import detect_hardware
from tuner.measure.host.memory import available_device_mib
from tuner.measure.loaded import Loader
from tuner.measure.quality_cache import QualityCache
from tuner.measure.worker_loader import WorkerLoader
from tuner.measure.worker_process import PREPARE_TIMEOUT_S, Worker, ask_or_explain


@dataclass(frozen=True)
class Prepared:
    """Everything that stays the same during a study. `engine_s` is what the preparation spent in the engine."""

    config: StudyConfig
    engine: Engine
    hardware: HardwareProfile
    capabilities: Capabilities
    model: Model
    workload: Workload
    space: SearchSpace
    engine_s: float

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """What is optimised; the first one decides the tournament."""
        return tuple(Objective(name) for name in self.config.objectives)

    @property
    def constraints(self) -> tuple[Constraint, ...]:
        """What must hold."""
        return tuple(Constraint(name, limit) for name, limit in self.config.constraints.items())

    @property
    def pruning_metric(self) -> str:
        """The first objective that each round shows; where there is none, the task's first speed metric."""
        leading = leading_metrics(self.engine.task, self.engine.name)
        return next((o.metric for o in self.objectives if o.metric in leading), leading[0])

    @property
    def for_proof(self) -> Prepared:
        """The same with the part of the workload that the search never used; all of it where nothing is held out.

        Limits bind in the verdict, beside the default, and end no round before.
        """
        return replace(self, workload=self.workload.proof, config=replace(self.config, constraints={}))

    @property
    def guards(self) -> tuple[Guard, ...]:
        """What a winner may not make worse."""
        return tuple(Guard(name, factor) for name, factor in self.config.guards.items())

    @property
    def digest(self) -> str:
        """The identity of the study: the same digest is the same study, and resumes it."""
        parts: dict[str, Any] = {
            "engine": self.engine.name,
            "build": self.capabilities.identity,
            "model": self.model.digest,
            "workload": self.workload.digest,
            "held_out": self.workload.held_out.digest if self.workload.held_out else "",
            "space": self.space.digest,
            "hardware": self.hardware.class_,
            "objectives": list(self.config.objectives),
            "constraints": dict(sorted(self.config.constraints.items())),
            "guards": dict(sorted(self.config.guards.items())),
        }
        if self.config.sampler != SAMPLERS[0]:
            parts["sampler"] = self.config.sampler
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]

    @property
    def name(self) -> str:
        """The study's name: the user's, or one that carries the digest."""
        return self.config.study or f"{self.engine.task}-{_slug(self.model.name)}-{self.digest[:8]}"

    def document(self, record: str = "", created_at: str = "") -> StudyDocument:
        """study.yaml."""
        return StudyDocument(
            name=self.name,
            digest=self.digest,
            task=self.engine.task,
            hardware=self.hardware,
            engine={"name": self.engine.name, **self.capabilities.build},
            model=self.model,
            workload=self._study_workload(),
            space=StudySpace(self.space.name, self.space.digest, self.space.off),
            baseline=self.space.baseline,
            objectives=self.config.objectives,
            constraints=self.config.constraints,
            guards=self.config.guards,
            configuration=self.config.document,
            sampler=self.config.sampler,
            storage=self.config.storage,
            record=record,
            created_at=created_at,
        )

    def _study_workload(self) -> StudyWorkload:
        own, held_out = self.workload, self.workload.held_out
        proof = (held_out.digest, len(held_out.items)) if held_out else ("", 0)
        return StudyWorkload(own.name, own.digest, len(own.items), *proof)

    @property
    def cold_loads(self) -> bool:
        """Whether loading is asked for, so that every trial's has to be from a file out of the page cache."""
        return "load_s" in (*self.config.objectives, *self.config.constraints)

    def executor(
        self,
        samples_dir: Path | None = None,
        on_progress: Callable[[str], None] = lambda text: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> Executor:
        """What measures configurations of this study, on this machine."""
        return LocalExecutor(
            self.loader(on_progress), self.engine, self.capabilities, self.model, self.constraints,
            self.quality_cache(cache_root()), self.pruning_metric, self.config.budget.trial_timeout_s, samples_dir,
            clock=clock,
        )  # fmt: skip

    def loader(self, on_progress: Callable[[str], None] = lambda text: None) -> Loader:
        """What loads configurations, in worker processes of this machine."""
        return WorkerLoader(self.engine, self.model, self.workload, self.config.budget.trial_timeout_s, on_progress)

    def quality_cache(self, root: Path) -> QualityCache:
        """The quality of this engine's configurations on this model and workload, kept below `root`."""
        return QualityCache.of(root, self.engine.name, self.capabilities, self.model, self.workload, self.space)


def prepare(config: StudyConfig, progress: Callable[[str], None], for_quality: bool = True) -> Prepared:
    """Ask the engine in a worker and bind the search space. `for_quality` also makes the quality reference.

    Raises TunerError for whatever the user must fix: model, workload, knobs.
    """
    if metric(config.objectives[0]).kind == "quality":
        raise TunerError(
            f"the first objective is {config.objectives[0]!r}, a quality, which a tournament of rounds cannot prove",
            f"put a speed first: objective=[{leading_metrics(config.task)[0]},{config.objectives[0]}]",
        )
    _check_measurable(config)
    engine = load_engine(config.engine)
    _check_knobs(config, load_template(engine.space))
    hardware = detect_hardware()
    with Worker(engine.name, progress) as worker:
        capabilities = capabilities_from_json(ask_or_explain(worker, "capabilities", PREPARE_TIMEOUT_S))
        resolved = ask_or_explain(
            worker, "resolve", PREPARE_TIMEOUT_S, model=dict(config.model), workload=dict(config.workload)
        )
        model, workload = Model(**resolved["model"]), workload_from_json(resolved["workload"])
        space = bound_space(engine, config, capabilities, model, workload)
        if for_quality:
            for part in (resolved["workload"], resolved["workload"]["held_out"]):
                if part is not None:
                    subject = {"model": resolved["model"], "workload": part}
                    ask_or_explain(worker, "prepare_quality", PREPARE_TIMEOUT_S, **subject)
        engine_s = worker.engine_s
    return Prepared(config, engine, hardware, capabilities, model, workload, space, engine_s)


def bound_space(
    engine: Engine, config: StudyConfig, capabilities: Capabilities, model: Model, workload: Workload
) -> SearchSpace:
    """The engine's space on this machine, for this model, as the user narrowed it.

    What the workload cannot feel of a knob is not searched. A process's memory may differ all the same: where that is
    asked for, the sizes of the workload have no say.
    """
    facts: dict[str, Any] = {**capabilities.facts, **model.facts}
    facts.update(workload.facts)
    if all(metric(name).kind != "memory" for name in (*config.objectives, *config.constraints)):
        facts.update(workload.sizes)
    facts["quantizations"] = ",".join(model.variants)
    facts["native_quantization"] = model.native
    space = load_template(engine.space).bind(facts)

    def narrowed(baseline: Params) -> SearchSpace:
        found = narrow(space, config.params, config.space, baseline)
        here = engine.stock_here(model, found.stock_configuration(), capabilities)
        return found.with_stock(here.params, here.note)

    bound = narrowed(config.baseline)
    if config.baseline_from != "stock":
        return bound
    stock = bound.stock_configuration()
    changed = {name: v for name, v in stock.items() if v != bound.baseline.get(name) and name not in config.params}
    return narrowed({**changed, **config.baseline})


def _check_knobs(config: StudyConfig, template: Template) -> None:
    """Raise TunerError for knobs and types that no machine has, before the model is fetched or made."""
    for section, given in (("params", config.params), ("baseline", config.baseline)):
        for name, value in given.items():
            template.check(name, value, f"{section}.{name}")
    for name, domain in config.space.items():
        for value in domain.values if isinstance(domain, Choices) else (domain.low, domain.high):
            template.check(name, value, f"space.{name}")


def _check_measurable(config: StudyConfig) -> None:
    """Raise TunerError at once for a metric that needs an instrument which the machine lacks."""
    lacking = {
        "vram_peak_mib": "" if available_device_mib() is not None else "no NVIDIA GPU tells its memory",
        "energy_j_per_unit": "" if energy_joules() is not None else "neither NVML nor RAPL tells its energy",
    }
    needed = {**dict.fromkeys(config.objectives, "objective"), **dict.fromkeys(config.constraints, "constraint")}
    for name, purpose in needed.items():
        if reason := lacking.get(name):
            raise TunerError(
                f"the {purpose} {name!r} is not measured on this machine: {reason}",
                "leave it out, or use another metric",
            )


def check_measured(prepared: Prepared, trials: Sequence[TrialResult]) -> None:
    """Raise TunerError when a metric that the study needs is not reported here, as the first measured trial shows."""
    measured = next((t for t in trials if t.metrics), None)
    if measured is None:
        return
    needed = {o.metric: "objective" for o in prepared.objectives}
    needed |= {c.metric: "constraint" for c in prepared.constraints}
    for name, purpose in needed.items():
        if measured.value(name) is None:
            here = ", ".join(sorted({**measured.metrics, **measured.quality}))
            raise TunerError(f"the {purpose} {name!r} is not measured on this machine", f"measured here: {here}")


def _slug(text: str) -> str:
    return "".join(c if c.isalnum() or c in "._-" else "-" for c in text).strip("-.") or "model"
