"""Rules between knobs: what must hold of every configuration. A rule on a knob that is not in use holds."""

from __future__ import annotations

from dataclasses import dataclass

from search_spaces.domains import show
from search_spaces.parameter import Condition, Params


@dataclass(frozen=True)
class AtMost:
    """Knob `first` must not exceed knob `second`; both are numbers. `because` says why, as a clause."""

    first: str
    second: str
    because: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The knobs it speaks of."""
        return (self.first, self.second)

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """The conditions it is made of."""
        return ()

    def degree(self, params: Params) -> float:
        """0 when it holds, else how far it is broken: the excess relative to the larger value."""
        first, second = params.get(self.first), params.get(self.second)
        if first is None or second is None or isinstance(first, str) or isinstance(second, str) or first <= second:
            return 0.0
        return (first - second) / max(abs(first), abs(second))

    def describe(self) -> str:
        """The rule as a sentence."""
        return _sentence(f"{self.first} must be at most {self.second}", self.because)

    def violation(self, params: Params) -> str:
        """Why `params` break it, as a sentence with their values; "" when they do not."""
        if not self.degree(params):
            return ""
        values = f"{self.first}={show(params[self.first])} is above {self.second}={show(params[self.second])}"
        return _sentence(values, self.because)


@dataclass(frozen=True)
class Require:
    """Where all of `when` hold, each of `require` must hold. `because` says why, as a clause."""

    when: tuple[Condition, ...]
    require: tuple[Condition, ...]
    because: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The knobs it speaks of."""
        return tuple(dict.fromkeys(c.name for c in self.conditions))

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """The conditions it is made of."""
        return (*self.when, *self.require)

    def degree(self, params: Params) -> float:
        """0 when it holds, else the sum over broken requirements: 1 for a wrong choice, a distance for a bound."""
        if not all(c.holds(params) for c in self.when):
            return 0.0
        return sum(_shortfall(c, params) for c in self._broken(params))

    def describe(self) -> str:
        """The rule as a sentence."""
        when, then = (" and ".join(describe_condition(c) for c in cs) for cs in (self.when, self.require))
        return _sentence(f"{then} is required when {when}", self.because)

    def violation(self, params: Params) -> str:
        """Why `params` break it, as a sentence with their values; "" when they do not."""
        if not self.degree(params):
            return ""
        cause = ", ".join(f"{c.name}={show(params[c.name])}" for c in self.when)
        needs = " and ".join(f"{describe_condition(c)} (is {show(params[c.name])})" for c in self._broken(params))
        return _sentence(f"{cause} requires {needs}", self.because)

    def _broken(self, params: Params) -> list[Condition]:
        return [c for c in self.require if c.name in params and not c.holds(params)]


Rule = AtMost | Require


def describe_condition(condition: Condition) -> str:
    """A condition in words: `turbo=true`, `mode=a or b`, `threads at least 2`."""
    parts = [f"{condition.name}={' or '.join(show(v) for v in condition.values)}"] if condition.values else []
    if condition.at_least is not None:
        parts.append(f"{condition.name} at least {show(condition.at_least)}")
    if condition.at_most is not None:
        parts.append(f"{condition.name} at most {show(condition.at_most)}")
    return " and ".join(parts)


def _shortfall(condition: Condition, params: Params) -> float:
    """How far a broken condition is from holding: 1 for a wrong choice, in (0, 1) for a missed bound."""
    value = params[condition.name]
    if isinstance(value, str) or (condition.values and value not in condition.values):
        return 1.0
    low, high = condition.at_least, condition.at_most
    distance = low - value if low is not None and value < low else value - high if high is not None else 0.0
    return distance / (distance + 1.0)


def _sentence(text: str, because: str) -> str:
    return f"{text}: {because}" if because else text
