"""What a study's folder holds, read without changing anything: the study may be running while it is looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from search_spaces.errors import TunerError
from tuner.core.metrics import METRICS
from tuner.core.trial import TrialResult
from tuner.measure.drift import tells_the_pace
from tuner.results.record import read_results
from tuner.results.study_store import StudyStore
from tuner.results.wording import baseline_of


@dataclass(frozen=True)
class StudyFiles:
    """The documents of a study, and the results of all its trials in order, whatever their purpose.

    `tournament`, `deploy` and what explains them are empty before there is a verdict.
    """

    directory: Path
    study: Mapping[str, Any]
    results: tuple[TrialResult, ...]
    tournament: Mapping[str, Any]
    deploy: Mapping[str, Any]
    importance: Mapping[str, Any] = field(default_factory=dict)
    attribution: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def trials(self) -> tuple[TrialResult, ...]:
        """The configurations, each as it was measured first."""
        return self._of("baseline", "search")

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
    def limits(self) -> Mapping[str, float]:
        """The constraints."""
        limits: Mapping[str, float] = self.study.get("constraints") or self.configuration.get("constraints") or {}
        return limits

    @property
    def baseline(self) -> TrialResult | None:
        """The first trial, which is of the engine's own defaults."""
        return baseline_of(self.trials)

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
    store.check_format()
    study = store.read_yaml("study.yaml")
    if study is None:
        raise TunerError(f"{str(directory)!r} holds no study", "python -m tuner studies lists those there are")
    results = read_results(str(study.get("record") or ""), directory, str(study.get("storage") or ""))
    return StudyFiles(
        directory,
        study,
        tuple(results),
        store.read_json("tournament.json") or {},
        store.read_json("deploy.json") or {},
        store.read_json("importance.json") or {},
        store.read_json("attribution.json") or {},
    )
