"""One configuration, measured without a search: cold load, quality, rounds, and a second load from the page cache."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from search_spaces.parameter import Params
from tuner.core.events import Observer
from tuner.core.metrics import METRICS
from tuner.core.objective import Objective
from tuner.core.study_config import StudyConfig
from tuner.core.study_document import StudyDocument
from tuner.core.targets import TargetVerdict, judge
from tuner.core.trial import Inspected, MetricValue, Stages, TrialResult, TrialSpec, TrialStatus
from tuner.core.watchers import Watchers
from tuner.measure.plan import bench_plan
from tuner.measure.preparation import Prepared, prepare
from tuner.measure.pruning import Pruner, pruner_against

ROUNDS_LEAST, ROUNDS_MOST = 5, 12


@dataclass(frozen=True)
class BenchDocument:
    """bench.json: what was measured of `params`, and the study that it stands for.

    `iterations` are the metrics of each round that counts, `stages` the engine's own timers, None where it has none,
    and `in_force` what really holds of the configuration. `quality` has no intervals.
    """

    params: Params
    metrics: Mapping[str, MetricValue]
    quality: Mapping[str, MetricValue]
    targets: tuple[TargetVerdict, ...]
    host_noise: Mapping[str, float]
    status: TrialStatus
    reason: str
    iterations: tuple[Mapping[str, float], ...]
    stages: Stages | None
    in_force: Mapping[str, str]
    study: StudyDocument


@dataclass(frozen=True)
class Bench:
    """A measured configuration. `profiles` are documents of the engine's own, by file name."""

    document: BenchDocument
    profiles: Mapping[str, object]


def run_bench(config: StudyConfig, observers: Sequence[Observer], with_profile: bool = False) -> Bench:
    """Measure the space's baseline, in which `params.X` are fixed; `with_profile` asks the engine where time goes.

    Raises TunerError for what the user must fix; what the engine does is a status with a reason.
    """
    watchers = Watchers(observers)
    prepared = prepare(config, watchers.progress)
    for note in prepared.workload.notes:
        watchers.notice(note)
    executor = prepared.executor(on_progress=watchers.progress)
    spec = TrialSpec(-1, prepared.space.baseline, "bench")
    plan = bench_plan(_pruner(prepared), with_profile)
    result = executor.run(spec, plan, lambda rounds, value: watchers.round_finished(-1, rounds, value))
    inspected = result.inspected or Inspected()
    return Bench(_document(prepared, result, inspected), inspected.profiles)


def _pruner(prepared: Prepared) -> Pruner:
    rounds, minutes = (ROUNDS_LEAST, ROUNDS_MOST), prepared.config.budget.minutes
    return pruner_against(None, Objective(prepared.pruning_metric), 1.0, rounds, time_most_s=60.0 * minutes)


def _document(prepared: Prepared, result: TrialResult, inspected: Inspected) -> BenchDocument:
    """Limits inform here and bind nothing: what runs is `ok`."""
    quality = {name: MetricValue(value, None, METRICS[name].unit) for name, value in result.quality.items()}
    return BenchDocument(
        params=result.params,
        metrics=result.metrics,
        quality=quality,
        targets=judge(prepared.config.targets, {**result.metrics, **quality}),
        host_noise=result.host_noise,
        status=TrialStatus.OK if result.metrics else result.status,
        reason="" if result.metrics else result.reason,
        iterations=inspected.iterations,
        stages=inspected.stages,
        in_force=inspected.in_force,
        study=prepared.document(),
    )
