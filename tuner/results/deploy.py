"""From a tournament to deploy.json: the winner with its proof."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from tuner.core.deploy import (
    ConstraintVerdict,
    DeployConfig,
    DeployedBaseline,
    DeployedEngine,
    DeployedModel,
    DeployedStock,
    DeployedWorkload,
    Gain,
    TrackingRun,
)
from tuner.core.objective import Constraint, beside
from tuner.core.targets import Target, judge
from tuner.core.trial import MetricValue, TrialResult
from tuner.measure.preparation import Prepared
from tuner.tournament.tournament import TournamentResult


def deploy_config(prepared: Prepared, result: TournamentResult, tracking: TrackingRun) -> DeployConfig:
    """The document for a tournament that has a winner. Its `params` are those of a measured trial."""
    winner, baseline = result.winner, result.baseline
    assert winner is not None, "a tournament without a winner has nothing to deploy"
    metrics = result.metrics.get(winner.number, winner.metrics)
    home = result.metrics.get(baseline.number, baseline.metrics) if baseline else {}
    limits = beside(prepared.constraints, baseline.quality if baseline else {})
    return DeployConfig(
        schema_version=1,
        study=prepared.name,
        engine=DeployedEngine.model_validate(
            {"build": "", **prepared.capabilities.build, "name": prepared.engine.name}
        ),
        model=DeployedModel(
            name=prepared.model.name,
            path=winner.model_file.get("path", ""),
            sha256=winner.model_file.get("sha256", ""),
            quantization=winner.model_file.get("quantization", ""),
            source=prepared.model.source,
            facts=prepared.model.facts,
        ),
        params=winner.params,
        workload=DeployedWorkload(
            prepared.workload.name,
            prepared.workload.digest,
            prepared.workload.held_out.digest if prepared.workload.held_out else "",
        ),
        hardware=prepared.hardware,
        metrics=metrics,
        quality=winner.quality,
        baseline=DeployedBaseline(prepared.space.baseline, home, baseline.quality if baseline else {}),
        gain=gain(result, prepared.objectives[0].metric),
        constraints=tuple(_verdict(c, result.constrained.get(c.metric)) for c in limits),
        targets=judge(prepared.config.targets, _values(winner, metrics), _values(baseline, home)),
        mlflow=tracking,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        stock=_stock(result, prepared.objectives[0].metric),
        guards=prepared.config.guards,
        felt=result.document.winning_finalist.felt if result.document.winning_finalist else (),
    )


def _stock(result: TournamentResult, objective: str) -> DeployedStock | None:
    """What people run, and the gain over it."""
    stock = result.document.stock
    if stock is None:
        return None
    test = stock.test
    gain = Gain(objective, test.ratio, test.ci95, test.p_value, test.pairs, test.ci95[0] > 1) if test else None
    return DeployedStock(stock.params, stock.metrics, gain)


def with_targets(deploy: DeployConfig, targets: tuple[Target, ...]) -> DeployConfig:
    """The document with its verdicts on `targets`, which may be others than when it was written."""
    return replace(deploy, targets=judge(targets, deploy.measured, deploy.baseline.measured))


def gain(result: TournamentResult, objective: str) -> Gain:
    """The gain of what is deployed over the default; 1 when that is the default, None when the default cannot run."""
    if result.winner is not None and result.baseline is not None and result.winner.number == result.baseline.number:
        return Gain(objective, 1.0, None, None, result.document.pairs, significant=False)
    test = result.test
    if test is None:
        return Gain(objective, None, None, result.p_value, 0, result.verdict == "gain")
    return Gain(objective, test.ratio, test.ci95, result.p_value, test.pairs, result.verdict == "gain")


def _verdict(constraint: Constraint, value: float | None) -> ConstraintVerdict:
    satisfied = value is not None and math.isfinite(value) and constraint.slack(value) <= 0
    return ConstraintVerdict(constraint.metric, constraint.limit, value, satisfied)


def _values(trial: TrialResult | None, metrics: Mapping[str, MetricValue]) -> dict[str, MetricValue | float]:
    return {**metrics, **(trial.quality if trial else {})}
