"""What a study and its trials are in MLflow's terms: names, params, metrics, tags. No MLflow in here."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tuner.core.deploy import Gain
from tuner.core.events import Outcome, StudyInfo
from tuner.core.trial import TrialResult, TrialStatus
from tuner.results.wording import (
    baseline_of,
    best_trial,
    describe,
    higher_is_better,
    knob_value,
    pace_corrected_ratio,
    percent,
    reason_text,
    shorten,
)

STUDY_TAG = "tuner.study_id"
TRIAL_TAG = "tuner.core.trial"
NAME_LENGTH = 90
TAG_LENGTH = 5000

RUN_STATUS = {
    TrialStatus.OK: "FINISHED",
    TrialStatus.PRUNED: "KILLED",
    TrialStatus.INFEASIBLE: "KILLED",
    TrialStatus.UNSUPPORTED: "KILLED",
}
"""Trials that the tuner itself did not let run to their end are KILLED; every other failure is FAILED."""

OUTCOME_STATUS = {"interrupted": "KILLED", "no_feasible": "FAILED"}


@dataclass(frozen=True)
class RunRecord:
    """One MLflow run. `times_ms` are its start and end since the epoch; `artifacts` are files to copy into it."""

    name: str
    tags: Mapping[str, str]
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    times_ms: tuple[int, int]
    status: str
    artifacts: tuple[Path, ...] = ()


@dataclass(frozen=True)
class OutcomeRecord:
    """What the parent run gets when a run of the study ends."""

    tags: Mapping[str, str]
    metrics: Mapping[str, float]
    status: str


def experiment_name(info: StudyInfo) -> str:
    """One experiment per task, so that the knobs and objectives of all its runs are the same columns."""
    return f"tuner-{info.task}"


def parent_params(info: StudyInfo) -> dict[str, str]:
    """What sets studies apart in a comparison. Written once: a param can never be changed, a study can be resumed."""
    limits = (f"{name} {'≥' if higher_is_better(name) else '≤'} {limit:g}" for name, limit in info.constraints.items())
    values = {
        "task": info.task,
        "engine": info.engine,
        "model": info.model,
        "objective": ", ".join(info.objectives),
        "constraints": ", ".join(limits),
        "hardware": info.hardware.class_,
    }
    return {name: value[:TAG_LENGTH] for name, value in values.items() if value}


def parent_tags(info: StudyInfo, study_id: str) -> dict[str, str]:
    """How the parent run is found, and what changes when a study is resumed."""
    identity = {STUDY_TAG: study_id, "study": info.name, "kind": "study", "engine": info.engine, "model": info.model}
    hardware = info.hardware.class_
    return _tags(identity | {"hardware": hardware, "verdict": "running", "study_dir": str(info.directory.resolve())})


def trial_record(info: StudyInfo, result: TrialResult, trials: Mapping[int, TrialResult], study_id: str) -> RunRecord:
    """The nested run of a trial. `trials` are all that are known; the first of them is the baseline."""
    baseline = baseline_of(list(trials.values()))
    label = describe(result.params, baseline.params if baseline else None)
    start_ms = _epoch_ms(result.started_at)
    tags = {
        STUDY_TAG: study_id,
        TRIAL_TAG: str(result.number),
        "study": info.name,
        "kind": "baseline" if baseline is result else "trial",
        "engine": info.engine,
        "model": info.model,
        "hardware": info.hardware.class_,
        "status": str(result.status),
        "reason": reason_text(result, info.constraints),
        "feasible": "yes" if result.feasible else "no",
        "changed": label,
        "mlflow.note.content": _note(info, result),
    }
    return RunRecord(
        name=shorten(f"trial {result.number:03d} · {label}", NAME_LENGTH),
        tags=_tags(tags),
        params={_key(name): knob_value(value) for name, value in result.params.items()},
        metrics=_metrics(trial_metrics(info, result, baseline)),
        times_ms=(start_ms, start_ms + round(result.wall_s * 1000)),
        status=_run_status(result),
        artifacts=(info.directory / result.samples_file,) if result.samples_file else (),
    )


def trial_metrics(info: StudyInfo, result: TrialResult, baseline: TrialResult | None) -> dict[str, float]:
    """Measured values by their own names; bounds, slack and noise under a prefix, which the UI shows as a group.

    The prefixes sort behind "Model metrics", as the UI calls metrics without one. Only a feasible trial has a ratio to
    the baseline, so that sorting by it puts the best one that can be deployed on top.
    """
    metrics = {name: m.value for name, m in result.metrics.items()} | dict(result.quality)
    for name, measured in result.metrics.items():
        if measured.ci95 is not None:
            metrics[f"range95/{name}_low"], metrics[f"range95/{name}_high"] = measured.ci95
    metrics |= {f"slack/{name}": slack for name, slack in result.violations.items()}
    metrics |= {f"noise/{name}": value for name, value in result.host_noise.items()}
    metrics |= {"trial/wall_s": result.wall_s, "trial/engine_s": result.engine_s, "trial/rounds": result.rounds}
    metrics["trial/pace"] = result.pace
    for objective in info.objectives:
        ratio = pace_corrected_ratio(objective, result, baseline) if baseline else None
        if ratio is not None and result.feasible:
            metrics[ratio_name(info, objective)] = ratio
    return metrics


def ratio_name(info: StudyInfo, objective: str) -> str:
    """The metric that says how many times better than the baseline a trial is (> 1 is better)."""
    return "ratio_to_baseline" if len(info.objectives) == 1 else f"ratio_to_baseline/{objective}"


def best_so_far(info: StudyInfo, trials: Mapping[int, TrialResult], number: int) -> dict[str, float]:
    """The parent's curve: the best feasible value of each objective among the trials up to `number`."""
    seen = [trial for n, trial in sorted(trials.items()) if n <= number]
    values = {f"best/{o}": best.value(o) for o in info.objectives if (best := best_trial(seen, o)) is not None}
    return _metrics({name: value for name, value in values.items() if value is not None})


def outcome_record(info: StudyInfo, outcome: Outcome) -> OutcomeRecord:
    """Verdict and gain as tags and metrics; the winner's metrics by the names that trials use."""
    tags = {"verdict": outcome.verdict, "mlflow.note.content": _outcome_note(info, outcome)}
    tags["statuses"] = " ".join(f"{name}={count}" for name, count in outcome.statuses.items())
    metrics = {"study/wall_s": outcome.wall_s, "study/engine_s": outcome.engine_s}
    if deploy := outcome.deploy:
        metrics |= _gain(ratio_name(info, deploy.gain.objective), deploy.gain)
        if deploy.stock and deploy.stock.gain:
            metrics |= _gain(f"{deploy.gain.objective}_gain_over_stock", deploy.stock.gain)
        metrics |= {name: m.value for name, m in deploy.metrics.items()} | dict(deploy.quality)
        tags["winner"] = describe(deploy.params, deploy.baseline.params)
        tags["gain"] = "" if deploy.gain.ratio is None else percent(deploy.gain.ratio)
    return OutcomeRecord(_tags(tags), _metrics(metrics), OUTCOME_STATUS.get(outcome.verdict, "FINISHED"))


def _gain(name: str, gain: Gain) -> dict[str, float]:
    """The ratio to the default under `name`, and its interval, where there are any."""
    if gain.ratio is None:
        return {}
    if gain.ci95 is None:
        return {name: gain.ratio}
    return {name: gain.ratio, f"range95/{name}_low": gain.ci95[0], f"range95/{name}_high": gain.ci95[1]}


def _run_status(result: TrialResult) -> str:
    """An infeasible trial that was measured all the same ran to its end; its tags say that it cannot win."""
    if result.status is TrialStatus.INFEASIBLE and result.metrics:
        return "FINISHED"
    return RUN_STATUS.get(result.status, "FAILED")


def _note(info: StudyInfo, result: TrialResult) -> str:
    reason = reason_text(result, info.constraints)
    return f"{result.status}: {reason}" if reason else ""


def _outcome_note(info: StudyInfo, outcome: Outcome) -> str:
    lines = [f"**{outcome.summary}**", ""]
    if outcome.deploy:
        lines += ["| knob | value |", "| --- | --- |"]
        lines += [f"| {name} | {knob_value(value)} |" for name, value in outcome.deploy.params.items()]
    return "\n".join([*lines, "", f"Study folder: `{info.directory}`"])


def _tags(tags: Mapping[str, str]) -> dict[str, str]:
    return {name: value[:TAG_LENGTH] for name, value in tags.items() if value}


def _metrics(metrics: Mapping[str, float]) -> dict[str, float]:
    """MLflow stores infinity as 1.8e308 and refuses some characters: neither may reach it."""
    return {_key(name): float(value) for name, value in metrics.items() if math.isfinite(value)}


def _key(name: str) -> str:
    return re.sub(r"[^\w./ :-]", "_", name)[:250]


def _epoch_ms(started_at: str) -> int:
    """The milliseconds of an ISO 8601 time; now when there is none."""
    try:
        return round(datetime.fromisoformat(started_at).timestamp() * 1000)
    except ValueError:
        return round(time.time() * 1000)
