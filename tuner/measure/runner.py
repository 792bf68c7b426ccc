"""One trial in one process: predict, load, measure, judge quality, and turn whatever happens into a result.

Quality comes last: most configurations are cut off for being slow within a round, and judging takes longer than that.
"""

from __future__ import annotations

import json
import math
import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engines.base import Capabilities, Engine, Model, Workload
from engines.errors import InvalidOutputError
from search_spaces.parameter import Params
from tuner.core.metrics import METRICS
from tuner.core.objective import Constraint, violations
from tuner.core.trial import MetricValue, TrialResult, TrialSpec, TrialStatus
from tuner.measure.host.host_noise import summary
from tuner.measure.host.memory import DevicePeak, available_device_mib, available_host_mib
from tuner.measure.measurement import Measurement, Measurer, RepeatAllowance
from tuner.measure.pruning import Pruner
from tuner.measure.quality_cache import QualityCache
from tuner.measure.worker_process import Worker, WorkerFailedError

PREPARE_TIMEOUT_S = 3600.0
"""Between two lines of progress of a download or a conversion."""


@dataclass(frozen=True)
class Opened:
    """A loaded configuration. `load_metric` says which of the two load times `load_s` is."""

    worker: Worker
    peak: DevicePeak
    model_file: Mapping[str, Any]
    load_s: float
    load_metric: str

    def metrics(self, measurement: Measurement) -> dict[str, MetricValue]:
        """What a load yields once: its time, the peaks and the size of the model file."""
        values: dict[str, float] = {
            self.load_metric: self.load_s,
            "rss_peak_mib": max(r.rss_peak_mib for r in measurement.rounds),
            "model_mib": self.model_file["size_mib"],
        }
        if self.peak.peak_mib is not None:
            values["vram_peak_mib"] = self.peak.peak_mib
        return {name: MetricValue(value, None, METRICS[name].unit) for name, value in values.items()}


@dataclass
class TrialRunner:
    """Runs trials of one study. `on_round` is told (rounds, objective so far) while a trial measures.

    With `cold_loads` a trial's load is from a file out of the page cache and counts as `load_s`, else as
    `load_cached_s`. `engine_s` adds up what all workers spent in the engine.
    """

    engine: Engine
    capabilities: Capabilities
    model: Model
    workload: Workload
    constraints: tuple[Constraint, ...]
    quality_cache: QualityCache
    pruning_metric: str
    timeout_s: float
    samples_dir: Path | None = None
    on_round: Callable[[int, float | None], None] = field(default=lambda rounds, value: None)
    on_progress: Callable[[str], None] = field(default=lambda text: None)
    time_is_up: Callable[[], bool] = field(default=lambda: False)
    allowance: RepeatAllowance = field(default_factory=RepeatAllowance)
    cold_loads: bool = False
    engine_s: float = 0.0

    def run(self, spec: TrialSpec, pruner: Pruner) -> TrialResult:
        """The result of `spec`; never raises for what an engine does."""
        begin, started_at = time.monotonic(), datetime.now(UTC).isoformat(timespec="seconds")
        result = self._infeasible_unseen(spec) or self._run_in_worker(spec, pruner)
        return replace(result, started_at=started_at, wall_s=round(time.monotonic() - begin, 3))

    def known_infeasible(self, params: Params) -> str:
        """Why `params` need not be run at all, from memory arithmetic and quality measured before; "" if they may."""
        too_large, _ = self._memory_shortage(params)
        return too_large or self._quality_shortfall(self.quality_cache.get(params) or {})

    def opened(self, params: Params, evict: bool, stack: ExitStack) -> Opened:
        """A worker with `params` loaded, which `stack` ends. Raises WorkerFailedError.

        `evict` drops the model file from the page cache first. No other worker may be on the device.
        """
        worker = Worker(self.engine.name, self.on_progress)
        stack.callback(self._account, worker)
        stack.enter_context(worker)
        peak = stack.enter_context(DevicePeak(worker.pid))
        worker.ask("capabilities", self.timeout_s)  # imports the library, so that the load alone is timed as one
        subject = {"model": asdict(self.model), "params": dict(params)}
        file = worker.ask("prepare", PREPARE_TIMEOUT_S, **subject)
        loaded = worker.ask(
            "open", self.timeout_s, **subject, workload=asdict(self.workload), evict=file["path"] * evict
        )
        return Opened(worker, peak, file, loaded["load_s"], "load_s" if evict else "load_cached_s")

    def _account(self, worker: Worker) -> None:
        self.engine_s += worker.engine_s

    def measurer(self) -> Measurer:
        """What measures rounds for this study."""
        return Measurer(
            self.task, self.pruning_metric, self.timeout_s, self.allowance, self.on_round, self.time_is_up,
            self.engine.metrics,
        )  # fmt: skip

    @property
    def task(self) -> str:
        """The engine's task."""
        return self.engine.task

    def judge_quality(self, worker: Worker, params: Params) -> dict[str, float]:
        """The quality of an opened configuration, from the cache where it is known. Raises WorkerFailedError."""
        known = self.quality_cache.get(params)
        if known is not None:
            return known
        quality = worker.ask("quality", self.timeout_s)["quality"]
        if not all(math.isfinite(v) for v in quality.values()):
            raise InvalidOutputError(f"quality is not a finite number: {quality}")
        self.quality_cache.put(params, quality)
        return dict(quality)

    def _run_in_worker(self, spec: TrialSpec, pruner: Pruner) -> TrialResult:
        result = TrialResult(spec.number, spec.params, TrialStatus.OK)
        spent_s = self.engine_s
        try:
            with ExitStack() as stack:
                opened = self.opened(spec.params, self.cold_loads, stack)
                result = replace(result, model_file=opened.model_file)
                measurement = self.measurer().measure(opened.worker, pruner, self.engine.compiles_lazily(spec.params))
                measured = opened.metrics(measurement)  # before judging quality, whose memory is not the serving's
                if not measurement.pruned:
                    before_s, quality = opened.worker.engine_s, self.judge_quality(opened.worker, spec.params)
                    judging_s = round(opened.worker.engine_s - before_s, 3)
                    result = replace(result, quality=quality, quality_s=judging_s)
                result = self._measured(result, measurement, {**measurement.metrics(), **measured})
        except WorkerFailedError as failure:
            result = replace(result, status=failure.status, reason=failure.reason)
        except InvalidOutputError as failure:
            result = replace(result, status=TrialStatus.INVALID_OUTPUT, reason=failure.message)
        return replace(result, engine_s=round(self.engine_s - spent_s, 3))

    def _measured(
        self, result: TrialResult, measurement: Measurement, metrics: Mapping[str, MetricValue]
    ) -> TrialResult:
        """The result of what ran; one that was cut off is known to be slow, and its quality is not asked for."""
        known = {**{name: m.value for name, m in metrics.items()}, **result.quality}
        slack = violations(self.constraints, known)
        unknown = 0.0 if measurement.pruned else 1.0
        broken = [c.describe(known.get(c.metric)) for c in self.constraints if slack.get(c.metric, unknown) > 0]
        status = TrialStatus.INFEASIBLE if broken else TrialStatus.PRUNED if measurement.pruned else TrialStatus.OK
        rounds = len(measurement.used)
        cut = f"clearly worse than the best after {rounds} round{'s' * (rounds > 1)}" if measurement.pruned else ""
        return replace(
            result,
            status=status,
            reason="; ".join(broken) or cut,
            metrics=metrics,
            violations=slack,
            rounds=rounds,
            round_s=round(statistics.median(r.wall_s for r in measurement.used), 4),
            rounds_s=round(sum(r.wall_s for r in measurement.rounds), 4),
            host_noise={
                **summary([r.noise for r in measurement.rounds]),
                "used_disturbed_share": sum(r.noise.disturbed for r in measurement.used) / rounds,
            },
            samples_file=self._keep_samples(result, measurement),
        )

    def _keep_samples(self, result: TrialResult, measurement: Measurement) -> str:
        if self.samples_dir is None or result.number < 0:
            return ""
        self.samples_dir.mkdir(parents=True, exist_ok=True)
        file = self.samples_dir / f"trial-{result.number:04d}.json"
        file.write_text(json.dumps({"params": dict(result.params), **measurement.to_json()}))
        return f"{self.samples_dir.name}/{file.name}"

    def _infeasible_unseen(self, spec: TrialSpec) -> TrialResult | None:
        """The result of a configuration that cannot fit, without running it."""
        reason, excess = self._memory_shortage(spec.params)
        if not reason:
            return None
        return TrialResult(spec.number, spec.params, TrialStatus.INFEASIBLE, reason, violations={"memory": excess})

    def _memory_shortage(self, params: Params) -> tuple[str, float]:
        """Why the predicted memory does not fit, and by which share; ("", 0) when it does."""
        predicted = self.engine.predict_memory(self.model, params, self.capabilities)
        device_mib = available_device_mib()
        for kind, needed, free in (
            ("host", predicted.host_mib, available_host_mib()),
            ("device", predicted.device_mib, device_mib if device_mib is not None else math.inf),
        ):
            if needed > free:
                return f"predicted {kind} memory {needed:.0f} MiB > {free:.0f} MiB free", needed / max(free, 1.0) - 1
        return "", 0.0

    def _quality_shortfall(self, quality: Mapping[str, float]) -> str:
        slack = violations(self.constraints, quality)
        return "; ".join(c.describe(quality[c.metric]) for c in self.constraints if slack.get(c.metric, 0) > 0)
