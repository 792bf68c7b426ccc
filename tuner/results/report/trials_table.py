"""The table of all trials."""

from __future__ import annotations

from dataclasses import replace

from tuner.core.metrics import METRICS
from tuner.core.trial import TrialResult
from tuner.results.report.blocks import Table
from tuner.results.report.study_files import StudyFiles
from tuner.results.wording import describe, number, pace_corrected_ratio, reason_text, status_text, with_interval

ALSO_SHOWN = ("ftl_ms", "latency_ms", "rss_peak_mib", "vram_peak_mib")


def trials_table(study: StudyFiles) -> Table:
    """One row per trial: number, status, values, ratio to the default, changed knobs, reason."""
    metrics = [name for name in _metrics(study) if any(t.value(name) is not None for t in study.trials)]
    head = ("trial", "status", *(_headed(name) for name in metrics), "× default", "changed knobs", "reason")
    rows, keys = [], []
    for trial in study.trials:
        ratio = _ratio(study, trial)
        knobs = describe(trial.params, study.baseline.params if study.baseline else None)
        texts = [_bare(trial, name) for name in metrics]
        ratio_text = "" if ratio is None else number(ratio, 4)
        reason = reason_text(trial, study.about.constraints)
        rows.append((str(trial.number), status_text(trial).replace("_", " "), *texts, ratio_text, knobs, reason))
        keys.append((float(trial.number), None, *(trial.value(name) for name in metrics), ratio, None, None))
    text_columns = frozenset({1, len(head) - 2, len(head) - 1})
    marked = next((place for place, trial in enumerate(study.trials) if trial.number == study.winner), None)
    return Table(head, rows, left=text_columns, keys=keys, marked=marked)


def _metrics(study: StudyFiles) -> list[str]:
    return list(dict.fromkeys([*study.about.objectives, *study.about.constraints, *ALSO_SHOWN]))


def _headed(metric: str) -> str:
    unit = METRICS[metric].unit if metric in METRICS else ""
    return f"{metric} ({unit})" if unit else metric


def _bare(trial: TrialResult, metric: str) -> str:
    """The value with its interval; the unit is in the head."""
    if metric in trial.metrics:
        return with_interval(replace(trial.metrics[metric], unit=""))
    value = trial.value(metric)
    return "" if value is None else number(value)


def _ratio(study: StudyFiles, trial: TrialResult) -> float | None:
    return pace_corrected_ratio(study.about.objectives[0], trial, study.baseline) if study.baseline else None
