"""What explains a verdict: which knobs mattered at all, and what each of the winner's changes is worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from search_spaces.parameter import Params, Value


@dataclass(frozen=True)
class Change:
    """One change of the winner, and what it is worth: `ratio` is how many times better the winner is with it.

    `changed` maps a knob to (default, winner), None where it is not in use; more than one knob where rules or
    conditions tie them together. `params` are the winner's without it. `ratio`, above 1 is better, is None where
    nothing ran without it, or where it was not played; `pairs` are those that it is of, `failure` says why nothing ran.
    `shown` says whether it was shown to matter, `worse` what a person feels without it.
    """

    changed: Mapping[str, tuple[Value | None, Value | None]]
    params: Params
    ratio: float | None
    ci95: tuple[float, float] | None
    pairs: int
    failure: str = ""
    shown: bool = False
    worse: str = ""

    @property
    def played(self) -> bool:
        """Whether there was time for it."""
        return self.ratio is not None or bool(self.failure)


@dataclass(frozen=True)
class Ablation:
    """ablation.json: what each change of trial `winner` of the tournament is worth; none where it has one change only.

    `deployed` is the trial that is deployed: another one where changes that were not shown to matter went back.
    `rounds` were played for it.
    """

    winner: int
    deployed: int
    objective: str
    changes: tuple[Change, ...] = ()
    rounds: int = 0


@dataclass(frozen=True)
class KnobImportance:
    """`share` is of the variation that the forest explains (0..1, all knobs and shadows sum to 1)."""

    knob: str
    share: float
    above_floor: bool


@dataclass(frozen=True)
class Importance:
    """importance.json: knobs by descending share; `floor` is the share that chance reached, of so many `trials`.

    Of the knobs `hardly_varied`, one trial at the most had another value than all others: nothing can be told of them.
    """

    metric: str
    knobs: tuple[KnobImportance, ...]
    floor: float
    trials: int
    hardly_varied: tuple[str, ...] = ()
