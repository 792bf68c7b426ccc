"""One knob: its range, default, condition, scope and what it affects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Value = bool | int | float | str
Params = Mapping[str, Value]
Scope = Literal["load", "context", "call"]
Affects = Literal["speed", "memory", "quality"]


@dataclass(frozen=True)
class IntRange:
    """Whole numbers `low..high`, both included; every `step`-th, or (log) spread evenly in logarithm."""

    low: int
    high: int
    step: int = 1
    log: bool = False


@dataclass(frozen=True)
class FloatRange:
    """Real numbers `low..high`, both included; not enumerable."""

    low: float
    high: float
    log: bool = False


@dataclass(frozen=True)
class Choices:
    """A finite list of values; booleans are the choices (False, True). `ordered` choices have a natural order."""

    values: tuple[Value, ...]
    ordered: bool = False


Domain = IntRange | FloatRange | Choices


@dataclass(frozen=True)
class Condition:
    """Declarative, never evaluated as code: knob `name` has one of `values`."""

    name: str
    values: tuple[Value, ...]

    def holds(self, params: Params) -> bool:
        """True when the knob is active in `params` and has one of the values."""
        return self.name in params and params[self.name] in self.values


@dataclass(frozen=True)
class Parameter:
    """A knob of an engine. `when` conditions must all hold for it to be active (absent from `params` otherwise)."""

    name: str
    domain: Domain
    default: Value
    unit: str = ""
    when: tuple[Condition, ...] = ()
    scope: Scope = "context"
    affects: frozenset[Affects] = field(default_factory=lambda: frozenset[Affects]({"speed"}))
    help: str = ""
