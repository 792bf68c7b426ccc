"""A made-up study for the tests of what watches and reports studies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from engines.base import Model
from search_spaces.parameter import Value
from tuner.core.deploy import (
    ConstraintVerdict,
    DeployConfig,
    DeployedBaseline,
    DeployedEngine,
    DeployedModel,
    DeployedWorkload,
    Gain,
    TrackingRun,
)
from tuner.core.events import Outcome, StudyInfo
from tuner.core.hardware import HardwareProfile
from tuner.core.study_document import StudyDocument, StudySpace, StudyWorkload
from tuner.core.targets import TargetVerdict
from tuner.core.trial import MetricValue, TrialResult, TrialStatus
from tuner.results.study_store import StudyStore
from tuner.tournament.document import BaselineDocument, FinalistDocument, TournamentDocument

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

HARDWARE = HardwareProfile("test-2c-4g", "A CPU", 2, 4.0)


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
        hardware=HARDWARE,
        finished=tuple(finished),
    )
    return replace(info, **changes)


def study_document(**changes: Any) -> StudyDocument:
    """study.yaml of that study."""
    document = StudyDocument(
        name="llm-tiny-0a1b",
        digest="0a1b",
        task="llm",
        hardware=HARDWARE,
        engine={"name": "fake", "version": "1.0", "build": "test"},
        model=Model("tiny", "t", "77aa", {}, "F16", "F16"),
        workload=StudyWorkload("turns", "0123456789abcdef", 3),
        space=StudySpace("fake", "0123", {}),
        baseline=dict(BASELINE),
        objectives=(OBJECTIVE,),
        constraints={"kld": 0.05},
        configuration={"task": "llm", "budget": {"trials": 8, "minutes": 4.0}},
        created_at=START.isoformat(),
        record="llm-tiny-0a1b",
    )
    return replace(document, **changes)


def tournament(trials: Sequence[TrialResult] = TRIALS, **changes: Any) -> TournamentDocument:
    """tournament.json: trials 5 and 1 against the baseline."""
    by_number = {trial.number: trial for trial in trials}

    def finalist(number: int, ratio: float) -> FinalistDocument:
        return FinalistDocument(
            number=number,
            params=by_number[number].params,
            search_ratio=ratio + 0.05,
            ratio=ratio,
            ci95=(ratio - 0.04, ratio + 0.04),
            p_value=0.0004,
            p_adjusted=0.0008,
            pairs=8,
            significant=True,
            failure="",
            breaks="",
            metrics=by_number[number].metrics,
        )

    document = TournamentDocument(
        objective=OBJECTIVE,
        baseline=BaselineDocument(0, by_number[0].params),
        baseline_metrics=by_number[0].metrics,
        finalists=(finalist(5, 1.75), finalist(1, 1.45)),
        pairs=8,
        pairs_most=32,
        blocks=tuple((100.0 + i, 175.0 + i, 145.0 - i) for i in range(8)),
        quiet=((True,) * 3,) * 8,
        repeated_rounds=1,
        noise={},
        winner=5,
        verdict="gain",
        trials=len(trials),
        exhausted=False,
        summary="trial 5 is 1.75 times as good as the default",
    )
    return replace(document, **changes)


def undecided(verdict: str, summary: str) -> TournamentDocument:
    """tournament.json of a study in which nothing was played."""
    return TournamentDocument(
        OBJECTIVE, BaselineDocument(0, dict(BASELINE)), {}, (), 0, 32, (), (), 0, {}, None, verdict, 2, True, summary
    )


def deploy(trials: Sequence[TrialResult] = TRIALS, **changes: Any) -> DeployConfig:
    """deploy.json: trial 5 won."""
    winner, document = tournament(trials).finalists[0], study_document()
    known = DeployConfig(
        schema_version=1,
        study=document.name,
        engine=DeployedEngine(name="fake", version="1.0", build="test"),
        model=DeployedModel("tiny", "/models/tiny.gguf", "ab" * 32, "Q6_K", "t"),
        params=winner.params,
        workload=DeployedWorkload("turns", "0123456789abcdef"),
        hardware=HARDWARE,
        metrics=winner.metrics,
        quality={"kld": 0.01},
        baseline=DeployedBaseline(dict(BASELINE), tournament(trials).baseline_metrics, {"kld": 0.0}),
        gain=Gain(OBJECTIVE, winner.ratio, winner.ci95, winner.p_adjusted, 8, True),
        constraints=(ConstraintVerdict("kld", 0.05, 0.01, True),),
        targets=(TargetVerdict("ftl_ms", 30.0, 45.0, False, 1.5, "≤ 30 ms", "ms"),),
        mlflow=TrackingRun(),
        created_at=START.isoformat(),
    )
    return replace(known, **changes)


def outcome(trials: Sequence[TrialResult] = TRIALS, **changes: Any) -> Outcome:
    """A sweep that ended with a gain."""
    statuses: dict[str, int] = {}
    for trial in trials:
        statuses[str(trial.status)] = statuses.get(str(trial.status), 0) + 1
    ended = Outcome(
        study="llm-tiny-0a1b",
        directory=Path("outputs/llm-tiny-0a1b"),
        verdict="gain",
        summary="trial 5 is 1.75 times faster than the default (95 % interval 1.71–1.79)",
        trials=tuple(trials),
        statuses=statuses,
        wall_s=50.0,
        engine_s=45.0,
        deploy=deploy(trials),
        front=(5,),
    )
    return replace(ended, **changes)


def write_study(directory: Path, trials: Sequence[TrialResult] = TRIALS, *, decided: bool = True) -> Path:
    """The folder that the study would leave; without tournament and deploy.json unless `decided`."""
    (directory / "samples").mkdir(parents=True)
    store = StudyStore(directory)
    store.write("study.yaml", study_document())
    from tests.tuner.records import write_results  # late: it needs Optuna

    write_results(directory, study_document().record, trials, OBJECTIVE)
    for trial in trials:
        if trial.samples_file:
            (directory / trial.samples_file).write_text("[]")
    if decided:
        store.write("tournament.json", tournament(trials))
        store.write("deploy.json", deploy(trials))
    return directory
