"""Reading back what was logged, and running a tracker over made-up studies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.tuner.synthetic import TRIALS, outcome, study_info
from tuner.core.study_config import Budget, StudyConfig
from tuner.core.trial import TrialResult
from tuner.results.tracking import make_tracker
from tuner.results.tracking.silent import NullTracker


@dataclass
class Recorded:
    """An MLflow store, as a user's client sees it."""

    uri: str

    def runs(self) -> list[Any]:
        """Every run of the experiment, parents included."""
        from mlflow import MlflowClient

        client = MlflowClient(self.uri)
        experiment = client.get_experiment_by_name("tuner-llm")
        return list(client.search_runs([experiment.experiment_id])) if experiment else []

    def parents(self) -> list[Any]:
        """Runs of studies."""
        return [run for run in self.runs() if "mlflow.parentRunId" not in run.data.tags]

    def trials(self) -> dict[int, list[Any]]:
        """Nested runs by trial number: one each, unless something was logged twice."""
        found: dict[int, list[Any]] = {}
        for run in self.runs():
            if "mlflow.parentRunId" in run.data.tags:
                found.setdefault(int(run.data.tags["tuner.core.trial"]), []).append(run)
        return dict(sorted(found.items()))

    def history(self, run_id: str, metric: str) -> list[tuple[int, float]]:
        """(step, value) of every logged point."""
        from mlflow import MlflowClient

        return [(point.step, point.value) for point in MlflowClient(self.uri).get_metric_history(run_id, metric)]

    def files(self, run_id: str, folder: str | None = None) -> set[str]:
        """The artifact files of a run."""
        from mlflow import MlflowClient

        return {item.path for item in MlflowClient(self.uri).list_artifacts(run_id, folder)}


@dataclass
class Watched:
    """A tracker with what it said."""

    tracker: NullTracker
    notices: list[str] = field(default_factory=list)


def watched(uri: str | None) -> Watched:
    """A tracker on `uri`."""
    notices: list[str] = []
    return Watched(make_tracker(config(uri), notices.append), notices)


def config(uri: str | None) -> StudyConfig:
    """A configuration of which only the tracking URI matters."""
    return StudyConfig("llm", "fake", {}, {}, (), {}, Budget(), {}, tracking_uri=uri)


def run_study(
    uri: str | None, directory: Path, trials: Sequence[TrialResult] = TRIALS, finished: Sequence[TrialResult] = ()
) -> Watched:
    """A whole run of a study: `finished` in earlier runs, the others of `trials` in this one."""
    run = watched(uri)
    run.tracker.study_started(study_info(directory, finished))
    for trial in trials:
        if trial not in finished:
            run.tracker.trial_finished(trial)
    run.tracker.study_finished(outcome(trials))
    return run
