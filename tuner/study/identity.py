"""Which study this is: whether its folder holds the one that is asked for, and whether that has ended already."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from search_spaces.errors import TunerError
from tuner.core.deploy import DeployConfig
from tuner.core.events import StudyInfo
from tuner.core.study_config import Budget
from tuner.core.study_document import StudyDocument
from tuner.core.trial import TrialResult
from tuner.measure.preparation import Prepared
from tuner.results.study_store import StudyStore
from tuner.tournament.document import TournamentDocument
from tuner.tournament.interim import NOTHING

_PARTS = ("engine", "model", "workload", "space", "objectives", "constraints", "guards", "sampler")


def check_identity(known: StudyDocument | None, prepared: Prepared, directory: Path) -> None:
    """Raise TunerError when `known`, the folder's study.yaml, is of another study or has its trials elsewhere."""
    if known is None:
        return
    if known.digest == prepared.digest:
        _check_storage(known.storage, prepared, directory)
        return
    document = prepared.document()
    changed = [part for part in _PARTS if getattr(known, part) != getattr(document, part)]
    raise TunerError(
        f"study {prepared.name!r} in {str(directory)!r} is another one: {', '.join(changed) or 'hardware'} differs",
        "give this one another name with study=NAME, or leave study= out",
    )


def _check_storage(kept_in: str, prepared: Prepared, directory: Path) -> None:
    """Raise TunerError when the trials are kept elsewhere: the study would silently begin anew."""
    if kept_in == prepared.config.storage:
        return
    asked = f"not in {prepared.config.storage}" if prepared.config.storage else "and storage= was left out"
    raise TunerError(
        f"study {prepared.name!r} in {str(directory)!r} keeps its trials in {kept_in or 'its folder'}, {asked}",
        f"{f'give it storage={kept_in}' if kept_in else 'leave storage= out'}, or begin another with study=NAME",
    )


def begun_at(known: StudyDocument | None) -> str:
    """When the study was begun: what its study.yaml says, else now."""
    return known.created_at if known else time.strftime("%Y-%m-%dT%H:%M:%S%z")


def other_seed(known: StudyDocument | None, seed: int) -> list[str]:
    """A line for the user when the study was begun with another seed, which its finished trials keep."""
    begun = known.configuration.get("seed") if known else None
    if begun is None or begun == seed:
        return []
    return [
        f"this study was begun with seed={begun}; only what is still to be searched follows seed={seed} "
        "(study=NAME begins another)"
    ]


def finished_documents(
    store: StudyStore, trials: int, budget: Budget
) -> tuple[TournamentDocument, DeployConfig | None] | None:
    """tournament.json and deploy.json (None where nothing is feasible) of a study that has used up its trials.

    None when there is something left to do: trials, more pairs than the tournament was allowed, or a decision.
    """
    tournament, deploy = store.read(TournamentDocument, "tournament.json"), store.read(DeployConfig, "deploy.json")
    if tournament is None or tournament.trials != trials:
        return None
    if deploy is None and tournament.verdict != "no_feasible":
        return None
    played = len(tournament.blocks) >= tournament.pairs_most and any(
        f.ci95 and not f.failure for f in tournament.finalists
    )
    if tournament.verdict == "undecided" and tournament.finalists and not played:
        return None
    if tournament.verdict in ("keep_default", "undecided") and _stopped_short(tournament, budget):
        return None
    return (tournament, deploy) if trials >= budget.trials or tournament.exhausted else None


def _stopped_short(tournament: TournamentDocument, budget: Budget) -> bool:
    """Whether all pairs that the tournament was allowed were played, more are allowed now, and may prove a gain."""
    allowed = tournament.pairs_most
    hidden = any(f.ci95 and f.ci95[1] >= NOTHING and not f.failure for f in tournament.finalists)
    return hidden and len(tournament.blocks) >= allowed and budget.tournament_pairs_most > allowed


def study_info(prepared: Prepared, directory: Path, finished: Sequence[TrialResult]) -> StudyInfo:
    """What observers are told at the start."""
    config, stock = prepared.config, prepared.space.stock_configuration()
    return StudyInfo(
        name=prepared.name,
        directory=directory,
        task=prepared.engine.task,
        engine=prepared.engine.name,
        model=prepared.model.name,
        objectives=config.objectives,
        constraints=config.constraints,
        budget_trials=config.budget.trials,
        budget_minutes=config.budget.minutes,
        configuration=config.document,
        hardware=prepared.hardware,
        finished=tuple(finished),
        tracking_uri=config.tracking_uri,
        stock={} if stock == dict(prepared.space.baseline) else stock,
    )
