"""A saved view of the MLflow UI for each study: its trials as a table, and charts of knobs against the objectives.

The UI keeps saved views as experiment tags whose format is its own (read from MLflow 3.17). A UI that does not know
the format ignores the tag, so nothing else may depend on it.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tuner.core.events import StudyInfo
from tuner.core.trial import TrialResult
from tuner.results.tracking.ledger import Ledger
from tuner.results.tracking.records import STUDY_TAG, ratio_name

TAG_PREFIX = "mlflow.sharedViewState."
SECTION = "tuner"
MOST_AXES = 9


def saved_view(info: StudyInfo, study_id: str, trials: Iterable[TrialResult], time_ms: int) -> tuple[str, str]:
    """Key and value of the experiment tag. `?viewStateShareKey=<study_id>` in the address of the runs opens it."""
    known = list(trials)
    state = {
        "searchFilter": f"tags.`{STUDY_TAG}` = '{study_id}' and tags.kind != 'study'",
        "orderByKey": f"metrics.`{ratio_name(info, info.objectives[0])}`",
        "orderByAsc": False,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "datasetsFilter": [],
        "modelVersionFilter": "All Runs",
        "selectedColumns": _columns(info, varied_knobs(known)),
        "runsHiddenMode": "SHOWALL",
        "compareRunCharts": _charts(info, known),
        "compareRunSections": [
            _card(uuid=SECTION, name=info.name, display=True, isReordered=True, columns=2, cardHeight=460)
        ],
        "isAccordionReordered": True,
        "hideEmptyCharts": True,
        "groupBy": None,
    }
    packed = base64.b64encode(zlib.compress(json.dumps(state).encode())).decode()
    view = {"name": info.name, "createdAt": time_ms, "updatedAt": time_ms, "state": f"deflate;{packed}"}
    return TAG_PREFIX + study_id, json.dumps(view)


def view_path(directory: Path) -> str:
    """What follows the address of an MLflow UI to show the study in `directory`; "" when it was never logged."""
    ledger = Ledger.load(directory)
    if not ledger.parent_run_id:
        return ""
    return f"/#/experiments/{ledger.experiment_id}/runs?viewStateShareKey={ledger.id}"


def varied_knobs(trials: Iterable[TrialResult]) -> list[str]:
    """The knobs that have more than one value among `trials`, or are active in some of them only."""
    seen: dict[str, set[Any]] = {}
    known = list(trials)
    for trial in known:
        for name in trial.params:
            seen.setdefault(name, {None} if any(name not in t.params for t in known) else set())
            seen[name].add(repr(trial.params[name]))
    return [name for name, values in seen.items() if len(values) > 1]


def _columns(info: StudyInfo, knobs: Iterable[str]) -> list[str]:
    metrics = [
        ratio_name(info, info.objectives[0]),
        *info.objectives,
        *(name for name in info.constraints if name not in info.objectives),
    ]
    columns = [("tags", "status"), ("tags", "reason"), *(("metrics", name) for name in metrics)]
    columns += [("metrics", "rss_peak_mib"), *(("params", name) for name in knobs)]
    return [f"{kind}.`{name}`" for kind, name in columns]


def _charts(info: StudyInfo, trials: list[TrialResult]) -> list[dict[str, Any]]:
    """Parallel coordinates show only runs that have every axis, hence the knobs that all measured trials have."""
    objective = info.objectives[0]
    measured = [trial for trial in trials if trial.value(objective) is not None]
    axes = [name for name in varied_knobs(measured) if all(name in trial.params for trial in measured)][:MOST_AXES]
    charts = [
        _chart("PARALLEL", "knobs", selectedParams=axes, selectedMetrics=list(info.objectives), showAllRuns=True),
        _chart("BAR", "values", metricKey=objective),
    ]
    for number, name in enumerate(dict.fromkeys([*info.objectives[1:], *info.constraints, "rss_peak_mib"])):
        charts.append(_chart("SCATTER", f"against-{number}", xaxis=_axis(name), yaxis=_axis(objective)))
    return charts


def _axis(metric: str) -> dict[str, str]:
    return {"key": metric, "type": "METRIC"}


def _chart(kind: str, name: str, **options: Any) -> dict[str, Any]:
    return _card(uuid=f"{SECTION}-{name}", type=kind, runsCountToCompare=100, metricSectionId=SECTION, **options)


def _card(**options: Any) -> dict[str, Any]:
    return {"deleted": False, "isGenerated": False, **options}
