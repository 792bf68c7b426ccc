"""An observer to which nothing is worth doing: what tracking is when it is off, and the base of the one that is on."""

from __future__ import annotations

from collections.abc import Mapping

from search_spaces.parameter import Value
from tuner.core.deploy import TrackingRun
from tuner.core.events import Outcome, Standing, StudyInfo
from tuner.core.trial import TrialResult


class NullTracker:
    """Does nothing on any event."""

    @property
    def tracking(self) -> TrackingRun:
        """The parent run for deploy.json: there is none."""
        return TrackingRun()

    def study_started(self, info: StudyInfo) -> None:
        """Do nothing."""

    def progress(self, text: str) -> None:
        """Do nothing."""

    def trial_started(self, number: int, params: Mapping[str, Value], purpose: str) -> None:
        """Do nothing."""

    def round_finished(self, number: int, rounds: int, value: float | None) -> None:
        """Do nothing."""

    def trial_finished(self, result: TrialResult) -> None:
        """Do nothing."""

    def tournament_progress(self, standings: list[Standing], done: int, most: int) -> None:
        """Do nothing."""

    def notice(self, text: str) -> None:
        """Do nothing."""

    def study_finished(self, outcome: Outcome) -> None:
        """Do nothing."""
