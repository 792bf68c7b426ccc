"""Whether what a space file refers to exists: facts, knobs, and the values that conditions ask for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from string import Formatter

from search_spaces.domains import contains
from search_spaces.errors import TunerError, unknown_name
from search_spaces.facts import Fact
from search_spaces.parameter import Condition, Pattern
from search_spaces.rules import AtMost, Rule
from search_spaces.spec import ChoicesSpec, KnobSpec, RangeSpec


def check_references(
    source: str, facts: Mapping[str, Fact], knobs: Mapping[str, KnobSpec], rules: Iterable[Rule]
) -> None:
    """Raise TunerError for an unknown fact or knob, and for a condition on values that its knob can never have."""
    for knob in knobs.values():
        for name in _facts_of(knob):
            if name not in facts:
                raise unknown_name(f"fact in {source}.knobs.{knob.name}:", name, facts)
        if knob.saturates_at and not _is_number(knob):
            raise TunerError(f"{source}: saturates_at needs numbers, and {knob.name} is none")
    for condition in [c for k in knobs.values() for c in k.when] + [c for r in rules for c in r.conditions]:
        if condition.name not in knobs:
            raise unknown_name(f"knob in a condition of {source}:", condition.name, knobs)
        _check_condition(source, knobs[condition.name], condition)
    for rule in rules:
        for name in rule.names:
            if name not in knobs:
                raise unknown_name(f"knob in a rule of {source}:", name, knobs)
            if isinstance(rule, AtMost) and not _is_number(knobs[name]):
                raise TunerError(f"{source}: rule at_most needs numbers, and {name} is none")


def _facts_of(knob: KnobSpec) -> list[str]:
    spans = [d for d in (knob.domain, knob.legal) if isinstance(d, RangeSpec)]
    expressions = [knob.default, *(e for d in spans for e in (d.low, d.high)), *(e for _, e in knob.aliases)]
    expressions += [e for e in (knob.saturates_at, knob.initial_value, knob.stock) if e]
    names = [n.fact.name for n in knob.needs]
    if isinstance(knob.domain, ChoicesSpec):
        expressions += [knob.domain.at_most] if knob.domain.at_most else []
        names += [knob.domain.fact] if knob.domain.fact else []
    texts = [knob.single, *(t for n in knob.needs for t in (n.reason, n.fix))]
    try:
        names += [name for text in texts for _, name, _, _ in Formatter().parse(text) if name is not None]
    except ValueError as error:
        raise TunerError(f"knob {knob.name}: a reason has unmatched braces: {error}") from None
    return names + [n for e in expressions for n in e.facts()]


def _is_number(knob: KnobSpec) -> bool:
    if isinstance(knob.domain, RangeSpec):
        return True
    return knob.type == "choice" and not knob.domain.fact and not isinstance(knob.domain.values[0], str)


def _check_condition(source: str, knob: KnobSpec, condition: Condition) -> None:
    bounded = condition.at_least is not None or condition.at_most is not None
    if not condition.values and not bounded:
        raise TunerError(f"{source}: the condition on {knob.name} asks for nothing")
    if bounded and not _is_number(knob):
        raise TunerError(f"{source}: at_least and at_most need a number, and {knob.name} is none")
    for value in condition.values:
        if isinstance(knob.domain, RangeSpec):
            fits = isinstance(value, int | float) and not isinstance(value, bool)
        else:
            known = {(type(v), v) for v in knob.domain.values}
            fits = bool(knob.domain.fact) or (type(value), value) in known or _is_legal(knob, value)
        if not fits:
            raise TunerError(f"{source}: a condition asks for {knob.name}={value!r}, which it can never be")


def _is_legal(knob: KnobSpec, value: object) -> bool:
    """Whether it is a text that is taken although it is not searched."""
    return isinstance(knob.legal, Pattern) and isinstance(value, str) and contains(knob.legal, value)
