"""One configuration, measured without a search: cold load, quality, rounds, and a second load from the page cache."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from typing import Any

from engines.errors import InvalidOutputError
from tuner.core.documents import dump
from tuner.core.events import Observer
from tuner.core.metrics import METRICS
from tuner.core.objective import Objective
from tuner.core.study_config import StudyConfig
from tuner.core.targets import judge
from tuner.core.trial import MetricValue, TrialStatus
from tuner.core.watchers import Watchers
from tuner.measure.host.host_noise import summary
from tuner.measure.preparation import Prepared, prepare
from tuner.measure.profiles import iterations, stages
from tuner.measure.pruning import Pruner, pruner_against
from tuner.measure.runner import PREPARE_TIMEOUT_S
from tuner.measure.worker_process import WorkerFailedError

ROUNDS_LEAST, ROUNDS_MOST = 5, 12
STUDY_PARTS = ("name", "task", "hardware", "engine", "model", "workload", "configuration")
"""Of study.yaml: what a report says of what was measured."""


def run_bench(config: StudyConfig, observers: Sequence[Observer], with_profile: bool = False) -> dict[str, Any]:
    """Measure the space's baseline, in which `params.X` are fixed.

    The document has `params, metrics, quality, targets, host_noise, status, reason`, and what a report shows: the
    study that it stands for, `iterations`, `stages`, `in_force` and (`with_profile`) `profiles` by file name. Raises
    TunerError for what the user must fix; what the engine does is a status with a reason.
    """
    watchers = Watchers(observers)
    prepared = prepare(config, watchers.progress)
    for note in prepared.workload.notes:
        watchers.notice(note)
    bench = _Bench(prepared, watchers, with_profile)
    try:
        bench.run()
    except WorkerFailedError as failure:
        bench.status, bench.reason = failure.status, failure.reason
    except InvalidOutputError as failure:
        bench.status, bench.reason = TrialStatus.INVALID_OUTPUT, failure.message
    return bench.document()


class _Bench:
    def __init__(self, prepared: Prepared, watchers: Watchers, with_profile: bool) -> None:
        self._prepared, self._with_profile, self._progress = prepared, with_profile, watchers.progress
        self._runner = prepared.runner(
            on_progress=watchers.progress, on_round=lambda rounds, value: watchers.round_finished(-1, rounds, value)
        )
        self._params = prepared.space.baseline
        self._metrics: dict[str, MetricValue] = {}
        self._quality: dict[str, float] = {}
        self._noise: dict[str, float] = {}
        self._iterations: list[dict[str, float]] = []
        self._stages: dict[str, Any] = {}
        self._in_force: dict[str, str] = {}
        self._profiles: dict[str, Any] = {}
        self.status, self.reason = TrialStatus.OK, ""

    def run(self) -> None:
        """Raises WorkerFailedError, InvalidOutputError."""
        with ExitStack() as stack:
            opened = self._runner.opened(self._params, True, stack)
            measurement = self._runner.measurer().measure(opened.worker, self._pruner())
            self._metrics = {**measurement.metrics(), **opened.metrics(measurement)}
            self._noise = dict(summary([r.noise for r in measurement.rounds]))
            self._iterations = iterations(measurement.used)
            self._stages = stages([sample for used in measurement.used for sample in used.samples])
            self._in_force = opened.worker.ask("in_force", self._prepared.config.budget.trial_timeout_s)
            self._quality = self._runner.judge_quality(opened.worker, self._params)
            if self._with_profile:
                self._progress("profiling")
                self._profiles = opened.worker.ask("profile", PREPARE_TIMEOUT_S)
        with ExitStack() as stack:
            load_s = self._runner.opened(self._params, False, stack).load_s
            self._metrics["load_cached_s"] = MetricValue(load_s, None, METRICS["load_cached_s"].unit)

    def document(self) -> dict[str, Any]:
        """What was measured, as JSON data."""
        values = {**{name: m.value for name, m in self._metrics.items()}, **self._quality}
        return {
            "params": dict(self._params),
            "metrics": {name: asdict(m) for name, m in self._metrics.items()},
            "quality": self._quality,
            "targets": [dump(t) for t in judge(self._prepared.config.targets, values)],
            "host_noise": self._noise,
            "workload_digest": self._prepared.workload.digest,
            "status": str(self.status),
            "reason": self.reason,
            "study": {name: self._prepared.document()[name] for name in STUDY_PARTS},
            "iterations": self._iterations,
            "stages": self._stages,
            "in_force": self._in_force,
            "profiles": self._profiles,
        }

    def _pruner(self) -> Pruner:
        rounds, minutes = (ROUNDS_LEAST, ROUNDS_MOST), self._prepared.config.budget.minutes
        return pruner_against(None, Objective(self._prepared.pruning_metric), 1.0, rounds, time_most_s=60.0 * minutes)
