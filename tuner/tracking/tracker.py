"""A study in MLflow: one parent run, one nested run per trial, whatever happens to the server."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from tuner.events import Outcome, StudyInfo
from tuner.report.wording import shorten
from tuner.tracking.artifacts import study_artifacts
from tuner.tracking.attempt import BoundedJob
from tuner.tracking.ledger import Ledger
from tuner.tracking.records import best_so_far, experiment_name, outcome_record, parent_tags, trial_record
from tuner.tracking.silent import Silent
from tuner.tracking.store import KnownRun, MlflowStore, RefusedError, TrackingError
from tuner.trial import TrialResult

Notify = Callable[[str], None]

FIRST_WAIT_S = 30.0  # the first use of a database file creates its tables
FIRST_WAIT_SERVER_S = 6.0
WAIT_S = 3.0
LAST_WAIT_S = 15.0
RETRY_AFTER_S = (5.0, 15.0, 45.0, 120.0)


class MlflowTracker(Silent):
    """Logs each trial when it ends, keeps what could not be logged, and tries again between later trials.

    It works between trials only: rounds are measured without it.

    Nothing is lost when the server is absent, dies or returns: trials wait here, and after the process they wait in
    `trials.jsonl`, from where the next run of the study hands them over. Nothing is logged twice: see Ledger.
    """

    def __init__(self, tracking_uri: str | None, notify: Notify) -> None:
        self._uri = tracking_uri
        self._notify = notify
        self._job = BoundedJob()
        self._store: MlflowStore | None = None
        self._info: StudyInfo | None = None
        self._ledger: Ledger | None = None
        self._trials: dict[int, TrialResult] = {}
        self._refused: dict[int, str] = {}
        self._unfinished: dict[int, KnownRun] = {}
        self._connected = False
        self._experiment_id = ""
        self._outcome: Outcome | None = None
        self._outcome_logged = False
        self._failures = 0
        self._retry_at = 0.0
        self._gave_up = False

    @property
    def tracking(self) -> Mapping[str, str]:
        """`tracking_uri` and `run_id` of the parent run for deploy.json; both empty while no server has answered."""
        known = self._ledger if self._store and self._ledger else None
        return {
            "tracking_uri": known.tracking_uri if known else "",
            "run_id": known.parent_run_id if known else "",
        }

    def study_started(self, info: StudyInfo) -> None:
        """Open MLflow and log what earlier runs of the study could not."""
        self._info = info
        self._ledger = Ledger.load(info.directory)
        self._trials = {result.number: result for result in info.finished}
        remote = (self._uri or "").startswith(("http:", "https:"))
        self._flush(FIRST_WAIT_SERVER_S if remote else FIRST_WAIT_S)

    def trial_finished(self, result: TrialResult) -> None:
        """Log the trial, and with it those that wait."""
        self._trials.setdefault(result.number, result)
        if time.monotonic() >= self._retry_at:
            self._flush(WAIT_S)

    def study_finished(self, outcome: Outcome) -> None:
        """Log what waits and the outcome; say what is missing if that fails."""
        for result in outcome.trials:
            self._trials.setdefault(result.number, result)
        self._outcome = outcome
        self._flush(LAST_WAIT_S)
        missing = len(self._waiting())
        if missing or not self._outcome_logged:
            self._notify(
                f"MLflow lacks {missing} of {len(self._trials)} trials and the verdict; "
                "the next run of the same sweep logs them"
                if missing
                else "MLflow lacks the verdict; the next run of the same sweep logs it"
            )
        for number, reason in sorted(self._refused.items()):
            self._notify(f"MLflow refused trial {number}: {shorten(reason, 160)}")

    def _waiting(self) -> list[int]:
        logged = self._ledger.trials if self._ledger else {}
        return sorted(number for number in self._trials if number not in logged and number not in self._refused)

    def _flush(self, most_s: float) -> None:
        """Log what can be logged within `most_s`; never raises and never blocks longer."""
        if self._gave_up:
            return
        try:
            done = self._job.run(self._work, most_s)
            error = "" if done else f"no answer within {most_s:g} s"
        except (TrackingError, OSError) as failure:
            error = str(failure)
        except Exception as failure:  # plug-ins of MLflow raise what they like; a sweep outlives its tracking
            self._gave_up = True
            error = f"{type(failure).__name__}: {failure}"
        self._settle(error)

    def _settle(self, error: str) -> None:
        """Say once that tracking fails and once that it works again; space the attempts out meanwhile."""
        if not error:
            if self._failures:
                self._notify("MLflow is reachable again; the trials that waited are being logged")
            self._failures, self._retry_at = 0, 0.0
            return
        if self._failures == 0:
            after = "tracking is off for this run" if self._gave_up else "the sweep goes on and logs when it returns"
            self._notify(f"MLflow cannot be used ({shorten(error, 200)}); {after}")
        delay = RETRY_AFTER_S[min(self._failures, len(RETRY_AFTER_S) - 1)]
        self._failures += 1
        self._retry_at = time.monotonic() + delay

    def _work(self, deadline: float) -> None:
        """In the job's thread: connect, log the trials that wait until `deadline`, then the outcome."""
        info, ledger = self._info, self._ledger
        if info is None or ledger is None:
            return
        if self._store is None:
            self._store = MlflowStore(self._uri)
        try:
            if not self._connected:
                self._connect(self._store, info, ledger)
            for number in self._waiting():
                self._log_trial(self._store, info, ledger, number)
                if time.monotonic() > deadline:
                    return
            if self._outcome is not None and not self._waiting():
                self._log_outcome(self._store, info, ledger, self._outcome)
        except TrackingError:
            self._connected = False  # the server may come back with another database
            raise

    def _connect(self, store: MlflowStore, info: StudyInfo, ledger: Ledger) -> None:
        """Find this study's parent run, or make it, and learn which trials are logged already."""
        name = experiment_name(info)
        experiment_id = store.experiment(name)
        tags = parent_tags(info, ledger.id)
        ledger.save()  # the id must be on disk before a run carries it
        parent = ledger.parent_run_id if ledger.tracking_uri == store.tracking_uri else ""
        if not parent or not store.exists(parent):
            parent = store.find_parent(experiment_id, ledger.id) or ""
        if parent:
            store.reopen(parent, tags)
            known = store.find_trials(experiment_id, ledger.id, parent)
        else:
            parent, known = store.create_parent(experiment_id, info.name, tags), {}
        store.log_texts(parent, _configuration_files(info))
        complete = {number: run.run_id for number, run in known.items() if run.complete}
        self._unfinished = {number: run for number, run in known.items() if not run.complete}
        ledger.start_on(store.tracking_uri, name, parent, complete)
        self._experiment_id, self._connected = experiment_id, True

    def _log_trial(self, store: MlflowStore, info: StudyInfo, ledger: Ledger, number: int) -> None:
        record = trial_record(info, self._trials[number], self._trials, ledger.id)
        unfinished = self._unfinished.get(number)
        try:
            best = best_so_far(info, self._trials, number)
            if best:
                store.log_metrics(ledger.parent_run_id, best, record.times_ms[1], number)
            run_id = store.log_trial(
                self._experiment_id, ledger.parent_run_id, record, unfinished.run_id if unfinished else ""
            )
        except RefusedError as error:
            self._refused[number] = str(error)
            return
        ledger.record(number, run_id)

    def _log_outcome(self, store: MlflowStore, info: StudyInfo, ledger: Ledger, outcome: Outcome) -> None:
        record = outcome_record(info, outcome, study_artifacts(info.directory))
        store.finish_parent(ledger.parent_run_id, record, round(time.time() * 1000))
        self._outcome_logged = True


def _configuration_files(info: StudyInfo) -> dict[str, str]:
    documents: dict[str, Any] = {"configuration.json": info.configuration, "hardware.json": info.hardware}
    return {name: json.dumps(document, indent=2, default=str) + "\n" for name, document in documents.items()}
