"""What a study's folder holds, read without changing anything: the study may be running while it is looked at."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from search_spaces.errors import TunerError
from tuner.core.deploy import DeployConfig
from tuner.core.explanation import Ablation, Importance
from tuner.core.study_document import StudyDocument
from tuner.core.trial import CONFIGURATIONS, TrialResult
from tuner.measure.drift import tells_the_pace
from tuner.results.record import read_results
from tuner.results.study_store import StudyStore
from tuner.results.wording import baseline_of
from tuner.tournament.document import TournamentDocument


@dataclass(frozen=True)
class StudyFiles:
    """The documents of a study, and the results of all its trials in order, whatever their purpose.

    `tournament`, `deploy` and what explains them are None before there is a verdict.
    """

    directory: Path
    about: StudyDocument
    results: tuple[TrialResult, ...]
    tournament: TournamentDocument | None = None
    deploy: DeployConfig | None = None
    importance: Importance | None = None
    ablation: Ablation | None = None

    @cached_property
    def trials(self) -> tuple[TrialResult, ...]:
        """The configurations, each as it was measured first."""
        return self._of(*CONFIGURATIONS)

    @cached_property
    def repeats(self) -> tuple[TrialResult, ...]:
        """Trials that were measured again."""
        return self._of("repeat")

    @cached_property
    def drift_checks(self) -> tuple[TrialResult, ...]:
        """The baseline measured again during the search, where that tells the machine's pace."""
        return tuple(r for r in self._of("drift") if tells_the_pace(r))

    def _of(self, *purposes: str) -> tuple[TrialResult, ...]:
        return tuple(r for r in self.results if r.purpose in purposes)

    @property
    def baseline(self) -> TrialResult | None:
        """The first trial, which is of the engine's own defaults."""
        return baseline_of(self.trials)

    @property
    def winner(self) -> int | None:
        """The number of the trial that won the tournament; 0 when the default is kept."""
        return self.tournament.winner if self.deploy and self.tournament else None


def read_study(directory: Path) -> StudyFiles:
    """The study in `directory`. Raises TunerError when there is none, or when its trials cannot be read."""
    store = StudyStore(directory)
    store.check_format()
    study = store.read(StudyDocument, "study.yaml")
    if study is None:
        raise TunerError(f"{str(directory)!r} holds no study", "python -m tuner studies lists those there are")
    return StudyFiles(
        directory,
        study,
        tuple(read_results(study.record, directory, study.storage)),
        store.read(TournamentDocument, "tournament.json"),
        store.read(DeployConfig, "deploy.json"),
        store.read(Importance, "importance.json"),
        store.read(Ablation, "ablation.json"),
    )
