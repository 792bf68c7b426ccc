"""What a study's folder holds, read without changing anything: the study may be running while it is looked at."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from search_spaces.errors import TunerError
from tuner.core.deploy import DeployConfig
from tuner.core.documents import load
from tuner.core.explanation import Attribution, Importance
from tuner.core.metrics import METRICS
from tuner.core.trial import TrialResult
from tuner.measure.drift import PaceCheck
from tuner.measure.round_metrics import LEADING
from tuner.results.study_store import StudyStore
from tuner.search.repeats import Repeat

T = TypeVar("T")


@dataclass(frozen=True)
class StudyFiles:
    """The documents of a study. `tournament` is empty, `deploy` and what explains it None before there is a verdict."""

    directory: Path
    study: Mapping[str, Any]
    trials: tuple[TrialResult, ...]
    tournament: Mapping[str, Any]
    deploy: DeployConfig | None
    importance: Importance | None = None
    attribution: Attribution | None = None
    pace_checks: tuple[PaceCheck, ...] = ()
    repeats: tuple[Repeat, ...] = ()

    @property
    def name(self) -> str:
        """The study's name."""
        return str(self.study.get("name") or self.directory.name)

    @property
    def task(self) -> str:
        """What kind of engine was tuned."""
        return str(self.study.get("task") or self.configuration.get("task") or "")

    @property
    def configuration(self) -> Mapping[str, Any]:
        """The resolved configuration."""
        return self.section("configuration")

    @property
    def objectives(self) -> tuple[str, ...]:
        """The metrics that were optimised."""
        named = self.study.get("objectives") or self.configuration.get("objectives")
        return tuple(named or [str(self.tournament.get("objective") or next(iter(METRICS)))])

    @property
    def raced(self) -> str:
        """The metric that rounds are raced by, and that the machine's pace is read from."""
        leading = LEADING.get(self.task, ())
        return next((name for name in self.objectives if name in leading), next(iter(leading), ""))

    @property
    def limits(self) -> Mapping[str, float]:
        """The constraints."""
        limits: Mapping[str, float] = self.study.get("constraints") or self.configuration.get("constraints") or {}
        return limits

    @property
    def baseline(self) -> TrialResult | None:
        """Trial 0."""
        return next((trial for trial in self.trials if trial.number == 0), None)

    @property
    def winner(self) -> int | None:
        """The number of the trial that won the tournament; 0 when the default is kept."""
        number = self.tournament.get("winner")
        return int(number) if self.deploy and number is not None else None

    def section(self, name: str) -> Mapping[str, Any]:
        """A mapping of study.yaml, empty when it lacks it."""
        value = self.study.get(name)
        return value if isinstance(value, Mapping) else {}


def read_study(directory: Path) -> StudyFiles:
    """The study in `directory`. Raises TunerError when there is none, or when its trials cannot be read."""
    store = StudyStore(directory)
    study = store.read_yaml("study.yaml")
    if study is None:
        raise TunerError(f"{str(directory)!r} holds no study", "python -m tuner studies lists those there are")
    return StudyFiles(
        directory,
        study,
        _trials(directory),
        store.read_json("tournament.json") or {},
        _document(store, DeployConfig, "deploy.json"),
        _document(store, Importance, "importance.json"),
        _document(store, Attribution, "attribution.json"),
        tuple(store.pace_checks()),
        tuple(store.repeats()),
    )


def _document(store: StudyStore, kind: type[T], name: str) -> T | None:
    """The document `name` of the study, None before there is one."""
    content = store.read_json(name)
    return None if content is None else load(kind, content, repr(str(store.directory / name)))


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
