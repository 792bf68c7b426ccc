"""A study in MLflow: one parent run, one nested run per trial, whatever happens to the server."""

from __future__ import annotations

import time
from collections.abc import Callable

from tuner.core.deploy import TrackingRun
from tuner.core.events import Outcome, StudyInfo
from tuner.core.trial import TrialResult
from tuner.results.tracking.attempt import Backoff, BoundedJob
from tuner.results.tracking.ledger import Ledger
from tuner.results.tracking.silent import NullTracker
from tuner.results.tracking.store import MlflowStore, TrackingError, without_password
from tuner.results.tracking.study_runs import StudyRuns
from tuner.results.wording import shorten

Notify = Callable[[str], None]

FIRST_WAIT_S = 30.0  # the first use of a database file creates its tables
FIRST_WAIT_SERVER_S = 6.0
WAIT_S = 3.0
LAST_WAIT_S = 15.0
RETRY_AFTER_S = (5.0, 15.0, 45.0, 120.0)


class MlflowTracker(NullTracker):
    """Logs each trial when it ends, keeps what could not be logged, and tries again between later trials.

    It works between trials only: rounds are measured without it. Nothing is lost when the server is absent, dies or
    returns: trials wait here, and after the process they wait in the study's record, from where the next run of it
    hands them over. Nothing is logged twice: see Ledger.
    """

    def __init__(self, tracking_uri: str | None, notify: Notify) -> None:
        self._uri = tracking_uri
        self._notify = notify
        self._job = BoundedJob()
        self._backoff = Backoff(RETRY_AFTER_S)
        self._store: MlflowStore | None = None
        self._study: StudyRuns | None = None
        self._trials: dict[int, TrialResult] = {}
        self._outcome: Outcome | None = None
        self._gave_up = False

    @property
    def tracking(self) -> TrackingRun:
        """The parent run for deploy.json; both parts empty while no server has answered."""
        ledger = self._study.ledger if self._study else None
        if ledger is None or self._store is None or ledger.tracking_uri != self._store.tracking_uri:
            return super().tracking
        return TrackingRun(ledger.tracking_uri, ledger.parent_run_id)

    def study_started(self, info: StudyInfo) -> None:
        """Open MLflow and log what earlier runs of the study could not."""
        self._study = StudyRuns(info, Ledger.load(info.directory))
        self._trials = {result.number: result for result in info.finished}
        self._outcome = None
        remote = (self._uri or "").startswith(("http:", "https:"))
        self._flush(FIRST_WAIT_SERVER_S if remote else FIRST_WAIT_S)

    def trial_finished(self, result: TrialResult) -> None:
        """Log the trial, and with it those that wait."""
        self._trials.setdefault(result.number, result)
        if self._backoff.due:
            self._flush(WAIT_S)

    def study_finished(self, outcome: Outcome) -> None:
        """Log what waits and the outcome; say what is missing if that fails."""
        self._trials = {result.number: result for result in outcome.trials} | self._trials
        self._outcome = outcome
        self._flush(LAST_WAIT_S)
        for text in self._study.shortcomings(self._trials) if self._study else ():
            self._notify(text)

    def _flush(self, most_s: float) -> None:
        """Log what can be logged within `most_s`; never raises and never blocks longer."""
        if self._gave_up:
            return
        try:
            error = "" if self._job.run(self._work, most_s) else f"no answer within {most_s:g} s"
        except (TrackingError, OSError) as failure:
            error = str(failure)
        except Exception as failure:  # plug-ins of MLflow raise what they like; a sweep outlives its tracking
            self._gave_up = True
            error = f"{type(failure).__name__}: {failure}"
        if error and not self._backoff.failures:
            after = "tracking is off for this run" if self._gave_up else "the sweep goes on and logs when it returns"
            where = f" at {without_password(self._uri)}" if self._uri else ""
            self._notify(f"MLflow{where} cannot be used ({shorten(error, 200)}); {after}")
        if error:
            self._backoff.failed()
        elif self._backoff.failures:
            self._backoff.worked()
            self._notify("MLflow can be used again; trials that waited are logged")

    def _work(self, deadline: float) -> None:
        """In the job's thread: connect, log the trials that wait until `deadline`, then the outcome."""
        study, trials = self._study, dict(self._trials)
        if study is None:
            return
        if self._store is None:
            self._store = MlflowStore(self._uri)
        try:
            study.connect(self._store, trials)
            for number in study.waiting(trials):
                study.log_trial(self._store, trials, number)
                if time.monotonic() > deadline:
                    return
            if self._outcome is not None:
                study.log_outcome(self._store, trials, self._outcome)
        except TrackingError:
            study.connected = False  # the server may come back with another database
            raise
