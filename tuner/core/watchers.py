"""All observers of a study as one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from search_spaces.parameter import Value
from tuner.core.deploy import TrackingRun
from tuner.core.events import Observer, Outcome, Standing, StudyInfo, Tracker
from tuner.core.trial import TrialResult


class Watchers:
    """Tells every observer; itself an observer."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = tuple(observers)
        self.notices: list[str] = []

    @property
    def tracking(self) -> TrackingRun:
        """Where the tracker among the observers logs to; nowhere if there is none."""
        return next((o.tracking for o in self._observers if isinstance(o, Tracker)), TrackingRun())

    def study_started(self, info: StudyInfo) -> None:
        """Before the first trial of this run."""
        self._tell(lambda o: o.study_started(info))

    def progress(self, text: str) -> None:
        """Slow preparation."""
        self._tell(lambda o: o.progress(text))

    def trial_started(self, number: int, params: Mapping[str, Value], purpose: str) -> None:
        """Before a trial."""
        self._tell(lambda o: o.trial_started(number, params, purpose))

    def round_finished(self, number: int, rounds: int, value: float | None) -> None:
        """After a measured round."""
        self._tell(lambda o: o.round_finished(number, rounds, value))

    def trial_finished(self, result: TrialResult) -> None:
        """After a trial is on disk."""
        self._tell(lambda o: o.trial_finished(result))

    def tournament_progress(self, standings: list[Standing], done: int, most: int) -> None:
        """After a block."""
        self._tell(lambda o: o.tournament_progress(standings, done, most))

    def notice(self, text: str, passing: bool = False) -> None:
        """Something to know; kept for the outcome too, unless it is `passing`: of use while the study runs."""
        if not passing:
            self.notices.append(text)
        self._tell(lambda o: o.notice(text))

    def study_finished(self, outcome: Outcome) -> None:
        """After everything is written."""
        self._tell(lambda o: o.study_finished(outcome))

    def _tell(self, call: Callable[[Observer], None]) -> None:
        for observer in self._observers:
            call(observer)
