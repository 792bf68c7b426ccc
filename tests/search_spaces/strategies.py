"""Random search spaces, and a slow, obvious enumeration to hold the real one against."""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

from search_spaces.build import build
from search_spaces.errors import TunerError
from search_spaces.parameter import Choices, Condition, FloatRange, IntRange, Parameter, Value
from search_spaces.rules import AtMost, Require, Rule
from search_spaces.space import SearchSpace

WORDS = ("a", "b", "c", "d")


@st.composite
def domains(draw: st.DrawFn, finite: bool = True) -> Any:
    kinds = ["int", "bool", "words", "numbers"] + ([] if finite else ["float", "log_float", "long_int"])
    match draw(st.sampled_from(kinds)):
        case "int":
            low, step = draw(st.integers(1, 4)), draw(st.integers(1, 3))
            return IntRange(low, low + step * draw(st.integers(0, 3)), step)
        case "bool":
            return Choices((False, True))
        case "words":
            return Choices(WORDS[: draw(st.integers(1, 4))], draw(st.booleans()))
        case "numbers":
            return Choices(tuple(sorted(draw(st.sets(st.integers(-3, 9), min_size=1, max_size=4)))), ordered=True)
        case "float":
            return FloatRange(-1.0, draw(st.floats(-0.5, 3.0)))
        case "log_float":
            return FloatRange(0.1, draw(st.floats(0.2, 100.0)), log=True)
    return IntRange(1, draw(st.integers(40, 10_000)), 1, draw(st.booleans()))


def example_value(domain: Any) -> st.SearchStrategy[Value]:
    match domain:
        case Choices(values):
            return st.sampled_from(values)
        case IntRange(low, high, step):
            return st.integers(0, (high - low) // step).map(lambda i: low + i * step)
    return st.floats(domain.low, domain.high)


def is_number(knob: Parameter) -> bool:
    return not isinstance(knob.domain, Choices) or all(type(v) is int for v in knob.domain.values)


@st.composite
def conditions(draw: st.DrawFn, knob: Parameter) -> Condition:
    if is_number(knob) and draw(st.booleans()):
        return Condition(knob.name, (), at_least=float(draw(example_value(knob.domain))))
    values = draw(st.lists(example_value(knob.domain), min_size=1, max_size=2, unique=True))
    return Condition(knob.name, tuple(values))


@st.composite
def rules(draw: st.DrawFn, knobs: list[Parameter]) -> Rule | None:
    if len(knobs) < 2:
        return None
    first, second = draw(st.permutations(knobs))[:2]
    if is_number(first) and is_number(second) and draw(st.booleans()):
        return AtMost(first.name, second.name, "it is so")
    return Require((draw(conditions(first)),), (draw(conditions(second)),))


@st.composite
def spaces(draw: st.DrawFn, finite: bool = True) -> SearchSpace:
    knobs: list[Parameter] = []
    for number in range(draw(st.integers(1, 5))):
        domain = draw(domains(finite))
        parents = draw(st.permutations(knobs))[: draw(st.sampled_from([0, 0, 1, 2]))]
        when = tuple(draw(conditions(p)) for p in parents)
        knobs.append(Parameter(f"k{number}", domain, draw(example_value(domain)), when=when))
    given_rules = tuple(r for r in (draw(rules(knobs)) for _ in range(draw(st.integers(0, 2)))) if r)
    fixed_knob = draw(st.sampled_from([None, *knobs]))
    fixed = {fixed_knob.name: draw(example_value(fixed_knob.domain))} if fixed_knob else {}
    try:
        return build("random", draw(st.permutations(knobs)), given_rules, fixed, kept=())
    except TunerError:
        assume(False)
        raise AssertionError from None


def listed(domain: Any) -> list[Value]:
    return list(domain.values) if isinstance(domain, Choices) else list(range(domain.low, domain.high + 1, domain.step))


def brute_force(space: SearchSpace) -> list[dict[str, Value]]:
    """Every combination of all values, made canonical and judged by the definitions alone."""
    names = [k.name for k in space.knobs if k.name in space.fixed or k.name not in space.off]
    found: list[dict[str, Value]] = []
    columns = [[space.fixed[n]] if n in space.fixed else listed(space.parameter(n).domain) for n in names]
    for row in itertools.product(*columns):
        params: dict[str, Value] = {}
        for name, value in zip(names, row, strict=True):
            if all(_met(c, params) for c in space.parameter(name).when):
                params[name] = value
        if all(_obeyed(r, params) for r in space.rules) and params not in found:
            found.append(params)
    return found


def _met(condition: Condition, params: dict[str, Value]) -> bool:
    if condition.name not in params:
        return False
    value: Any = params[condition.name]
    if condition.at_least is not None:
        return bool(value >= condition.at_least)
    return value in condition.values


def _obeyed(rule: Rule, params: dict[str, Value]) -> bool:
    if isinstance(rule, AtMost):
        first, second = (params.get(n) for n in (rule.first, rule.second))
        return first is None or second is None or float(first) <= float(second)
    applies = all(_met(c, params) for c in rule.when)
    return not applies or all(c.name not in params or _met(c, params) for c in rule.require)
