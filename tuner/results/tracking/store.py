"""The only place that talks to MLflow, and the boundary at which its failures become `TrackingError`."""

from __future__ import annotations

import importlib
import logging
import os
import re
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuner.results.tracking.records import STUDY_TAG, TRIAL_TAG, OutcomeRecord, RunRecord

ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # standard output belongs to --json
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",  # the tracker retries between trials, not in front of one
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "3",
}
EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}  # the UI opens on runs, not on traces
REFUSALS = {"INVALID_PARAMETER_VALUE", "BAD_REQUEST", "RESOURCE_ALREADY_EXISTS"}
MISSING = {"RESOURCE_DOES_NOT_EXIST", "NOT_FOUND"}
PAGE = 1000


class TrackingError(Exception):
    """MLflow cannot be reached, or failed; trying again later may help."""


class RefusedError(TrackingError):
    """MLflow refuses this very run; trying again would not help."""


@dataclass(frozen=True)
class KnownRun:
    """A run that is in MLflow already; `complete` once it was terminated."""

    run_id: str
    complete: bool


class MlflowStore:
    """Writes run records. Every write can be repeated on the same run without doubling anything. Not thread-safe."""

    def __init__(self, tracking_uri: str | None) -> None:
        """Import MLflow and open the store: slow, and the first use of a database file creates its tables."""
        for name, value in ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        for module in ("mlflow", "sqlalchemy", "alembic"):
            warnings.filterwarnings("ignore", module=rf"{module}(\.|$)")
        with _boundary():
            mlflow = importlib.import_module("mlflow")
            for module in ("mlflow", "alembic"):
                logging.getLogger(module).setLevel(logging.ERROR)
            self._client: Any = mlflow.MlflowClient(tracking_uri)
            self._entities = importlib.import_module("mlflow.entities")
            self.tracking_uri = without_password(str(self._client.tracking_uri))

    def experiment(self, name: str) -> str:
        """The id of the experiment called `name`, made or restored when need be."""
        with _boundary():
            found = self._client.get_experiment_by_name(name)
            if found is None:
                return str(self._client.create_experiment(name, tags=EXPERIMENT_TAGS))
            if found.lifecycle_stage != "active":
                self._client.restore_experiment(found.experiment_id)
            return str(found.experiment_id)

    def exists(self, run_id: str) -> bool:
        """Whether the run is there and not deleted."""
        with _boundary():
            try:
                return bool(self._client.get_run(run_id).info.lifecycle_stage == "active")
            except importlib.import_module("mlflow.exceptions").MlflowException as error:
                if error.error_code in MISSING:
                    return False
                raise

    def find_parent(self, experiment_id: str, study_id: str) -> str | None:
        """The parent run that carries the study's id."""
        runs = self._search(experiment_id, study_id)
        return next((run.info.run_id for run in runs if TRIAL_TAG not in run.data.tags), None)

    def find_trials(self, experiment_id: str, study_id: str, parent_run_id: str) -> dict[int, KnownRun]:
        """The nested runs of the study by trial number; a complete one is preferred."""
        known: dict[int, KnownRun] = {}
        for run in self._search(experiment_id, study_id):
            tag = run.data.tags.get(TRIAL_TAG, "")
            if tag.isdecimal() and run.data.tags.get("mlflow.parentRunId") == parent_run_id:
                number, complete = int(tag), run.info.status != "RUNNING"
                if number not in known or complete:
                    known[number] = KnownRun(run.info.run_id, complete)
        return known

    def create_parent(self, experiment_id: str, name: str, tags: Mapping[str, str], params: Mapping[str, str]) -> str:
        """A new parent run."""
        with _boundary():
            created = self._client.create_run(experiment_id, run_name=name, tags=_context() | dict(tags))
            run_id = str(created.info.run_id)
            self._batch(run_id, params, {}, {}, 0, 0)
            return run_id

    def reopen(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Mark a parent run as running again."""
        with _boundary():
            self._client.update_run(run_id, status="RUNNING")
            self._batch(run_id, {}, {}, tags, 0, 0)

    def open_trial(self, experiment_id: str, parent_run_id: str, record: RunRecord) -> str:
        """A new nested run, not yet ended."""
        tags = _context() | {"mlflow.parentRunId": parent_run_id} | dict(record.tags)
        with _boundary():
            created = self._client.create_run(
                experiment_id, start_time=record.times_ms[0], run_name=record.name, tags=tags
            )
        return str(created.info.run_id)

    def fill_trial(self, run_id: str, record: RunRecord) -> None:
        """Params and metrics of a nested run."""
        with _boundary():
            self._batch(run_id, record.params, record.metrics, {}, record.times_ms[1], 0)

    def end(self, run_id: str, status: str, time_ms: int) -> None:
        """Terminate a run."""
        with _boundary():
            self._client.set_terminated(run_id, status, end_time=time_ms)

    def log_files(self, run_id: str, paths: Iterable[Path], folder: str | None = None) -> None:
        """Copy those of `paths` that exist. Artifacts may live elsewhere than runs, and fail alone."""
        with _boundary():
            for path in paths:
                if path.is_file():
                    self._client.log_artifact(run_id, str(path), folder)

    def set_experiment_tag(self, experiment_id: str, key: str, value: str) -> None:
        """A tag of the experiment."""
        with _boundary():
            self._client.set_experiment_tag(experiment_id, key, value)

    def log_metrics(self, run_id: str, metrics: Mapping[str, float], time_ms: int, step: int) -> None:
        """One point of each metric. The same point again changes nothing."""
        with _boundary():
            self._batch(run_id, {}, metrics, {}, time_ms, step)

    def log_texts(self, run_id: str, texts: Mapping[str, str]) -> None:
        """Texts as artifact files."""
        with _boundary():
            for name, text in texts.items():
                self._client.log_text(run_id, text, name)

    def log_outcome(self, run_id: str, record: OutcomeRecord, time_ms: int) -> None:
        """Tags and metrics of the outcome, on the parent run."""
        with _boundary():
            self._batch(run_id, {}, record.metrics, record.tags, time_ms, 0)

    def _search(self, experiment_id: str, study_id: str) -> list[Any]:
        runs: list[Any] = []
        token: str | None = None
        with _boundary():
            while True:
                page = self._client.search_runs(
                    [experiment_id], f"tags.`{STUDY_TAG}` = '{study_id}'", max_results=PAGE, page_token=token
                )
                runs += page
                token = page.token
                if not token:
                    return runs

    def _batch(
        self,
        run_id: str,
        params: Mapping[str, str],
        metrics: Mapping[str, float],
        tags: Mapping[str, str],
        time_ms: int,
        step: int,
    ) -> None:
        entities = self._entities
        self._client.log_batch(
            run_id,
            metrics=[entities.Metric(name, value, time_ms, step) for name, value in metrics.items()],
            params=[entities.Param(name, value) for name, value in params.items()],
            tags=[entities.RunTag(name, value) for name, value in tags.items()],
        )


def without_password(uri: str) -> str:
    """`uri` without the password of its user part: it is written to files that are passed on."""
    return re.sub(r"(?<=://)([^/@:]*):[^/@]*@", r"\1@", uri)


def _context() -> dict[str, str]:
    user = os.environ.get("USER") or os.environ.get("LOGNAME") or ""
    tags = {"mlflow.source.name": "tuner", "mlflow.source.type": "LOCAL", "mlflow.user": user}
    return {name: value for name, value in tags.items() if value}


@contextmanager
def _boundary() -> Iterator[None]:
    """Turn what MLflow, its HTTP client, its database layer and the file system raise into TrackingError."""
    try:
        yield
    except ImportError as error:
        raise TrackingError(f"a package is missing: {error}") from error
    except _failures() as error:
        refused = getattr(error, "error_code", "") in REFUSALS
        raise (RefusedError if refused else TrackingError)(_reason(error)) from error


def _failures() -> tuple[type[Exception], ...]:
    """OSError (requests' exceptions are some) and the roots of the libraries that are loaded by now."""
    roots = (("mlflow.exceptions", "MlflowException"), ("sqlalchemy.exc", "SQLAlchemyError"))
    loaded = [getattr(sys.modules[module], name) for module, name in roots if module in sys.modules]
    return (OSError, *loaded)


def _reason(error: Exception) -> str:
    """The heart of an error: the system's own words where a client has wrapped them in its retries and its URL."""
    text = str(error).strip() or type(error).__name__
    system = re.search(r"\[Errno -?\d+\] ([^\"'()]+)|((?:read|connect(?:ion)?) timed out)", text, re.IGNORECASE)
    return (system.group(1) or system.group(2)).strip() if system else text.splitlines()[0][:300]
