"""What a machine, a build and a model say of themselves, and values that a space file derives from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from search_spaces.errors import TunerError
from search_spaces.parameter import Value

FactType = Literal["int", "float", "bool", "text", "list"]
Facts = Mapping[str, Value]
_PYTHON_TYPES: dict[FactType, tuple[type, ...]] = {
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "text": (str,),
    "list": (str,),
}


@dataclass(frozen=True)
class Fact:
    """A fact that a space file may refer to. A `list` is comma-separated text. `default` stands in when unreported."""

    name: str
    type: FactType
    help: str = ""
    default: Value | None = None


def checked_facts(space: str, declared: Mapping[str, Fact], given: Facts) -> dict[str, Value]:
    """The declared facts that are known; others in `given` are ignored. Raises TunerError for one of a wrong type."""
    known: dict[str, Value] = {}
    for name, fact in declared.items():
        value = given.get(name, fact.default)
        if value is None:
            continue
        if not isinstance(value, _PYTHON_TYPES[fact.type]) or (isinstance(value, bool) and fact.type != "bool"):
            raise TunerError(
                f"fact {name}={value!r} of the engine is not {fact.type}", f"search space {space} expects: {fact.help}"
            )
        known[name] = value
    return known


@dataclass(frozen=True)
class Expression:
    """A value taken as it is, or from a fact: floor(fact ÷ divide) + add, then kept within `at_least` and `at_most`.

    `otherwise` stands in for a fact that is unknown; like `at_most` it may be an expression too. Only `fact` or
    `literal` is set.
    """

    fact: str = ""
    literal: Value | None = None
    divide: int = 1
    add: int = 0
    at_least: int | None = None
    at_most: Expression | None = None
    otherwise: Expression | None = None

    def facts(self) -> tuple[str, ...]:
        """The facts that it refers to."""
        inner = [n for e in (self.at_most, self.otherwise) if e for n in e.facts()]
        return tuple(n for n in (self.fact, *inner) if n)

    def value(self, facts: Facts, where: str) -> Value:
        """The value. Raises TunerError (naming `where`) when the engine did not report the fact."""
        found = self.literal if not self.fact else facts.get(self.fact)
        if found is None and self.otherwise:
            return self.otherwise.value(facts, where)
        if found is None:
            raise TunerError(
                f"{where} needs the fact {self.fact!r}, which is unknown", "name a model, or check the engine"
            )
        if isinstance(found, bool | str):
            return found
        if self.divide != 1 or self.add:
            found = int(found // self.divide) + self.add
        if self.at_least is not None:
            found = max(found, self.at_least)
        if self.at_most is not None:
            found = min(found, number(self.at_most.value(facts, where), where))
        return found


def number(value: Value, where: str) -> int | float:
    """`value` if it is a number. Raises TunerError otherwise."""
    if isinstance(value, bool | str):
        raise TunerError(f"{where}: {value!r} is not a number")
    return value


def listed(value: Value) -> tuple[str, ...]:
    """The items of a `list` fact."""
    return tuple(dict.fromkeys(item.strip() for item in str(value).split(",") if item.strip()))
