"""From the text of a space file to its declarations; every key and every reference is checked."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ValidationError

from search_spaces.facts import Expression, Fact
from search_spaces.parameter import Condition, Pattern
from search_spaces.references import check_references
from search_spaces.rules import AtMost, Require, Rule
from search_spaces.space_file import (
    AnyKnob,
    AtMostEntry,
    BoundsEntry,
    ConditionEntry,
    ExpressionEntry,
    LegalEntry,
    NeedEntry,
    NumberEntry,
    PatternEntry,
    RangeEntry,
    RuleEntry,
    SpaceFile,
    SwitchEntry,
)
from search_spaces.spec import ChoicesSpec, KnobSpec, Need, RangeSpec
from search_spaces.strict_yaml import load_yaml
from search_spaces.validation import explained


def read(text: str, source: str) -> tuple[str, str, dict[str, Fact], dict[str, KnobSpec], tuple[Rule, ...]]:
    """Name, help, facts, knobs and rules of a space file. Raises TunerError that says where and what."""
    try:
        file = SpaceFile.model_validate(load_yaml(text, source))
    except ValidationError as error:
        raise explained(error.errors(), SpaceFile, source) from None
    facts = {name: Fact(name, entry.type, entry.help, entry.default) for name, entry in file.facts.items()}
    knobs = {name: _knob(name, entry) for name, entry in file.knobs.items()}
    rules = tuple(_rule(entry) for entry in file.rules)
    check_references(source, facts, knobs, rules)
    return file.name, file.help, facts, knobs, rules


def _knob(name: str, entry: AnyKnob) -> KnobSpec:
    return KnobSpec(
        name,
        entry.type,
        _domain(entry),
        default=_expression(entry.default),
        legal=_legal(entry.legal),
        unit=entry.unit,
        help=entry.help,
        scope=entry.scope,
        affects=frozenset(entry.affects or ("speed",)),
        when=_conditions(entry.when),
        needs=tuple(_need(need) for need in entry.needs),
        aliases=tuple((alias, _expression(e)) for alias, e in entry.aliases.items()),
        single=entry.single,
        saturates_at=_optional(entry.saturates_at),
        initial_value=_optional(entry.initial_value),
        stock=_optional(entry.stock),
        only_asked=entry.only_asked,
    )


def _domain(entry: AnyKnob) -> RangeSpec | ChoicesSpec:
    if isinstance(entry, SwitchEntry):
        return ChoicesSpec((False, True))
    if isinstance(entry, NumberEntry):
        return _range(entry)
    source = entry.choices_from
    values = tuple(source.order if source else entry.choices)
    return ChoicesSpec(values, entry.ordered, _optional(entry.at_most), source.fact if source else "")


def _range(entry: RangeEntry) -> RangeSpec:
    return RangeSpec(_expression(entry.low), _expression(entry.high), entry.step, entry.log)


def _legal(entry: LegalEntry | None) -> RangeSpec | Pattern | None:
    if entry is None:
        return None
    return Pattern(entry.pattern, entry.form) if isinstance(entry, PatternEntry) else _range(entry)


def _optional(entry: ExpressionEntry | None) -> Expression | None:
    return None if entry is None else _expression(entry)


def _expression(entry: ExpressionEntry) -> Expression:
    return Expression(
        fact=entry.fact,
        literal=entry.value,
        divide=entry.divide,
        add=entry.add,
        at_least=entry.at_least,
        at_most=_optional(entry.at_most),
        otherwise=_optional(entry.otherwise),
    )


def _conditions(entries: Mapping[str, ConditionEntry]) -> tuple[Condition, ...]:
    """Sorted by knob, so that the order of keys in a file means nothing."""
    return tuple(_condition(name, entries[name]) for name in sorted(entries))


def _condition(name: str, entry: ConditionEntry) -> Condition:
    if isinstance(entry, BoundsEntry):
        return Condition(name, (), entry.at_least, entry.at_most)
    return Condition(name, tuple(entry))


def _need(entry: NeedEntry) -> Need:
    (fact,) = _conditions(entry.fact)
    return Need(fact, entry.reason, entry.fix)


def _rule(entry: RuleEntry) -> Rule:
    if isinstance(entry, AtMostEntry):
        first, second = entry.at_most
        return AtMost(first, second, entry.because)
    return Require(_conditions(entry.when), _conditions(entry.require), entry.because)
