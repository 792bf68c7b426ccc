"""From the text of a space file to its declarations; every key and every reference is checked."""

from __future__ import annotations

import re
from typing import cast, get_args

from search_spaces.errors import TunerError, unknown_name
from search_spaces.facts import Expression, Fact, FactType
from search_spaces.parameter import Affects, Condition, Pattern, Scope, Value
from search_spaces.references import check_references
from search_spaces.rules import AtMost, Require, Rule
from search_spaces.spec import ChoicesSpec, KnobSpec, KnobType, Need, RangeSpec
from search_spaces.strict_yaml import Section, load_yaml, typed


def read(text: str, source: str) -> tuple[str, str, dict[str, Fact], dict[str, KnobSpec], tuple[Rule, ...]]:
    """Name, help, facts, knobs and rules of a space file. Raises TunerError that says where and what."""
    top = load_yaml(text, source)
    name, help_ = top.take("name", str), top.take("help", str, "")
    facts = {n: _fact(n, v, top) for n, v in top.take_section("facts").items().items()}
    knobs = {n: _knob(n, Section.of(v, f"{source}.knobs.{n}")) for n, v in top.take_section("knobs").items().items()}
    rules = top.take_each("rules", _rule)
    top.done()
    if not knobs:
        raise TunerError(f"{source}: a space needs at least one knob under 'knobs'")
    check_references(source, facts, knobs, rules)
    return name, help_, facts, knobs, rules


def _fact(name: str, content: object, top: Section) -> Fact:
    section = Section.of(content, f"{top.where}.facts.{name}")
    kind = cast(FactType, section.one_of("type", get_args(FactType)))
    fact = Fact(name, kind, section.take("help", str), section.take_any("default"))
    section.done()
    return fact


def _knob(name: str, section: Section) -> KnobSpec:
    kind = cast(KnobType, section.one_of("type", get_args(KnobType)))
    affects = section.take_each("affects", lambda item, where: typed(item, str, where))
    for item in affects:
        if item not in get_args(Affects):
            raise unknown_name(f"value of {section.where}.affects:", item, get_args(Affects))
    aliases = section.take_any("aliases") or {}
    knob = KnobSpec(
        name,
        kind,
        _domain(kind, section),
        default=_expression(section.take_any("default"), f"{section.where}.default"),
        legal=_legal(kind, section.take_section("legal")) if section.has("legal") else None,
        unit=section.take("unit", str, ""),
        help=section.take("help", str),
        scope=cast(Scope, section.one_of("scope", get_args(Scope), "context")),
        affects=frozenset(cast("tuple[Affects, ...]", affects) or ("speed",)),
        when=_conditions(section.take_section("when")),
        needs=section.take_each("needs", _need),
        aliases=tuple((k, _expression(v, f"{section.where}.aliases")) for k, v in aliases.items()),
        single=section.take("single", str, ""),
        initial_value=_expression(section.take_any("initial_value"), f"{section.where}.initial_value")
        if section.has("initial_value")
        else None,
        saturates_at=_saturates_at(kind, section) if section.has("saturates_at") else None,
    )
    section.done()
    return knob


def _saturates_at(kind: KnobType, section: Section) -> Expression:
    found = _expression(section.take_any("saturates_at"), f"{section.where}.saturates_at")
    if kind != "choice" or not found.fact:
        raise TunerError(f"{section.where}.saturates_at: it is a fact, of a choice among numbers")
    return found


def _domain(kind: KnobType, section: Section) -> RangeSpec | ChoicesSpec:
    if kind == "bool":
        return ChoicesSpec((False, True))
    if kind in ("int", "float"):
        return _range(kind, section)
    limit = _expression(section.take_any("at_most"), section.where) if section.has("at_most") else None
    ordered = section.take("ordered", bool, False)
    if section.has("choices_from"):
        source = section.take_section("choices_from")
        spec = ChoicesSpec(_scalars(source, "order"), ordered, limit, source.take("fact", str))
        source.done()
        return spec
    values = _scalars(section, "choices")
    if not values or len(set(values)) < len(values) or len({isinstance(v, str) for v in values}) > 1:
        raise TunerError(f"{section.where}.choices: at least one value is needed, each once, all text or all numbers")
    if any(isinstance(v, bool) for v in values):
        raise TunerError(
            f"{section.where}.choices: {list(values)} holds true or false", "use type: bool, or quote the words"
        )
    return ChoicesSpec(values, ordered, limit)


def _scalars(section: Section, key: str) -> tuple[Value, ...]:
    return section.take_each(key, _scalar)


def _scalar(value: object, where: str) -> Value:
    if not isinstance(value, bool | int | float | str):
        raise TunerError(f"{where}: one value is needed, not {value!r}")
    return value


def _range(kind: KnobType, section: Section) -> RangeSpec:
    """A range; of real numbers for a knob that takes them, else of whole ones."""
    low, high = (_expression(section.take_any(end), f"{section.where}.{end}") for end in ("low", "high"))
    spec = RangeSpec(low, high, section.take("step", int, 1), section.take("log", bool, False))
    if spec.step < 1 or (spec.log and spec.step != 1):
        raise TunerError(f"{section.where}.step: {spec.step} must be 1 or more, and 1 in a logarithmic range")
    lowest, highest = (
        None if end.literal is None else typed(end.literal, float if kind == "float" else int, section.where)
        for end in (low, high)
    )
    if lowest is not None and highest is not None and lowest > highest:
        raise TunerError(f"{section.where}: the range {lowest}..{highest} is empty")
    if spec.log and lowest is not None and lowest <= 0:
        raise TunerError(f"{section.where}.low: a logarithmic range must start above 0, not at {lowest}")
    return spec


def _legal(kind: KnobType, section: Section) -> RangeSpec | Pattern:
    if section.has("pattern"):
        pattern = Pattern(section.take("pattern", str), section.take("form", str))
        try:
            re.compile(pattern.regex)
        except re.error as error:
            raise TunerError(
                f"{section.where}.pattern: {pattern.regex!r} is not a regular expression: {error}"
            ) from None
        section.done()
        return pattern
    spec = _range(kind, section)
    section.done()
    return spec


def _expression(content: object, where: str) -> Expression:
    if content is None:
        raise TunerError(f"{where}: a value is missing")
    if not isinstance(content, dict):
        return Expression(literal=_scalar(content, where))
    section = Section.of(content, where)
    bound, otherwise = (
        _expression(section.take_any(key), f"{where}.{key}") if section.has(key) else None
        for key in ("at_most", "otherwise")
    )
    expression = Expression(
        fact=section.take("fact", str) if section.has("fact") else "",
        literal=_scalar(section.take_any("value"), where) if section.has("value") else None,
        divide=section.take("divide", int, 1),
        add=section.take("add", int, 0),
        at_least=section.take("at_least", int) if section.has("at_least") else None,
        at_most=bound,
        otherwise=otherwise,
    )
    section.done()
    if bool(expression.fact) == (expression.literal is not None) or expression.divide < 1:
        raise TunerError(f"{where}: either 'fact' or 'value' is needed, and 'divide' must be 1 or more")
    return expression


def _conditions(section: Section) -> tuple[Condition, ...]:
    """Sorted by knob, so that the order of keys in a file means nothing."""
    return tuple(sorted((_condition(n, v, section.where) for n, v in section.items().items()), key=lambda c: c.name))


def _condition(name: str, content: object, where: str) -> Condition:
    if isinstance(content, list):
        return Condition(name, tuple(_scalar(v, f"{where}.{name}") for v in content))
    if not isinstance(content, dict):
        return Condition(name, (_scalar(content, f"{where}.{name}"),))
    section = Section.of(content, f"{where}.{name}")
    low, high = (section.take(k, float) if section.has(k) else None for k in ("at_least", "at_most"))
    section.done()
    return Condition(name, (), low, high)


def _need(content: object, where: str) -> Need:
    section = Section.of(content, where)
    conditions = _conditions(section.take_section("fact"))
    if len(conditions) != 1:
        raise TunerError(f"{where}.fact: one fact with its condition is needed")
    need = Need(conditions[0], section.take("reason", str), section.take("fix", str, ""))
    section.done()
    return need


def _rule(content: object, where: str) -> Rule:
    section = Section.of(content, where)
    because = section.take("because", str, "")
    if section.has("at_most"):
        names = section.take_each("at_most", lambda item, at: typed(item, str, at))
        if len(names) != 2 or names[0] == names[1]:
            raise TunerError(f"{where}.at_most: two different knobs are needed, not {list(names)!r}")
        rule: Rule = AtMost(names[0], names[1], because)
    else:
        rule = Require(_conditions(section.take_section("when")), _conditions(section.take_section("require")), because)
        if not rule.when or not rule.require:
            raise TunerError(f"{where}: a rule is 'at_most: [a, b]', or 'when' and 'require'")
    section.done()
    return rule
