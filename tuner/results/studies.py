"""The studies of an outputs folder: finding one by what a user calls it, and listing them all.

Only reads: a study may be running while it is looked at, and a folder may hold anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from search_spaces.errors import NoAnswerError, TunerError, unknown_name
from tuner.core.deploy import DeployConfig
from tuner.core.paths import user_path
from tuner.core.study_document import StudyDocument
from tuner.core.trial import CONFIGURATIONS
from tuner.results.record import read_results
from tuner.results.study_store import LATEST, StudyStore
from tuner.results.wording import plain
from tuner.tournament.document import TournamentDocument

STUDY_FILE = "study.yaml"
DEPLOY_FILE = "deploy.json"
T = TypeVar("T")


@dataclass(frozen=True)
class StudySummary:
    """One line of the list. `best` is the deployed value of the objective or None; `verdict` is "" before one."""

    name: str
    directory: Path
    task: str
    engine: str
    model: str
    trials: int
    statuses: Mapping[str, int]
    objective: str
    best: float | None
    ratio: float | None
    verdict: str
    hardware: str
    created_at: str


def find_study(reference: str, outputs: Path) -> Path:
    """The folder of a study that is given by name, by folder or as `latest`. Raises TunerError."""
    if reference == LATEST:
        return _latest(outputs)
    for folder in (outputs / reference, user_path(reference)):
        if (folder / STUDY_FILE).is_file():
            return folder
    names = [folder.name for folder in _folders(outputs)]
    if not names:
        raise _no_studies(outputs)
    error = unknown_name("study", reference, [*names, LATEST])
    raise TunerError(f"{error.message} in {str(outputs)!r}", error.hint)


def reference_to(directory: Path, outputs: Path = Path("outputs")) -> str:
    """How a command names the study in `directory`: by its name in the usual place, else by its folder."""
    return directory.name if directory.parent == outputs else str(directory)


def find_deploy(reference: str, outputs: Path) -> Path:
    """The deploy.json of a study, or the file that `reference` is itself. Raises TunerError."""
    direct = user_path(reference)
    if direct.is_file():
        return direct
    file = find_study(reference, outputs) / DEPLOY_FILE
    if not file.is_file():
        raise NoAnswerError(
            f"study {file.parent.name!r} has nothing to deploy: no verdict yet, or no feasible configuration",
            "run its sweep again; it goes on where it stopped",
        )
    return file


def list_studies(outputs: Path) -> list[StudySummary]:
    """The studies in `outputs`, the newest first; what is not one is passed over."""
    summaries = [summary for folder in _folders(outputs) if (summary := summarise(folder)) is not None]
    return sorted(summaries, key=lambda s: s.created_at, reverse=True)


def summarise(folder: Path) -> StudySummary | None:
    """A study's line, which lacks what cannot be read; None where that is its study.yaml."""
    study, deploy = _sound(folder, StudyDocument, STUDY_FILE), _sound(folder, DeployConfig, DEPLOY_FILE)
    tournament = _sound(folder, TournamentDocument, "tournament.json")
    if study is None:
        return None
    objective = study.objectives[0]
    statuses = _statuses(folder, study)
    return StudySummary(
        name=folder.name,
        directory=folder,
        task=study.task,
        engine=study.engine["name"],
        model=study.model.name,
        trials=sum(statuses.values()),
        statuses=statuses,
        objective=objective,
        best=plain(deploy.measured[objective]) if deploy and objective in deploy.measured else None,
        ratio=deploy.gain.ratio if deploy else None,
        verdict=tournament.verdict if tournament else "",
        hardware=study.hardware.class_,
        created_at=study.created_at,
    )


def _sound(folder: Path, kind: type[T], name: str) -> T | None:
    try:
        return StudyStore(folder).read(kind, name)
    except TunerError:
        return None


def _statuses(folder: Path, study: StudyDocument) -> dict[str, int]:
    """Finished trials by status; none where the record is not reached."""
    try:
        results = read_results(study.record, folder, study.storage)
    except TunerError:
        return {}
    return dict(Counter(str(r.status) for r in results if r.purpose in CONFIGURATIONS).most_common())


def _folders(outputs: Path) -> list[Path]:
    if not outputs.is_dir():
        return []
    return sorted(f for f in outputs.iterdir() if not f.is_symlink() and (f / STUDY_FILE).is_file())


def _latest(outputs: Path) -> Path:
    """What `outputs/latest` points to: a link, or a file with a name where links are not allowed."""
    pointer = outputs / LATEST
    if pointer.is_file():
        pointer = outputs / pointer.read_text(encoding="utf-8").strip()
    folder = pointer.resolve()
    if not (folder / STUDY_FILE).is_file():
        raise _no_studies(outputs)
    return outputs / folder.name if (outputs / folder.name / STUDY_FILE).is_file() else folder


def _no_studies(outputs: Path) -> TunerError:
    return TunerError(
        f"there are no studies in {str(outputs)!r}",
        "run `python -m tuner sweep llm`, or name another folder with --outputs DIR",
    )
