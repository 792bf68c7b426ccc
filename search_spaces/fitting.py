"""Fitting a range that a user typed to a knob: its type, its order, and what is legal for it."""

from __future__ import annotations

import math

from search_spaces.coercion import check_legal, coerce, range_words
from search_spaces.domains import count, describe, kind, show, values
from search_spaces.errors import TunerError
from search_spaces.parameter import Choices, Domain, FloatRange, IntRange, Parameter, Value

_LISTED_MOST = 1000


def fit_domain(parameter: Parameter, domain: Domain, because: str = "") -> Domain:
    """`domain` as a range of `parameter`: choices coerced and put in order, the ends of ranges made whole numbers.

    Of a knob that has only certain choices, a range takes those that lie in it. `because` (why the legal range is as
    it is) goes into errors. Raises TunerError for an empty range, a wrong type and values that are not legal.
    """
    try:
        return _fitted(parameter, domain, because)
    except TunerError as error:
        raise TunerError(error.message, example(parameter)) from None


def _fitted(parameter: Parameter, domain: Domain, because: str) -> Domain:
    if isinstance(domain, Choices):
        return _choices(parameter, domain, because)
    said = f"space.{parameter.name}"
    if domain.low > domain.high or not all(math.isfinite(e) for e in (domain.low, domain.high)):
        raise TunerError(f"{said}: the range {describe(domain)} is empty or without end")
    if kind(parameter.domain) in (bool, str):
        raise TunerError(f"{said}: a range does not apply to {parameter.name}, which is {range_words(parameter)}")
    if isinstance(parameter.legal, Choices):
        return _choices_within(parameter, parameter.legal, domain)
    if domain.log and domain.low <= 0:
        raise TunerError(f"{said}: a logarithmic range must start above 0, not at {domain.low:g}")
    fitted = _whole(parameter, domain) if kind(parameter.domain) is int else _real(parameter, domain)
    if isinstance(fitted, Choices):
        return _choices(parameter, fitted, because)
    second = fitted.low + fitted.step if isinstance(fitted, IntRange) else fitted.high  # off the legal grid?
    for value in (fitted.low, fitted.high, min(second, fitted.high)):
        check_legal(parameter, value, said, because)
    return fitted


def example(parameter: Parameter | None) -> str:
    """A hint that shows the syntax on this very knob."""
    if parameter is None:
        return "for example choice(1,2,4), range(1,9), interval(0,1) or tag(log,int(interval(1,64)))"
    match parameter.domain:
        case Choices(listed):
            text = f"choice({','.join(show(v) for v in listed[:3])})"
        case IntRange(low, high):
            text = f"range({low},{high + 1})"
        case FloatRange(low, high):
            text = f"interval({low:g},{high:g})"
    return f"for example 'space.{parameter.name}={text}'; legal: {range_words(parameter)}"


def on_grid(low: int, high: int, step: int = 1, log: bool = False) -> IntRange:
    """A whole-number range whose high end is a value of it."""
    return IntRange(low, low + (high - low) // step * step, step, log)


def _choices(parameter: Parameter, domain: Choices, because: str) -> Choices:
    said = f"space.{parameter.name}"
    if not domain.values:
        raise TunerError(f"{said}: no value to choose from")
    listed = list(dict.fromkeys(check_legal(parameter, v, said, because) for v in domain.values))
    known = next((d for d in (parameter.domain, parameter.legal) if isinstance(d, Choices) and d.ordered), None)
    if kind(parameter.domain) in (int, float):
        return Choices(tuple(sorted(listed, key=float)), ordered=True)
    if known and all(v in known.values for v in listed):
        return Choices(tuple(v for v in known.values if v in listed), ordered=True)
    return Choices(tuple(listed))


def _choices_within(parameter: Parameter, legal: Choices, domain: IntRange | FloatRange) -> Choices:
    inside = tuple(v for v in legal.values if not isinstance(v, str) and domain.low <= v <= domain.high)
    if not inside:
        raise TunerError(f"space.{parameter.name}: none of {describe(legal)} lies in {describe(domain)}")
    return Choices(inside, legal.ordered)


def _whole(parameter: Parameter, domain: IntRange | FloatRange) -> IntRange:
    low, high = (coerce(parameter, end, f"space.{parameter.name}") for end in (domain.low, domain.high))
    step = domain.step if isinstance(domain, IntRange) else 1
    return on_grid(int(low), int(high), step, domain.log)


def _real(parameter: Parameter, domain: IntRange | FloatRange) -> FloatRange | Choices:
    """Whole numbers on a knob that takes real ones stay the list that they are, unless they are logarithmic."""
    if isinstance(domain, FloatRange) or domain.log:
        return FloatRange(float(domain.low), float(domain.high), domain.log)
    if (count(domain) or 0) > _LISTED_MOST:
        raise TunerError(f"space.{parameter.name}: more than {_LISTED_MOST} values; use interval")
    listed: list[Value] = list(values(domain))
    return Choices(tuple(float(v) for v in listed), ordered=True)
