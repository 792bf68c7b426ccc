"""Studies of the fake engine, and an observer that remembers what it was told."""

from dataclasses import replace
from pathlib import Path

from search_spaces.parameter import Choices
from tuner.core.study_config import Budget, StudyConfig
from tuner.core.trial import TrialResult
from tuner.results.report.study_files import read_study
from tuner.results.study_store import StudyStore
from tuner.tournament.document import TournamentDocument

BUDGET = Budget(trials=12, minutes=5.0, tournament_pairs=8, tournament_pairs_most=8, trial_timeout_s=240.0)
SMALL = {"threads": Choices((2, 4, 6)), "mode": Choices(("a", "b")), "precision": Choices(("medium", "high"))}
"""Knobs that are swept in a small space; the others are fixed by `params`."""
OPTIMUM = {"threads": 6, "mode": "b", "precision": "medium"}
FIXED = {"turbo": False, "scale": 1.0}


def fake_config(outputs: Path, **changes) -> StudyConfig:
    """A study of the fake engine over a space of twelve configurations; its optimum is threads=6, mode=b, medium."""
    model = {"source": "fake", **changes.pop("model", {})}
    budget = replace(BUDGET, **changes.pop("budget", {}))
    document = {"task": "llm", "engine": {"name": "fake"}, "model": model, "budget": {"trials": budget.trials}}
    fields = {
        "task": "llm",
        "engine": "fake",
        "model": model,
        "workload": {},
        "objectives": ("decode_tokens_per_second",),
        "constraints": {"kld": 0.05},
        "budget": budget,
        "targets": (),
        "params": FIXED,
        "space": SMALL,
        "outputs": outputs,
        "tracking_uri": "",
        "document": document,
    }
    return StudyConfig(**{**fields, **changes})


def wide_config(outputs: Path, **changes) -> StudyConfig:
    """As `fake_config`, over the whole space, which is too large to enumerate."""
    return fake_config(outputs, **{"params": {}, "space": {}, **changes})


class Recorder:
    """An observer that keeps every event as (name, arguments)."""

    def __init__(self):
        self.events = []

    def __getattr__(self, name):
        if name.startswith("_") or name == "tracking":
            raise AttributeError(name)
        return lambda *arguments: self.events.append((name, arguments))

    def named(self, name):
        return [arguments for event, arguments in self.events if event == name]


def results_of(study_dir: Path) -> tuple[TrialResult, ...]:
    """All results of a study in order, whatever their purpose."""
    return read_study(study_dir).results


def tournament_of(outcome) -> TournamentDocument | None:
    """The written result of a study's tournament."""
    return StudyStore(outcome.directory).read(TournamentDocument, "tournament.json")
