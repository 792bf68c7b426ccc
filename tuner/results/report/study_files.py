"""What a study's folder holds, read without changing anything: the study may be running while it is looked at."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from search_spaces.errors import TunerError
from tuner.core.deploy import DeployConfig
from tuner.core.explanation import Attribution, Importance
from tuner.core.study_document import StudyDocument
from tuner.core.trial import TrialResult
from tuner.measure.drift import PaceCheck
from tuner.measure.round_metrics import LEADING
from tuner.results.study_store import StudyStore
from tuner.search.repeats import Repeat
from tuner.tournament.document import TournamentDocument


@dataclass(frozen=True)
class StudyFiles:
    """The documents of a study. All but the first are None before there is a verdict."""

    directory: Path
    about: StudyDocument
    trials: tuple[TrialResult, ...]
    tournament: TournamentDocument | None = None
    deploy: DeployConfig | None = None
    importance: Importance | None = None
    attribution: Attribution | None = None
    pace_checks: tuple[PaceCheck, ...] = ()
    repeats: tuple[Repeat, ...] = ()

    @property
    def raced(self) -> str:
        """The metric that rounds are raced by, and that the machine's pace is read from."""
        leading = LEADING.get(self.about.task, ())
        return next((name for name in self.about.objectives if name in leading), next(iter(leading), ""))

    @property
    def baseline(self) -> TrialResult | None:
        """Trial 0."""
        return next((trial for trial in self.trials if trial.number == 0), None)

    @property
    def winner(self) -> int | None:
        """The number of the trial that won the tournament; 0 when the default is kept."""
        return self.tournament.winner if self.deploy and self.tournament else None


def read_study(directory: Path) -> StudyFiles:
    """The study in `directory`. Raises TunerError when there is none, or when its trials cannot be read."""
    store = StudyStore(directory)
    study = store.read(StudyDocument, "study.yaml")
    if study is None:
        raise TunerError(f"{str(directory)!r} holds no study", "python -m tuner studies lists those there are")
    return StudyFiles(
        directory,
        study,
        _trials(directory),
        store.read(TournamentDocument, "tournament.json"),
        store.read(DeployConfig, "deploy.json"),
        store.read(Importance, "importance.json"),
        store.read(Attribution, "attribution.json"),
        tuple(store.pace_checks()),
        tuple(store.repeats()),
    )


def _trials(directory: Path) -> tuple[TrialResult, ...]:
    """The finished trials; a last line that is still being written does not count."""
    file = directory / "trials.jsonl"
    try:
        lines = file.read_bytes().splitlines(keepends=True)
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise TunerError(f"cannot read {str(file)!r}: {error.strerror}", "check its permissions") from None
    trials = []
    for line in lines:
        try:
            trials.append(TrialResult.from_json(json.loads(line)))
        except (ValueError, KeyError, TypeError):
            if line.endswith(b"\n"):
                raise TunerError(
                    f"line {len(trials) + 1} of {str(file)!r} is not a trial", "restore the file, or sweep again"
                ) from None
    return tuple(trials)
