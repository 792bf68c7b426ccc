"""What can be asked of a range whatever its kind: is a value in it, which are its values, which lie next to one."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Iterator

from search_spaces.parameter import Choices, Domain, FloatRange, IntRange, Pattern, Value

_FINE = 16
"""A range of more values than this is also stepped through in sixteenths."""


def kind(domain: Domain | Pattern) -> type[bool] | type[int] | type[float] | type[str]:
    """The Python type of the values. Choices of whole and real numbers together are real."""
    if isinstance(domain, Choices):
        types = {type(v) for v in domain.values}
        return next((t for t in (str, bool, float) if t in types), int)
    return {IntRange: int, FloatRange: float, Pattern: str}[type(domain)]


def count(domain: Domain) -> int | None:
    """How many values; None when there is no end to them."""
    match domain:
        case IntRange(low, high, step):
            return max(0, (high - low) // step + 1)
        case Choices(values):
            return len(values)
        case FloatRange(low, high):
            return 1 if low == high else None


def values(domain: Domain) -> Iterator[Value]:
    """Every value, in order. Of a real range that is more than a point: both ends only."""
    match domain:
        case IntRange(low, high, step):
            yield from range(low, high + 1, step)
        case Choices(listed):
            yield from listed
        case FloatRange(low, high):
            yield from dict.fromkeys((low, high))


def contains(domain: Domain | Pattern, value: Value) -> bool:
    """Whether a value of the right type lies in the domain."""
    match domain:
        case Choices(listed):
            return any(value == v and isinstance(value, bool) == isinstance(v, bool) for v in listed)
        case Pattern(regex):
            return isinstance(value, str) and re.fullmatch(regex, value) is not None
        case FloatRange(low, high):
            return not isinstance(value, bool | str) and low <= value <= high
        case IntRange(low, high, step):
            return type(value) is int and low <= value <= high and (value - low) % step == 0


def draw(domain: Domain, rng: random.Random) -> Value:
    """A value, each as likely as any other (in logarithm where the range is logarithmic)."""
    match domain:
        case Choices(listed):
            return rng.choice(listed)
        case FloatRange(low, high, True):
            return min(high, max(low, math.exp(rng.uniform(math.log(low), math.log(high)))))
        case FloatRange(low, high):
            return rng.uniform(low, high)
        case IntRange(low, high, _, True):
            return min(high, max(low, round(math.exp(rng.uniform(math.log(low - 0.5), math.log(high + 0.5))))))
        case IntRange(low, high, step):
            return rng.randrange(low, high + 1, step)


def nearest(domain: Domain, value: Value) -> Value:
    """The value of the domain that is closest to `value`; the first one where closeness means nothing."""
    if contains(domain, value):
        return value
    match domain:
        case FloatRange(low, high) if not isinstance(value, str):
            return min(high, max(low, float(value)))
        case IntRange(low, high, step) if not isinstance(value, str):
            return low + round((min(high, max(low, value)) - low) / step) * step
        case _:
            listed = list(values(domain))
            numbers = [v for v in listed if not isinstance(v, bool | str)]
            if isinstance(value, bool | str) or len(numbers) < len(listed):
                return listed[0]
            return min(numbers, key=lambda v: abs(v - value))


def next_to(domain: Domain, value: Value) -> list[Value]:
    """The next lower and higher values (also a sixteenth of a long range away); all others where there is no order.

    Of a value outside the domain: the nearest one inside, or all where there is no order.
    """
    if isinstance(domain, Choices):
        at = next((i for i, v in enumerate(domain.values) if contains(Choices((v,)), value)), None)
        if domain.ordered and at is None:
            return [nearest(domain, value)]
        return [v for i, v in enumerate(domain.values) if i != at and (not domain.ordered or abs(i - (at or 0)) == 1)]
    if isinstance(value, bool | str) or not contains(domain, value):
        return [nearest(domain, value)]
    jumps = _jumps(domain, value)
    if isinstance(domain, IntRange):
        far = [domain.low + round((j - domain.low) / domain.step) * domain.step for j in jumps]
        is_long = (domain.high - domain.low) // domain.step >= _FINE
        jumps = [value - domain.step, value + domain.step, *(far if is_long else [])]
    clamped = dict.fromkeys(min(domain.high, max(domain.low, j)) for j in jumps)
    return [v for v in clamped if v != value]


def _jumps(domain: IntRange | FloatRange, value: float) -> list[float]:
    """A sixteenth of the range down and up, in logarithm where the range is logarithmic."""
    if domain.log:
        factor = (domain.high / domain.low) ** (1 / _FINE)
        return [value / factor, value * factor]
    return [value - (domain.high - domain.low) / _FINE, value + (domain.high - domain.low) / _FINE]


def describe(domain: Domain | Pattern) -> str:
    """For people: `1..8`, `0.1..10 (log)`, `a, b, c`."""
    match domain:
        case Choices(listed):
            return ", ".join(show(v) for v in listed)
        case Pattern(_, form):
            return form
        case IntRange(low, high, step, log):
            notes = [f"steps of {step}"] * (step != 1) + ["log"] * log
        case FloatRange(low, high, log):
            notes = ["log"] * log
    return f"{show(low)}..{show(high)}" + (f" ({', '.join(notes)})" if notes else "")


def show(value: Value) -> str:
    """A value as a user would type it: `true`, `4`, `0.1`, `Q4_K_M`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)
