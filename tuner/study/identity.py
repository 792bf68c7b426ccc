"""Which study this is: whether its folder holds the one that is asked for, and whether that has ended already."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from search_spaces.errors import TunerError
from tuner.core.events import StudyInfo
from tuner.core.study_config import Budget
from tuner.core.trial import TrialResult
from tuner.measure.preparation import Prepared
from tuner.results.study_store import StudyStore
from tuner.tournament.interim import NOTHING

_PARTS = ("engine", "model", "workload", "space", "objectives", "constraints", "sampler")


def check_identity(known: Mapping[str, Any], prepared: Prepared, directory: Path) -> None:
    """Raise TunerError when `known`, the folder's study.yaml (empty where there is none), is of another study."""
    if not known or known.get("digest") == prepared.digest:
        return
    document = prepared.document()
    changed = [part for part in _PARTS if known.get(part) != document.get(part)]
    raise TunerError(
        f"study {prepared.name!r} in {str(directory)!r} is another one: {', '.join(changed) or 'hardware'} differs",
        "give this one another name with study=NAME, or leave study= out",
    )


def begun_at(known: Mapping[str, Any]) -> str:
    """When the study was begun: what its study.yaml says, else now."""
    return str(known.get("created_at") or time.strftime("%Y-%m-%dT%H:%M:%S%z"))


def other_seed(known: Mapping[str, Any], seed: int) -> list[str]:
    """A line for the user when the study was begun with another seed, which its finished trials keep."""
    begun = (known.get("configuration") or {}).get("seed")
    if begun is None or begun == seed:
        return []
    return [
        f"this study was begun with seed={begun}; only what is still to be searched follows seed={seed} "
        "(study=NAME begins another)"
    ]


def finished_documents(
    store: StudyStore, trials: int, budget: Budget
) -> tuple[dict[str, Any], dict[str, Any] | None] | None:
    """tournament.json and deploy.json (None where nothing is feasible) of a study that has used up its trials.

    None when there is something left to do: trials, more pairs than the tournament was allowed, or a decision.
    """
    tournament, deploy = store.read_json("tournament.json"), store.read_json("deploy.json")
    if tournament is None or tournament.get("trials") != trials:
        return None
    if deploy is None and tournament["verdict"] != "no_feasible":
        return None
    if tournament["verdict"] == "undecided" and tournament["finalists"]:
        return None
    if tournament["verdict"] == "keep_default" and _stopped_short(tournament, budget):
        return None
    return (tournament, deploy) if trials >= budget.trials or tournament["exhausted"] else None


def _stopped_short(tournament: Mapping[str, Any], budget: Budget) -> bool:
    """Whether all pairs that the tournament was allowed were played, more are allowed now, and may prove a gain."""
    allowed = float(tournament.get("pairs_most", math.inf))
    hidden = any(f["ci95"] and f["ci95"][1] >= NOTHING and not f["failure"] for f in tournament["finalists"])
    return hidden and len(tournament["blocks"]) >= allowed and budget.tournament_pairs_most > allowed


def study_info(prepared: Prepared, directory: Path, finished: Sequence[TrialResult]) -> StudyInfo:
    """What observers are told at the start."""
    config = prepared.config
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
        hardware=prepared.hardware.to_json(),
        finished=tuple(finished),
    )
