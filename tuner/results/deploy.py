"""deploy.json: the winner with its proof."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from tuner.core.targets import judge
from tuner.core.trial import MetricValue, TrialResult
from tuner.measure.preparation import Prepared
from tuner.tournament.tournament import TournamentResult

SCHEMA_VERSION = 1


def deploy_document(prepared: Prepared, result: TournamentResult, tracking: Mapping[str, str] | None) -> dict[str, Any]:
    """The document for a tournament that has a winner. Its `params` are those of a measured trial."""
    winner, baseline = result.winner, result.baseline
    assert winner is not None, "a tournament without a winner has nothing to deploy"
    metrics = result.metrics.get(winner.number, winner.metrics)
    home = result.metrics.get(baseline.number, baseline.metrics) if baseline else {}
    build = dict(prepared.capabilities.build)
    document = {
        "schema_version": SCHEMA_VERSION,
        "study": prepared.name,
        "engine": {
            "name": prepared.engine.name,
            "version": build.pop("version"),
            "build": build.pop("build", ""),
            **build,
        },
        "model": {
            "name": prepared.model.name,
            "path": winner.model_file.get("path", ""),
            "sha256": winner.model_file.get("sha256", ""),
            "quantization": winner.model_file.get("quantization", ""),
            "source": prepared.model.source,
            "facts": dict(prepared.model.facts),
        },
        "params": dict(winner.params),
        "workload": {"name": prepared.workload.name, "digest": prepared.workload.digest},
        "hardware": {"class": prepared.hardware.hardware_class, **prepared.hardware.to_json()},
        "metrics": {name: asdict(m) for name, m in metrics.items()},
        "quality": dict(winner.quality),
        "baseline": {
            "params": dict(prepared.space.baseline),
            "metrics": {name: asdict(m) for name, m in home.items()},
            "quality": dict(baseline.quality) if baseline else {},
        },
        "gain": gain_document(result, prepared.objectives[0].metric),
        "constraints": _constraints(prepared, result.constrained),
        "targets": judge(prepared.config.targets, _values(winner, metrics), _values(baseline, home)),
        "mlflow": dict(tracking or {"tracking_uri": "", "run_id": ""}),
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    plain: dict[str, Any] = json.loads(json.dumps(document))  # as it will be read back
    return plain


def reevaluate_targets(deploy: Mapping[str, Any], targets: Mapping[str, Any]) -> dict[str, Any]:
    """A deploy.json document with its verdicts on `targets`, which may be others than when it was written."""

    def values(part: Mapping[str, Any]) -> dict[str, float]:
        return {**{name: m["value"] for name, m in part["metrics"].items()}, **part["quality"]}

    return {**deploy, "targets": judge(targets, values(deploy), values(deploy["baseline"]))}


def gain_document(result: TournamentResult, objective: str) -> dict[str, Any]:
    """The gain of what is deployed over the default; 1 when that is the default, null when the default cannot run."""
    if result.winner is not None and result.baseline is not None and result.winner.number == result.baseline.number:
        pairs = result.document.pairs
        return {
            "objective": objective,
            "ratio": 1.0,
            "ci95": None,
            "p_value": None,
            "pairs": pairs,
            "significant": False,
        }
    test = result.test
    return {
        "objective": objective,
        "ratio": test.ratio if test else None,
        "ci95": list(test.ci95) if test else None,
        "p_value": result.p_value,
        "pairs": test.pairs if test else 0,
        "significant": result.verdict == "gain",
    }


def _constraints(prepared: Prepared, values: Mapping[str, float]) -> list[dict[str, Any]]:
    return [
        {
            "metric": c.metric,
            "limit": c.limit,
            "value": values.get(c.metric),
            "satisfied": _holds(c.slack, values.get(c.metric)),
        }
        for c in prepared.constraints
    ]


def _holds(slack: Any, value: float | None) -> bool:
    return value is not None and math.isfinite(value) and slack(value) <= 0


def _values(trial: TrialResult | None, metrics: Mapping[str, MetricValue]) -> dict[str, float]:
    quality = dict(trial.quality) if trial else {}
    return {**{name: m.value for name, m in metrics.items()}, **quality}
