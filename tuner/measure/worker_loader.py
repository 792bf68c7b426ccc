"""Configurations loaded in worker processes of this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from engines.base import Engine, Model, ModelFile, Workload
from engines.judgement import Judgement, QualityLimits
from search_spaces.parameter import Params
from tuner.measure.answers import OpenAnswer, RoundAnswer, judgement
from tuner.measure.host.energy import energy_joules
from tuner.measure.host.host_noise import NoiseWatch
from tuner.measure.host.memory import DevicePeak
from tuner.measure.host.process_tree import Below, below
from tuner.measure.loaded import Loaded, Pass
from tuner.measure.plan import Inspection
from tuner.measure.worker_process import PREPARE_TIMEOUT_S, Worker


@dataclass
class LoadedInWorker:
    """One configuration in its worker. `has_children` says whether anything ran below the worker when last asked."""

    worker: Worker
    peak: DevicePeak
    model_file: ModelFile
    load_s: float
    has_children: bool

    @property
    def engine_s(self) -> float:
        """Seconds that the worker has spent in the engine."""
        return self.worker.engine_s

    @property
    def vram_peak_mib(self) -> float | None:
        """Of the worker and all that it started."""
        return self.peak.peak_mib

    def run_pass(self, timeout_s: float, deadline_s: float | None = None) -> Pass:
        """One pass, with what the host did meanwhile."""
        pid = self.worker.pid
        before = below(pid) if self.has_children else Below()
        watch, before_j = NoiseWatch(pid), energy_joules()
        answer = RoundAnswer.from_json(self.worker.ask("round", timeout_s, deadline_s=deadline_s))
        self.has_children = answer.has_children
        after = below(pid) if self.has_children else Below()
        noise, after_j = watch.stop(answer.cpu_s + after.cpu_s - before.cpu_s), energy_joules()
        return Pass(
            samples=answer.samples,
            wall_s=answer.wall_s,
            noise=noise,
            rss_peak_mib=answer.rss_peak_mib + after.peak_mib,
            energy_j=_spent(before_j, after_j),
        )

    def quality(self, limits: QualityLimits, timeout_s: float) -> Judgement:
        """As the session judges it."""
        return judgement(**self.worker.ask("quality", timeout_s, limits=dict(limits)))

    def inspect(self, what: Inspection, timeout_s: float) -> Mapping[str, Any]:
        """As the session tells; a profile may take as long as preparing a model."""
        told: dict[str, Any] = self.worker.ask(what, PREPARE_TIMEOUT_S if what == "profile" else timeout_s)
        return told


@dataclass
class WorkerLoader:
    """Loads in a new worker process each time. No other worker may be on the device meanwhile."""

    engine: Engine
    model: Model
    workload: Workload
    timeout_s: float
    on_progress: Callable[[str], None] = field(default=lambda text: None)
    engine_s: float = 0.0

    @contextmanager
    def load(self, params: Params, cold: bool) -> Iterator[Loaded]:
        """A worker with `params` loaded, which ends with the context."""
        worker = Worker(self.engine.name, self.on_progress)
        try:
            with worker, DevicePeak(worker.pid) as peak:
                worker.ask("capabilities", self.timeout_s)  # imports the library, so that the load alone is timed
                subject = {"model": asdict(self.model), "params": dict(params)}
                file = ModelFile(**worker.ask("prepare", PREPARE_TIMEOUT_S, **subject))
                evict, items = file.path if cold else "", asdict(self.workload)
                told = worker.ask("open", self.timeout_s, **subject, workload=items, evict=evict)
                answer = OpenAnswer.from_json(told)
                yield LoadedInWorker(worker, peak, file, answer.load_s, answer.has_children)
        finally:
            self.engine_s += worker.engine_s


def _spent(before_j: float | None, after_j: float | None) -> float | None:
    """The difference of two readings; None where there is none to be told from the instrument's resolution."""
    return after_j - before_j if before_j is not None and after_j is not None and after_j > before_j else None
