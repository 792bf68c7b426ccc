"""One configuration, measured without a search: cold load, quality, rounds, and a second load from the page cache."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from typing import Any

from engines.errors import InvalidOutputError
from tuner.config.study_config import StudyConfig
from tuner.events import Observer
from tuner.host_noise import summary
from tuner.metrics import METRICS
from tuner.objective import Objective
from tuner.preparation import Prepared, prepare
from tuner.racing import Race, race_against
from tuner.targets import judge
from tuner.trial import MetricValue, TrialStatus
from tuner.watchers import Watchers
from tuner.worker_process import WorkerFailedError

ROUNDS_LEAST, ROUNDS_MOST = 5, 12


def run_bench(config: StudyConfig, observers: Sequence[Observer]) -> dict[str, Any]:
    """Measure the space's baseline, in which `params.X` are fixed.

    The document has `params, metrics, quality, targets, host_noise, status, reason`. Raises TunerError for what the
    user must mend; what the engine does is a status with a reason.
    """
    watchers = Watchers(observers)
    prepared = prepare(config, watchers.progress)
    for note in prepared.workload.notes:
        watchers.notice(note)
    bench = _Bench(prepared, watchers)
    try:
        bench.run()
    except WorkerFailedError as failure:
        bench.status, bench.reason = failure.status, failure.reason
    except InvalidOutputError as failure:
        bench.status, bench.reason = TrialStatus.INVALID_OUTPUT, failure.message
    return bench.document()


class _Bench:
    def __init__(self, prepared: Prepared, watchers: Watchers) -> None:
        self._prepared = prepared
        self._runner = prepared.runner(
            on_progress=watchers.progress, on_round=lambda rounds, value: watchers.round_finished(-1, rounds, value)
        )
        self._params = prepared.space.baseline
        self._metrics: dict[str, MetricValue] = {}
        self._quality: dict[str, float] = {}
        self._noise: dict[str, float] = {}
        self.status, self.reason = TrialStatus.OK, ""

    def run(self) -> None:
        """Raises WorkerFailedError, InvalidOutputError."""
        with ExitStack() as stack:
            opened = self._runner.opened(self._params, True, stack)
            measurement = self._runner.measurer().measure(opened.worker, self._race())
            self._metrics = {**measurement.metrics(), **opened.metrics(measurement)}
            self._quality = self._runner.judge_quality(opened.worker, self._params)
            self._noise = dict(summary([r.noise for r in measurement.rounds]))
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
            "targets": judge(self._prepared.config.targets, values),
            "host_noise": self._noise,
            "workload_digest": self._prepared.workload.digest,
            "status": str(self.status),
            "reason": self.reason,
        }

    def _race(self) -> Race:
        return race_against(None, Objective(self._prepared.raced_metric), 1.0, (ROUNDS_LEAST, ROUNDS_MOST))
