"""A made-up study for the tests of what watches and reports studies."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from search_spaces.parameter import Value
from tests.tuner.records import write_results
from tuner.core.documents import dump
from tuner.core.events import Outcome, StudyInfo
from tuner.core.trial import MetricValue, TrialResult, TrialStatus

OBJECTIVE = "decode_tokens_per_second"
BASELINE: Mapping[str, Value] = {"quantization": "F16", "n_threads": 2, "flash_attn": False, "lookup": 0.5}
START = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


def measured(number: int, speed: float, kld: float = 0.01, **params: Value) -> TrialResult:
    """A trial that was measured; over the limit when `kld` is above 0.05."""
    return TrialResult(
        number=number,
        params={**BASELINE, **params},
        status=TrialStatus.OK,
        metrics={
            OBJECTIVE: MetricValue(speed, (speed * 0.98, speed * 1.02), "tok/s"),
            "ftl_ms": MetricValue(8000 / speed, (7900 / speed, 8100 / speed), "ms"),
            "rss_peak_mib": MetricValue(300.0 + number, None, "MiB"),
        },
        quality={"kld": kld},
        violations={"kld": (kld - 0.05) / 0.05},
        rounds=4,
        host_noise={"stolen_share": 0.01},
        model_file={"quantization": params.get("quantization", "F16")},
        samples_file=f"samples/{number:03d}.json",
        started_at=(START + timedelta(seconds=6 * number)).isoformat(),
        wall_s=5.0,
        engine_s=4.5,
    )


def failed(number: int, status: TrialStatus, reason: str, **params: Value) -> TrialResult:
    """A trial that has a reason instead of values."""
    started_at = (START + timedelta(seconds=6 * number)).isoformat()
    return TrialResult(number, {**BASELINE, **params}, status, reason, started_at=started_at, wall_s=1.0)


TRIALS: tuple[TrialResult, ...] = (
    measured(0, 100.0, kld=0.0),
    measured(1, 150.0, flash_attn=True),
    failed(2, TrialStatus.CRASHED, "killed by signal 11; last line: <b>assert</b> & co", n_threads=1),
    measured(3, 220.0, kld=0.3, quantization="Q4_0"),
    failed(4, TrialStatus.OUT_OF_MEMORY, "needs 31.2 GiB, 23.1 GiB are free", n_threads=4),
    measured(5, 180.0, quantization="Q6_K", flash_attn=True),
    replace(measured(6, 90.0, n_threads=1), status=TrialStatus.PRUNED, reason="slower than trial 5 by more than noise"),
    failed(7, TrialStatus.TIMED_OUT, "no answer within 600 s", n_threads=8),
)


def study_info(directory: Path, finished: Sequence[TrialResult] = (), **changes: Any) -> StudyInfo:
    """A study at its start."""
    info = StudyInfo(
        name="llm-tiny-0a1b",
        directory=directory,
        task="llm",
        engine="fake",
        model="tiny",
        objectives=(OBJECTIVE,),
        constraints={"kld": 0.05},
        budget_trials=8,
        budget_minutes=4.0,
        configuration={"task": "llm", "seed": 0},
        hardware={"class": "test-2c-4g", "cpu": "A CPU", "cores": 2},
        finished=tuple(finished),
    )
    return replace(info, **changes)


def tournament(trials: Sequence[TrialResult] = TRIALS) -> dict[str, Any]:
    """The document of tournament.json: trials 5 and 1 against the baseline."""
    by_number = {trial.number: trial for trial in trials}
    baseline = by_number[0]

    def finalist(number: int, ratio: float) -> dict[str, Any]:
        trial = by_number[number]
        return {
            "number": number,
            "params": dict(trial.params),
            "search_ratio": ratio + 0.05,
            "ratio": ratio,
            "ci95": [ratio - 0.04, ratio + 0.04],
            "p_value": 0.0004,
            "p_adjusted": 0.0008,
            "pairs": 8,
            "significant": True,
            "metrics": dump(trial)["metrics"],
        }

    return {
        "objective": OBJECTIVE,
        "baseline": {"number": 0, "params": dict(baseline.params)},
        "finalists": [finalist(5, 1.75), finalist(1, 1.45)],
        "baseline_metrics": dump(baseline)["metrics"],
        "pairs": 8,
        "blocks": [[100.0 + i, 175.0 + i, 145.0 - i] for i in range(8)],
        "quiet": [[True] * 3] * 8,
        "repeated_rounds": 1,
        "verdict": "gain",
        "winner": 5,
    }


def deploy(trials: Sequence[TrialResult] = TRIALS) -> dict[str, Any]:
    """The document of deploy.json: trial 5 won."""
    played = tournament(trials)
    winner = played["finalists"][0]
    return {
        "schema_version": 1,
        "study": "llm-tiny-0a1b",
        "engine": {"name": "fake", "version": "1.0", "build": "test"},
        "model": {
            "name": "tiny",
            "path": "/models/tiny.gguf",
            "sha256": "ab" * 32,
            "quantization": "Q6_K",
            "source": "t",
        },
        "params": winner["params"],
        "workload": {"name": "turns", "digest": "0123456789abcdef"},
        "hardware": {"class": "test-2c-4g"},
        "metrics": winner["metrics"],
        "quality": {"kld": 0.01},
        "baseline": {"params": played["baseline"]["params"], "metrics": played["baseline_metrics"]},
        "gain": {
            "objective": OBJECTIVE,
            "ratio": winner["ratio"],
            "ci95": winner["ci95"],
            "p_value": winner["p_adjusted"],
            "pairs": 8,
            "significant": True,
        },
        "constraints": [{"metric": "kld", "limit": 0.05, "value": 0.01, "satisfied": True}],
        "targets": [{"metric": "ftl_ms", "target": 30.0, "value": 45.0, "met": False, "gap": 1.5}],
        "mlflow": {"tracking_uri": "", "run_id": ""},
        "created_at": START.isoformat(),
    }


def outcome(trials: Sequence[TrialResult] = TRIALS, **changes: Any) -> Outcome:
    """A sweep that ended with a gain."""
    statuses: dict[str, int] = {}
    for trial in trials:
        statuses[str(trial.status)] = statuses.get(str(trial.status), 0) + 1
    ended = Outcome(
        verdict="gain",
        summary="trial 5 is 1.75 times faster than the default (95 % interval 1.71–1.79)",
        trials=tuple(trials),
        statuses=statuses,
        wall_s=50.0,
        engine_s=45.0,
        deploy=deploy(trials),
        tournament=tournament(trials),
        front=(5,),
    )
    return replace(ended, **changes)


def write_study(directory: Path, trials: Sequence[TrialResult] = TRIALS, *, decided: bool = True) -> Path:
    """The folder that the study would leave; without tournament and deploy.json unless `decided`."""
    (directory / "samples").mkdir(parents=True)
    study = {
        "name": "llm-tiny-0a1b",
        "digest": "0a1b",
        "record": "llm-tiny-0a1b",
        "created_at": START.isoformat(),
        "configuration": {
            "task": "llm",
            "engine": "fake",
            "objectives": [OBJECTIVE],
            "constraints": {"kld": 0.05},
            "budget": {"trials": 8, "minutes": 4.0},
        },
        "hardware": {"class": "test-2c-4g", "cpu": "A <CPU> & more", "cores": 2, "memory_gib": 4.0},
        "engine": {"name": "fake", "version": "1.0", "build": "test"},
        "model": {"name": "tiny", "source": "t", "digest": "77aa"},
        "workload": {"name": "turns", "digest": "0123456789abcdef"},
        "space": {"n_threads": {"low": 1, "high": 8}},
        "baseline": dict(BASELINE),
    }
    (directory / "study.yaml").write_text(yaml.safe_dump(study, sort_keys=False))
    write_results(directory, study["record"], trials, OBJECTIVE)
    for trial in trials:
        if trial.samples_file:
            (directory / trial.samples_file).write_text("[]")
    if decided:
        (directory / "tournament.json").write_text(json.dumps(tournament(trials)))
        (directory / "deploy.json").write_text(json.dumps(deploy(trials)))
    return directory
