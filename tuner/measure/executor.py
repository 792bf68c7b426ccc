"""The one way in which search, tournament, bench, repeats and the benchmarks' replay measure a configuration.

Quality comes last: most configurations are pruned for being slow within a round, and judging takes longer than that.
"""

from __future__ import annotations

import json
import math
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from engines.base import Capabilities, Engine, Model
from engines.errors import InvalidOutputError
from engines.judgement import NOT_JUDGED, QualityLimits
from search_spaces.parameter import Params
from tuner.core.metrics import METRICS, metric
from tuner.core.objective import Constraint, broken, reasons, violations
from tuner.core.trial import Inspected, MetricValue, TrialResult, TrialSpec, TrialStatus
from tuner.measure.host.host_noise import summary
from tuner.measure.host.memory import available_device_mib, available_host_mib
from tuner.measure.loaded import Loaded, Loader, RunFailedError
from tuner.measure.measurement import Measurement, Measurer, OnRound, RepeatAllowance, ignore_rounds
from tuner.measure.plan import Inspection, MeasurementPlan
from tuner.measure.profiles import iterations, stages
from tuner.measure.quality_cache import QualityCache


class Executor(Protocol):
    """Runs configurations of one engine, model and workload somewhere, one at a time."""

    @property
    def engine_s(self) -> float:
        """Seconds that all runs together have spent in the engine."""
        ...

    def run(self, spec: TrialSpec, plan: MeasurementPlan, on_round: OnRound = ignore_rounds) -> TrialResult:
        """The result of `spec`, measured as planned; what an engine does is a status with a reason, never an error."""
        ...

    def known_infeasible(self, params: Params) -> str:
        """Why `params` need not be run at all, from memory arithmetic and quality measured before; "" if they may."""
        ...


@dataclass
class LocalExecutor:
    """Runs on this machine what `loader` loads. `metric` is what rounds are compared by while they go on.

    Raw samples of trials with a number go to `samples_dir`.
    """

    loader: Loader
    engine: Engine
    capabilities: Capabilities
    model: Model
    constraints: tuple[Constraint, ...]
    quality_cache: QualityCache
    metric: str
    timeout_s: float
    samples_dir: Path | None = None
    clock: Callable[[], float] = time.monotonic
    allowance: RepeatAllowance = field(default_factory=RepeatAllowance)

    @property
    def engine_s(self) -> float:
        """Seconds that all runs together have spent in the engine."""
        return self.loader.engine_s

    def run(self, spec: TrialSpec, plan: MeasurementPlan, on_round: OnRound = ignore_rounds) -> TrialResult:
        """The result of `spec`; never raises for what an engine does."""
        begin, started_at = self.clock(), datetime.now(UTC).isoformat(timespec="seconds")
        spent_s = self.engine_s
        ends_s = begin + plan.time_left_s
        result = self._infeasible_unseen(spec) or self._in_process(spec, plan, on_round, ends_s)
        if plan.repeat_disturbed == "new_process" and result.disturbed and self.allowance.take():
            again = self._in_process(spec, plan, on_round, ends_s)
            result = again if again.metrics else result
        return replace(
            result,
            purpose=spec.purpose,
            repeat_of=spec.repeat_of,
            started_at=started_at,
            wall_s=round(self.clock() - begin, 3),
            engine_s=round(self.engine_s - spent_s, 3),
        )

    def known_infeasible(self, params: Params) -> str:
        """Why `params` need not be run at all, from memory arithmetic and quality measured before; "" if they may."""
        too_large, _ = self._memory_shortage(params)
        judged = self.quality_cache.get(params, self._limits(None)) or NOT_JUDGED
        return too_large or "; ".join(reasons(self.constraints, judged.metrics, judged.worst, False))

    def _in_process(self, spec: TrialSpec, plan: MeasurementPlan, on_round: OnRound, ends_s: float) -> TrialResult:
        """The result of one process; the round that is under way at `ends_s` is the last one."""
        result = TrialResult(spec.number, spec.params, TrialStatus.OK)
        try:
            with self.loader.load(spec.params, plan.cold_load) as loaded:
                result = replace(result, model_file=asdict(loaded.model_file))
                measurer = Measurer(
                    loaded, self.engine.task, self.metric, self.timeout_s, self.allowance,
                    on_round, lambda: self.clock() > ends_s, self.engine.metrics,
                )  # fmt: skip
                measurement = measurer.measure(plan, self.engine.compiles_lazily(spec.params))
                # The load's part before quality is judged, whose memory is not the serving's.
                metrics = {**measurement.metrics(), **_of_the_load(loaded, measurement, plan)}
                in_force = self._inspection(loaded, plan, "in_force")
                judge = plan.quality and not measurement.pruned and not _breaks(plan.limits, metrics)
                if judge:
                    before_s = loaded.engine_s
                    limits = self._limits(plan.judging_limits)
                    judged = self.quality_cache.judged(loaded, spec.params, limits, self.timeout_s)
                    quality_s = round(loaded.engine_s - before_s, 3)
                    result = replace(result, quality=judged.metrics, worst=judged.worst, quality_s=quality_s)
                profiles = self._inspection(loaded, plan, "profile")
            if plan.cached_load_too:
                with self.loader.load(spec.params, cold=False) as second:
                    metrics["load_cached_s"] = MetricValue(second.load_s, None, METRICS["load_cached_s"].unit)
            if plan.inspect:
                used = measurement.used
                timed = stages([sample for one in used for sample in one.samples])
                result = replace(result, inspected=Inspected(tuple(iterations(used)), timed, in_force, profiles))
            return self._judged(result, judge, measurement, metrics)
        except RunFailedError as failure:
            return replace(result, status=failure.status, reason=failure.reason)
        except InvalidOutputError as failure:
            return replace(result, status=TrialStatus.INVALID_OUTPUT, reason=failure.message)

    def _inspection(self, loaded: Loaded, plan: MeasurementPlan, what: Inspection) -> Mapping[str, Any]:
        return loaded.inspect(what, self.timeout_s) if what in plan.inspect else {}

    def _judged(
        self,
        result: TrialResult,
        asked: bool,
        measurement: Measurement,
        metrics: Mapping[str, MetricValue],
    ) -> TrialResult:
        """The result of what ran; its quality may not have been `asked` for, because it cannot win anyway."""
        known = {**{name: m.value for name, m in metrics.items()}, **result.quality}
        why = reasons(self.constraints, known, result.worst, asked)
        status = TrialStatus.INFEASIBLE if why else TrialStatus.PRUNED if measurement.pruned else TrialStatus.OK
        rounds = len(measurement.used)
        cut = f"clearly worse than the best after {rounds} round{'s' * (rounds > 1)}" if measurement.pruned else ""
        return replace(
            result,
            status=status,
            reason="; ".join(why) or cut,
            metrics=metrics,
            violations=violations(self.constraints, known),
            rounds=rounds,
            round_s=round(statistics.median(r.wall_s for r in measurement.used), 4),
            rounds_s=round(sum(r.wall_s for r in measurement.rounds), 4),
            host_noise={
                **summary([r.noise for r in measurement.rounds]),
                "used_disturbed_share": sum(r.noise.disturbed for r in measurement.used) / rounds,
            },
            samples_file=self._keep_samples(result, measurement),
        )

    def _limits(self, planned: tuple[Constraint, ...] | None) -> QualityLimits:
        """By what judging may end early: what is planned, or the study's own."""
        chosen = self.constraints if planned is None else planned
        return {c.metric: c.limit for c in chosen if metric(c.metric).kind == "quality"}

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


def _breaks(limits: tuple[Constraint, ...], metrics: Mapping[str, MetricValue]) -> bool:
    return bool(broken(limits, {name: m.value for name, m in metrics.items()}, unmeasured_breaks=False))


def _of_the_load(loaded: Loaded, measurement: Measurement, plan: MeasurementPlan) -> dict[str, MetricValue]:
    """What a load yields once: its time, the peaks and the size of the model file."""
    values = {
        "load_s" if plan.cold_load else "load_cached_s": loaded.load_s,
        "rss_peak_mib": max(r.rss_peak_mib for r in measurement.rounds),
        "model_mib": loaded.model_file.size_mib,
    }
    if loaded.vram_peak_mib is not None:
        values["vram_peak_mib"] = loaded.vram_peak_mib
    return {name: MetricValue(value, None, METRICS[name].unit) for name, value in values.items()}
