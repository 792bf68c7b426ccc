"""What explains a verdict: which knobs mattered at all, and what each change from the default to the winner brought."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from search_spaces.parameter import Params, Value


@dataclass(frozen=True)
class Step:
    """One change and what it brought: `ratio` is how many times better than the step before, None where it failed.

    `changed` maps a knob to (before, after), None where it is not in use; more than one knob where rules or conditions
    allow them to change together only.
    """

    changed: Mapping[str, tuple[Value | None, Value | None]]
    params: Params
    ratio: float | None
    ci95: tuple[float, float] | None
    pairs: int
    failure: str = ""


@dataclass(frozen=True)
class Attribution:
    """attribution.json: the way from the default to trial `winner`; no steps where the tournament says all there is."""

    winner: int
    objective: str
    steps: tuple[Step, ...] = ()


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
