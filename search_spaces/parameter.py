"""One knob: its range, default, condition, scope and what it affects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Value = bool | int | float | str
Params = Mapping[str, Value]
Scope = Literal["load", "context", "call"]
SCOPES: Mapping[Scope, str] = {
    "load": "another value needs the model loaded anew",
    "context": "another value needs what is set up on the loaded model anew",
    "call": "each request may have another value",
}
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
class Pattern:
    """Text that a regular expression matches as a whole; too many values to search, but a user may fix one.

    `form` describes such text in words ("one share per GPU, such as 3:1").
    """

    regex: str
    form: str


@dataclass(frozen=True)
class Condition:
    """Declarative, never evaluated as code: knob `name` has one of `values` (when any are given) and is in bounds."""

    name: str
    values: tuple[Value, ...] = ()
    at_least: float | None = None
    at_most: float | None = None

    def holds(self, params: Params) -> bool:
        """True when the knob is active in `params` and its value is as the condition says."""
        return self.name in params and self.admits(params[self.name])

    def admits(self, value: Value) -> bool:
        """Whether the condition holds for a knob with this value."""
        if self.values and value not in self.values:
            return False
        if self.at_least is None and self.at_most is None:
            return True
        if isinstance(value, str):
            return False
        return (self.at_least is None or value >= self.at_least) and (self.at_most is None or value <= self.at_most)


@dataclass(frozen=True)
class Parameter:
    """A knob of an engine. `when` conditions must all hold for it to be active (absent from `params` otherwise).

    `domain` is what is searched. `limits` is what a user may ask for instead (None: `domain` as the space declares
    it). `aliases` are other spellings of values, each with the value it stands for (-1 → all layers). `initial_value`
    is the value that a search does well to begin with here. `stock` is what people run who tune nothing, where that is
    not the library's default.
    """

    name: str
    domain: Domain
    default: Value
    unit: str = ""
    when: tuple[Condition, ...] = ()
    scope: Scope = "context"
    affects: frozenset[Affects] = field(default_factory=lambda: frozenset[Affects]({"speed"}))
    help: str = ""
    limits: Domain | Pattern | None = None
    aliases: tuple[tuple[Value, Value], ...] = ()
    initial_value: Value | None = None
    stock: Value | None = None

    @property
    def legal(self) -> Domain | Pattern:
        """What a user may fix the knob at or sweep it over."""
        return self.domain if self.limits is None else self.limits
