"""The form of a space file: what may stand where. `search_spaces/reader.py` makes declarations of it."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, model_validator

from search_spaces.facts import FactType
from search_spaces.parameter import Affects, Scope, Value
from search_spaces.validation import refuse

Number = int | float


class Entry(BaseModel):
    """A mapping with known keys. Values are taken as they are: "2" is no number, and true is none either."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class FactEntry(Entry):
    """A fact that the file refers to."""

    type: FactType
    help: str
    default: Value | None = None


class ExpressionEntry(Entry):
    """A value, or what is made of a fact; a bare value is short for `{value: …}`."""

    fact: str = ""
    value: Value | None = None
    divide: int = 1
    add: int = 0
    at_least: int | None = None
    at_most: ExpressionEntry | None = None
    otherwise: ExpressionEntry | None = None

    @model_validator(mode="before")
    @classmethod
    def _bare_value(cls, content: Any) -> Any:
        if content is None:
            refuse("a value is missing")
        return content if isinstance(content, dict) else {"value": content}

    @model_validator(mode="after")
    def _sound(self) -> ExpressionEntry:
        if bool(self.fact) == (self.value is not None) or self.divide < 1:
            refuse("either 'fact' or 'value' is needed, and 'divide' must be 1 or more")
        return self


class BoundsEntry(Entry):
    """A condition on a number."""

    at_least: Number | None = None
    at_most: Number | None = None


ConditionEntry = Annotated[
    Annotated[list[Value], Tag("values")] | Annotated[BoundsEntry, Tag("bounds")],
    Discriminator(lambda content: "values" if isinstance(content, list) else "bounds"),
    BeforeValidator(lambda content: content if isinstance(content, list | dict) else [content]),
]
"""The values that a knob or fact may have, or bounds of it; one value alone is short for a list of it."""


class NeedEntry(Entry):
    """A condition on one fact, without which a knob is off."""

    fact: dict[str, ConditionEntry]
    reason: str
    fix: str = ""

    @model_validator(mode="after")
    def _one_fact(self) -> NeedEntry:
        if len(self.fact) != 1:
            refuse("one fact with its condition is needed", "fact")
        return self


class RangeEntry(Entry):
    """Ends of a range; they may come from facts."""

    low: ExpressionEntry
    high: ExpressionEntry
    step: int = 1
    log: bool = False

    @model_validator(mode="after")
    def _a_range(self) -> RangeEntry:
        if self.step < 1 or (self.log and self.step != 1):
            refuse(f"{self.step} must be 1 or more, and 1 in a logarithmic range", "step")
        ends = [end.value for end in (self.low, self.high) if end.value is not None]
        for value in ends:
            if isinstance(value, bool | str):
                refuse(f"a number is needed, not {value!r}")
        if len(ends) == 2 and ends[0] > ends[1]:  # type: ignore[operator]  # numbers, as was just seen
            refuse(f"the range {ends[0]}..{ends[1]} is empty")
        if self.log and self.low.value is not None and self.low.value <= 0:  # type: ignore[operator]
            refuse(f"a logarithmic range must start above 0, not at {self.low.value}", "low")
        return self


class PatternEntry(Entry):
    """Text that a regular expression describes."""

    pattern: str
    form: str

    @model_validator(mode="after")
    def _compiles(self) -> PatternEntry:
        try:
            re.compile(self.pattern)
        except re.error as error:
            refuse(f"{self.pattern!r} is not a regular expression: {error}", "pattern")
        return self


LegalEntry = Annotated[
    Annotated[RangeEntry, Tag("range")] | Annotated[PatternEntry, Tag("pattern")],
    Discriminator(lambda content: "pattern" if isinstance(content, dict) and "pattern" in content else "range"),
]


class KnobEntry(Entry):
    """What knobs of every type have."""

    default: ExpressionEntry
    help: str
    legal: LegalEntry | None = None
    unit: str = ""
    scope: Scope = "context"
    affects: list[Affects] = []
    when: dict[str, ConditionEntry] = {}
    needs: list[NeedEntry] = []
    aliases: dict[Value, ExpressionEntry] = {}
    single: str = ""
    initial_value: ExpressionEntry | None = None
    stock: ExpressionEntry | None = None
    only_asked: str = ""
    saturates_at: ExpressionEntry | None = None

    @model_validator(mode="after")
    def _saturates(self) -> KnobEntry:
        if self.saturates_at and not (isinstance(self, ChoiceEntry) and self.saturates_at.fact):
            refuse("it is a fact, of a choice among numbers", "saturates_at")
        return self


class SwitchEntry(KnobEntry):
    """A knob that is on or off."""

    type: Literal["bool"]


class NumberEntry(KnobEntry, RangeEntry):
    """A knob with a range."""

    type: Literal["int", "float"]

    @model_validator(mode="after")
    def _whole(self) -> NumberEntry:
        for end in (self.low.value, self.high.value):
            if self.type == "int" and isinstance(end, float):
                refuse(f"a whole number is needed, not {end!r}")
        return self


class ListedChoices(Entry):
    """The name of a list fact, and the order of the choices that it may hold."""

    fact: str
    order: list[Value] = []


class ChoiceEntry(KnobEntry):
    """A knob with a list of values, its own or a fact's."""

    type: Literal["choice"]
    choices: list[Value] = []
    choices_from: ListedChoices | None = None
    ordered: bool = False
    at_most: ExpressionEntry | None = None

    @model_validator(mode="after")
    def _one_list(self) -> ChoiceEntry:
        values = self.choices
        if self.choices_from:
            if values:
                refuse("either 'choices' or 'choices_from' is needed, not both")
            return self
        if not values or len(set(values)) < len(values) or len({isinstance(v, str) for v in values}) > 1:
            refuse("at least one value is needed, each once, all text or all numbers", "choices")
        if any(isinstance(v, bool) for v in values):
            refuse(f"{values} holds true or false", "choices", "use type: bool, or quote the words")
        return self


AnyKnob = Annotated[SwitchEntry | NumberEntry | ChoiceEntry, Field(discriminator="type")]


class AtMostEntry(Entry):
    """One knob's number must not exceed another's."""

    at_most: list[str]
    because: str = ""

    @model_validator(mode="after")
    def _two(self) -> AtMostEntry:
        if len(set(self.at_most)) != 2 or len(self.at_most) != 2:
            refuse(f"two different knobs are needed, not {self.at_most!r}", "at_most")
        return self


class RequireEntry(Entry):
    """What must hold where something else does."""

    when: dict[str, ConditionEntry] = {}
    require: dict[str, ConditionEntry] = {}
    because: str = ""

    @model_validator(mode="after")
    def _both(self) -> RequireEntry:
        if not self.when or not self.require:
            refuse("a rule is 'at_most: [a, b]', or 'when' and 'require'")
        return self


RuleEntry = Annotated[
    Annotated[AtMostEntry, Tag("at_most")] | Annotated[RequireEntry, Tag("require")],
    Discriminator(lambda content: "at_most" if isinstance(content, dict) and "at_most" in content else "require"),
]


class SpaceFile(Entry):
    """A whole file."""

    name: str
    help: str = ""
    facts: dict[str, FactEntry] = {}
    knobs: dict[str, AnyKnob] = {}
    rules: list[RuleEntry] = []

    @model_validator(mode="after")
    def _some_knobs(self) -> SpaceFile:
        if not self.knobs:
            refuse("a space needs at least one knob under 'knobs'")
        return self
