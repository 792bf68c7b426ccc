"""The runs of one study in MLflow: what is there, what is missing, and writing it exactly once."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from tuner.core.documents import dump
from tuner.core.events import Outcome, StudyInfo
from tuner.core.trial import TrialResult
from tuner.results.tracking.artifacts import PLOT_FOLDER, study_artifacts, study_plots
from tuner.results.tracking.ledger import Ledger
from tuner.results.tracking.records import (
    best_so_far,
    experiment_name,
    outcome_record,
    parent_params,
    parent_tags,
    trial_record,
)
from tuner.results.tracking.store import MlflowStore, RefusedError, TrackingError
from tuner.results.tracking.view import saved_view
from tuner.results.wording import shorten

Trials = Mapping[int, TrialResult]


class StudyRuns:
    """The runs of one study in one store, and which of them are complete."""

    def __init__(self, info: StudyInfo, ledger: Ledger) -> None:
        self.info, self.ledger = info, ledger
        self.connected = False
        self._experiment_id = ""
        self._unfinished: dict[int, str] = {}
        self._refused: dict[int, str] = {}
        self._files_failure = ""
        self._outcome_logged = False

    def waiting(self, trials: Trials) -> list[int]:
        """The trials that are still to be logged."""
        return sorted(n for n in trials if n not in self.ledger.trials and n not in self._refused)

    def shortcomings(self, trials: Trials) -> list[str]:
        """What MLflow lacks at the end, one line each."""
        texts, missing = [], len(self.waiting(trials))
        if missing or not self._outcome_logged:
            what = f"{missing} of {len(trials)} trials and the verdict" if missing else "the verdict"
            texts.append(f"MLflow lacks {what}; the next run of the same sweep logs them")
        if self._files_failure:
            texts.append(f"MLflow has the results but not the files: {shorten(self._files_failure, 160)}")
        return texts + [f"MLflow refused trial {n}: {shorten(why, 160)}" for n, why in sorted(self._refused.items())]

    def connect(self, store: MlflowStore, trials: Trials) -> None:
        """Find the parent run, or make it, and learn which trials are logged already; once until it is lost."""
        if self.connected:
            return
        info, ledger = self.info, self.ledger
        tags = parent_tags(info, ledger.id)
        self._experiment_id = store.experiment(experiment_name(info))
        ledger.save()  # the id must be on disk before a run carries it
        parent = ledger.parent_run_id if ledger.tracking_uri == store.tracking_uri else ""
        if not parent or not store.exists(parent):
            parent = store.find_parent(self._experiment_id, ledger.id) or ""
        if parent:
            store.reopen(parent, tags)
            known = store.find_trials(self._experiment_id, ledger.id, parent)
        else:
            parent, known = store.create_parent(self._experiment_id, info.name, tags, parent_params(info)), {}
        self._unfinished = {number: run.run_id for number, run in known.items() if not run.complete}
        complete = {number: run.run_id for number, run in known.items() if run.complete}
        ledger.start_on(store.tracking_uri, self._experiment_id, parent, complete)
        self._save_view(store, trials)
        self._try_files(lambda: store.log_texts(parent, _configuration_files(info)))
        self.connected = True

    def log_trial(self, store: MlflowStore, trials: Trials, number: int) -> None:
        """Whole or not at all in the ledger; a run that stays unfinished is found by its tag and filled again."""
        record = trial_record(self.info, trials[number], trials, self.ledger.id)
        parent, end_ms = self.ledger.parent_run_id, record.times_ms[1]
        try:
            run_id = self._unfinished.get(number) or store.open_trial(self._experiment_id, parent, record)
            self._unfinished[number] = run_id
            store.fill_trial(run_id, record)
            best = best_so_far(self.info, trials, number)
            if best:
                store.log_metrics(parent, best, end_ms, number)
        except RefusedError as error:
            self._refused[number] = str(error)
            return
        self._end_run(store, run_id, record.status, end_ms, record.artifacts, "samples")
        self.ledger.record(number, run_id)

    def log_outcome(self, store: MlflowStore, trials: Trials, outcome: Outcome) -> None:
        """The verdict, the result files and the end of the parent run."""
        record, now_ms = outcome_record(self.info, outcome), round(time.time() * 1000)
        store.log_outcome(self.ledger.parent_run_id, record, now_ms)
        self._save_view(store, trials)
        self._try_files(
            lambda: store.log_files(self.ledger.parent_run_id, study_plots(self.info.directory), PLOT_FOLDER)
        )
        files = study_artifacts(self.info.directory)
        self._end_run(store, self.ledger.parent_run_id, record.status, now_ms, files, None)
        self._outcome_logged = True

    def _save_view(self, store: MlflowStore, trials: Trials) -> None:
        key, value = saved_view(self.info, self.ledger.id, trials.values(), round(time.time() * 1000))
        store.set_experiment_tag(self._experiment_id, key, value)

    def _end_run(
        self, store: MlflowStore, run_id: str, status: str, time_ms: int, files: Iterable[Path], folder: str | None
    ) -> None:
        failure = self._files_failure
        self._try_files(lambda: store.log_files(run_id, files, folder))
        try:
            store.end(run_id, status, time_ms)
        except TrackingError:
            self._files_failure = failure  # the server is gone, which says nothing about files
            raise

    def _try_files(self, log: Callable[[], None]) -> None:
        """Files may be kept elsewhere than runs: where only they fail, the rest of this run goes on without them."""
        if self._files_failure:
            return
        try:
            log()
        except TrackingError as error:
            self._files_failure = str(error)


def _configuration_files(info: StudyInfo) -> dict[str, str]:
    documents = {"configuration.json": info.configuration, "hardware.json": dump(info.hardware)}
    return {name: json.dumps(document, indent=2, default=str) + "\n" for name, document in documents.items()}
