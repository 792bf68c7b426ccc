"""The record of a study's trials: one study of Optuna, through which every trial is asked and told.

Whatever is measured is a trial of it: the baseline, what the search tried, repeats and drift checks, told apart by the
attribute `purpose`. A proposal that was not run has the purpose `refused`. A kill at any moment loses at most what is
in flight: a trial that was told its result but not its state is finished when the study is opened again.
"""

from __future__ import annotations

import contextlib
import os
import socket
import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from search_spaces.errors import EnvironmentLackingError
from search_spaces.parameter import Params
from search_spaces.space import SearchSpace
from tuner.core import documents
from tuner.core.files import read_json, write_json
from tuner.core.metrics import metric
from tuner.core.objective import Objective
from tuner.core.trial import Purpose, TrialResult, TrialSpec
from tuner.results.storage import open_storage, reached
from tuner.search import optuna_trials

if TYPE_CHECKING:
    import optuna
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

DRIVER = "driver"
"""The attribute that says which process runs a trial."""
INTERRUPTED = "interrupted"
UNTOLD = "untold.json"
"""A result that the storage could not be told, in the study's folder, until it can."""


@dataclass
class Asked:
    """A trial that has begun: what it runs, Optuna's object for it, and how many rounds were reported."""

    spec: TrialSpec
    trial: optuna.Trial
    reported: int = 0


class StudyRecord:
    """The one reader and writer of a study's trials. Raises EnvironmentLackingError where the storage is gone.

    `folder` is the study's, for what a lost storage could not be told.
    """

    def __init__(
        self, name: str, objectives: Sequence[Objective], space: SearchSpace, folder: Path, url: str = "",
        storage: BaseStorage | None = None,
    ) -> None:  # fmt: skip
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._objectives, self._space, self._folder, self._url = tuple(objectives), space, folder, url
        storage = storage or open_storage(url, folder)
        with reached(url):
            self.study = optuna.create_study(
                storage=storage,
                study_name=name,
                directions=[metric(o.metric).direction for o in objectives],
                load_if_exists=True,
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                self.study.set_metric_names([o.metric for o in objectives])

    def results(self) -> list[TrialResult]:
        """All results in the order of their numbers, whatever their purpose."""
        return [r for t in self._trials() if t.state.is_finished() and (r := optuna_trials.result_of(t)) is not None]

    def begin(self, params: Params, purpose: Purpose, repeat_of: int | None = None) -> Asked:
        """A trial of these parameters, which no sampler chooses."""
        known = optuna_trials.attributes(params, purpose, repeat_of, {DRIVER: _this_process()})
        with reached(self._url):
            trial = optuna_trials.begin_given(self.study, self._space, params, known)
        return Asked(TrialSpec(trial.number, dict(params), purpose, repeat_of), trial)

    def begun(self, trial: optuna.Trial, params: Params, purpose: Purpose) -> Asked:
        """Note what a trial that was asked for runs, and who runs it."""
        with reached(self._url):
            known = optuna_trials.attributes(params, purpose, None, {DRIVER: _this_process()})
            for name, value in known.items():
                trial.set_user_attr(name, value)
        return Asked(TrialSpec(trial.number, dict(params), purpose), trial)

    def reached(self) -> AbstractContextManager[None]:
        """For what a sampler reads and writes: EnvironmentLackingError where the storage is gone meanwhile."""
        return reached(self._url)

    def report(self, asked: Asked, rounds: int, value: float) -> None:
        """Report the objective after so many rounds, the first time that there are so many.

        Optuna takes no reports where there are several objectives.
        """
        if len(self._objectives) == 1 and rounds > asked.reported:
            with reached(self._url):
                asked.trial.report(value, rounds)
            asked.reported = rounds

    def end(self, asked: Asked, result: TrialResult) -> None:
        """Tell a trial its result. Where the storage is gone, the result is kept in the folder until it is back."""
        try:
            with reached(self._url):
                optuna_trials.tell(self.study, asked.trial, result, self._objectives)
        except Exception:  # whatever went wrong, a measured result is kept; the error goes on
            with contextlib.suppress(OSError):
                write_json(self._folder / UNTOLD, documents.dump(result))
            raise

    def abandon(self, asked: Asked) -> None:
        """End a trial that the user interrupted, or that an error of ours did: it counts as never tried."""
        import optuna

        with contextlib.suppress(EnvironmentLackingError), reached(self._url):
            asked.trial.set_user_attr(optuna_trials.STATUS, INTERRUPTED)
            self.study.tell(asked.trial, state=optuna.trial.TrialState.FAIL)

    def recover(self) -> None:
        """End what an earlier process left: finish what was told its result, fail what was killed in flight.

        What is enqueued stays: the user, or another program, wants it tried.
        """
        import optuna

        untold = read_json(self._folder / UNTOLD)
        kept = documents.load(TrialResult, untold, UNTOLD) if untold is not None else None
        with reached(self._url):
            for trial in self._trials():
                driver = trial.user_attrs.get(DRIVER, "")
                if trial.state is not optuna.trial.TrialState.RUNNING or _is_alive(driver, bool(self._url)):
                    continue
                if kept is not None and kept.number == trial.number:
                    continue
                result = optuna_trials.result_of(trial)
                if result is not None:
                    optuna_trials.finish(self.study, trial.number, result, self._objectives)
                else:
                    self.study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
        if kept is not None:
            self._tell_untold(kept)

    def killed_in_a_row(self) -> tuple[Params, int]:
        """The configuration that ran when earlier processes were killed, and how often in a row; ({}, 0) if none."""
        import optuna

        params: Params = {}
        times = 0
        for trial in reversed(self._trials()):
            known = trial.user_attrs.get(optuna_trials.PARAMS)
            if known is None or trial.user_attrs.get(optuna_trials.PURPOSE) != "search":
                continue
            killed = trial.state is optuna.trial.TrialState.FAIL and optuna_trials.STATUS not in trial.user_attrs
            if not killed or (params and known != params):
                break
            params, times = known, times + 1
        return params, times

    def _tell_untold(self, result: TrialResult) -> None:
        """The result that a lost storage was not told: of the trial that waits for it, or of a new one."""
        import optuna

        waiting = next((t for t in self._trials() if t.number == result.number), None)
        if waiting is not None and not waiting.state.is_finished():
            with reached(self._url):
                trial = optuna.Trial(self.study, waiting._trial_id)
                optuna_trials.tell(self.study, trial, result, self._objectives)
        elif waiting is None or optuna_trials.result_of(waiting) is None:
            asked = self.begin(result.params, result.purpose, result.repeat_of)
            self.end(asked, replace(result, number=asked.spec.number))
        (self._folder / UNTOLD).unlink(missing_ok=True)

    def _trials(self) -> list[FrozenTrial]:
        with reached(self._url):
            return self.study.get_trials(deepcopy=False)


def record_name(name: str, digest: str) -> str:
    """A study's name in its storage: one space, one name, because Optuna refuses a study whose choices change."""
    short = digest[:8]
    return name if name.endswith(short) else f"{name}-{short}"


def read_results(name: str, folder: Path, url: str = "") -> list[TrialResult]:
    """The finished trials of a study, which may be running while it is looked at; [] before the first one."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    from tuner.results.storage import JOURNAL

    if not url and not (folder / JOURNAL).exists():
        return []
    storage = open_storage(url, folder, writing=False)
    with reached(url):
        if name not in optuna.get_all_study_names(storage):
            return []
        trials = optuna.load_study(study_name=name, storage=storage).get_trials(deepcopy=False)
    return [r for t in trials if t.state.is_finished() and (r := optuna_trials.result_of(t)) is not None]


def _this_process() -> str:
    return f"{socket.gethostname()}:{os.getpid()}:{psutil.Process().create_time():.2f}"


def _is_alive(driver: str, shared: bool) -> bool:
    """Whether the process that runs a trial still does.

    One on another machine cannot be asked, and may where machines share the storage. A folder has one driver, which is
    this process, however the machine was called before: a container that is started anew has another name.
    """
    host, _, process = driver.partition(":")
    if not process or host != socket.gethostname():
        return shared and bool(process)
    number, _, begun = process.partition(":")
    try:
        return f"{psutil.Process(int(number)).create_time():.2f}" == begun and int(number) != os.getpid()
    except (psutil.Error, ValueError):
        return False
