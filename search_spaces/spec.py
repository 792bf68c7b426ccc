"""What a space file says of one knob, before any fact is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from search_spaces.facts import Expression
from search_spaces.parameter import Affects, Condition, Pattern, Scope, Value

KnobType = Literal["int", "float", "bool", "choice"]


@dataclass(frozen=True)
class RangeSpec:
    """A range whose ends may come from facts."""

    low: Expression
    high: Expression
    step: int = 1
    log: bool = False


@dataclass(frozen=True)
class ChoicesSpec:
    """Choices, limited to those within bounds that facts give; or (`fact`) those that a list fact names.

    Of a fact's list, `values` give the order; names beyond them are kept, and the choices are then not ordered.
    """

    values: tuple[Value, ...]
    ordered: bool = False
    at_most: Expression | None = None
    fact: str = ""


@dataclass(frozen=True)
class Need:
    """A condition on a fact (unmet when the fact is unknown). `reason` and `fix` may name facts in braces."""

    fact: Condition
    reason: str
    fix: str = ""


@dataclass(frozen=True)
class KnobSpec:
    """A knob as declared. `single` is the reason that is given when one value is possible only.

    `initial_value` is what a search does well to begin with, `stock` what people run who tune nothing. From
    `saturates_at` on, where its fact is known, all values do the same: one of them is enough for a search. A knob with
    a reason in `only_asked` is searched only where the user asks for it: it may cost what no metric sees.
    """

    name: str
    type: KnobType
    domain: RangeSpec | ChoicesSpec
    default: Expression
    legal: RangeSpec | Pattern | None = None
    unit: str = ""
    help: str = ""
    scope: Scope = "context"
    affects: frozenset[Affects] = frozenset()
    when: tuple[Condition, ...] = ()
    needs: tuple[Need, ...] = ()
    aliases: tuple[tuple[Value, Expression], ...] = ()
    single: str = ""
    saturates_at: Expression | None = None
    initial_value: Expression | None = None
    stock: Expression | None = None
    only_asked: str = ""
