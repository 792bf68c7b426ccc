"""One configuration, measured without a search: cold load, quality, rounds, and a second load from the page cache."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from tuner.core.events import Observer
from tuner.core.objective import Objective
from tuner.core.study_config import StudyConfig
from tuner.core.targets import judge
from tuner.core.trial import Inspected, TrialResult, TrialSpec, TrialStatus
from tuner.core.watchers import Watchers
from tuner.measure.plan import bench_plan
from tuner.measure.preparation import Prepared, prepare
from tuner.measure.pruning import Pruner, pruner_against

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
    executor = prepared.executor(on_progress=watchers.progress)
    spec = TrialSpec(-1, prepared.space.baseline, "bench")
    plan = bench_plan(_pruner(prepared), with_profile)
    result = executor.run(spec, plan, lambda rounds, value: watchers.round_finished(-1, rounds, value))
    return _document(prepared, result)


def _pruner(prepared: Prepared) -> Pruner:
    rounds, minutes = (ROUNDS_LEAST, ROUNDS_MOST), prepared.config.budget.minutes
    return pruner_against(None, Objective(prepared.pruning_metric), 1.0, rounds, time_most_s=60.0 * minutes)


def _document(prepared: Prepared, result: TrialResult) -> dict[str, Any]:
    """What was measured, as JSON data. Limits inform here and bind nothing: what runs is `ok`."""
    inspected = result.inspected or Inspected()
    values = {**{name: m.value for name, m in result.metrics.items()}, **result.quality}
    return {
        "params": dict(result.params),
        "metrics": {name: asdict(m) for name, m in result.metrics.items()},
        "quality": dict(result.quality),
        "targets": judge(prepared.config.targets, values),
        "host_noise": dict(result.host_noise),
        "workload_digest": prepared.workload.digest,
        "status": str(TrialStatus.OK if result.metrics else result.status),
        "reason": "" if result.metrics else result.reason,
        "study": {name: prepared.document()[name] for name in STUDY_PARTS},
        "iterations": [dict(one) for one in inspected.iterations],
        "stages": dict(inspected.stages),
        "in_force": dict(inspected.in_force),
        "profiles": dict(inspected.profiles),
    }
