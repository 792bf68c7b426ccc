"""The search space of anybody's own script, which nobody declares: seen from the parameters that its trials suggested.

Parameters without a logarithmic scale become shares or steps of their range, so that equal distances count alike;
choices become their places. A parameter that some trials lack is active under a condition on one that was suggested in
all trials that have it, if there is one that tells them apart: certain choices of it, or a bound on it.

A range is the one that a script has at present, which may change from trial to trial, or from one run to the next.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial

from search_spaces.domains import contains, nearest
from search_spaces.parameter import Choices, Condition, Domain, FloatRange, IntRange, Parameter, Params, Value
from search_spaces.space import SearchSpace

RECENT, LOOKED_BACK = 8, 40
"""A range is that of so many of the last trials together; so many are looked through for whether it became narrower."""
NARROWER = 0.8
"""It did when it has less than this share of what it had."""


class InferredSpace:
    """Of `trials` that ran to their end; raises ValueError where none of them suggested anything."""

    def __init__(self, trials: Sequence[FrozenTrial]) -> None:
        found, _ = _recent(trials)
        shared = {name: sum(name in t.params for t in trials) for name in found}
        names = [n for n in sorted(found, key=lambda n: -shared[n]) if not found[n].single()]
        if not names:
            raise ValueError("no trial has suggested a parameter that has more than one value")
        self._distributions = {name: found[name] for name in names}
        seen = [self.read(t.params) for t in trials]
        knobs = tuple(self._knob(name, names[:at], seen) for at, name in enumerate(names))
        space = SearchSpace("inferred", knobs, (), {}, {}, {})
        self._space = replace(space, baseline=space.canonical({}))
        self._unruly = {k.name for k in knobs if not k.when and shared[k.name] < len(trials)}

    @property
    def space(self) -> SearchSpace:
        """What is searched."""
        return self._space

    def explains(self, trial: FrozenTrial) -> bool:
        """Whether the trial suggested what it would by the conditions that are known, from known distributions."""
        for name, distribution in trial.distributions.items():
            known = self._distributions.get(name)
            if not distribution.single() and (known is None or _wider(known, distribution) != known):
                return False
        params = self.read(trial.params)
        return set(self._space.canonical(params)) - self._unruly == set(params) - self._unruly

    def too_wide(self, trials: Sequence[FrozenTrial]) -> bool:
        """Whether the last trials have narrower ranges: what is proposed beyond them would be drawn at random."""
        found, times = _recent(trials[-LOOKED_BACK:])
        return any(
            _span(found[name]) < NARROWER * _span(known)
            for name, known in self._distributions.items()
            if times.get(name) == RECENT
        )

    def holds(self, params: Params) -> bool:
        """Whether a configuration lies within the present ranges: one that does not is no rival of one that does."""
        return all(contains(k.domain, params[k.name]) for k in self._space.parameters if k.name in params)

    def read(self, values: Mapping[str, Any]) -> Params:
        """The configuration that a trial's parameters are, as far as they are known."""
        return {n: _inner(self._distributions[n], values[n]) for n in self._distributions if n in values}

    def values(self, params: Params) -> dict[str, Any]:
        """Optuna's parameters of a configuration."""
        return {name: _outer(self._distributions[name], value) for name, value in params.items()}

    def distributions(self, params: Params) -> dict[str, BaseDistribution]:
        """Of the parameters of a configuration."""
        return {name: self._distributions[name] for name in params}

    def _knob(self, name: str, earlier: Sequence[str], seen: Sequence[Params]) -> Parameter:
        domain = _domain(self._distributions[name])
        when = _condition(name, earlier, seen, self._distributions)
        return Parameter(name, domain, _middle(domain), when=when)


def _recent(trials: Sequence[FrozenTrial]) -> tuple[dict[str, BaseDistribution], dict[str, int]]:
    """The range of each parameter in the last trials that have it, at most `RECENT`, and how many these are."""
    found: dict[str, BaseDistribution] = {}
    times: dict[str, int] = {}
    for trial in reversed(trials):
        for name, distribution in trial.distributions.items():
            if times.get(name, 0) < RECENT:
                times[name] = times.get(name, 0) + 1
                found[name] = _wider(distribution, found.get(name, distribution))
    return found, times


def _span(distribution: BaseDistribution) -> float:
    """The width of a range; of choices none, because Optuna keeps them from changing."""
    match distribution:
        case IntDistribution(low=low, high=high, log=log) | FloatDistribution(low=low, high=high, log=log):
            return math.log(high / low) if log else float(high - low)
    return 0.0


def _wider(known: BaseDistribution, other: BaseDistribution) -> BaseDistribution:
    """Of ranges that a script changes from trial to trial one that has both; else the later one."""
    match known, other:
        case IntDistribution(), IntDistribution() if (known.log, known.step) == (other.log, other.step):
            low, high = min(known.low, other.low), max(known.high, other.high)
            return IntDistribution(low, high, known.log, known.step)
        case FloatDistribution(), FloatDistribution() if (known.log, known.step) == (other.log, other.step):
            low_end, high_end = min(known.low, other.low), max(known.high, other.high)
            return FloatDistribution(low_end, high_end, known.log, known.step)
    return other


def _condition(
    name: str, earlier: Sequence[str], seen: Sequence[Params], distributions: Mapping[str, BaseDistribution]
) -> tuple[Condition, ...]:
    """When a parameter is active; no condition where all trials have it, and where none tells them apart."""
    having, lacking = [p for p in seen if name in p], [p for p in seen if name not in p]
    for other in earlier:
        if not lacking or any(other not in p for p in having):
            continue
        there, elsewhere = {p[other] for p in having}, {p[other] for p in lacking if other in p}
        if isinstance(distributions[other], CategoricalDistribution):
            if not there & elsewhere:
                return (Condition(other, tuple(sorted(there))),)
        elif not elsewhere:
            return (Condition(other),)
        elif min(map(float, there)) > max(map(float, elsewhere)):
            return (Condition(other, at_least=min(map(float, there))),)
        elif max(map(float, there)) < min(map(float, elsewhere)):
            return (Condition(other, at_most=max(map(float, there))),)
    return ()


def _domain(distribution: BaseDistribution) -> Domain:
    match distribution:
        case CategoricalDistribution(choices=choices):
            return Choices(tuple(range(len(choices))))
        case IntDistribution(low=low, high=high, log=True):
            return IntRange(low, high, log=True)
        case FloatDistribution(low=low_end, high=high_end, log=True):
            return FloatRange(low_end, high_end, log=True)
        case FloatDistribution(step=None):
            return FloatRange(0.0, 1.0)
        case IntDistribution() | FloatDistribution():
            return IntRange(0, round((distribution.high - distribution.low) / (distribution.step or 1)))
    raise ValueError(f"unknown distribution {distribution}")


def _inner(distribution: BaseDistribution, value: Any) -> Value:
    """Ours of a value of Optuna's."""
    match distribution:
        case CategoricalDistribution():
            return int(distribution.to_internal_repr(value))
        case IntDistribution(log=True):
            return int(value)
        case FloatDistribution(log=True):
            return float(value)
        case FloatDistribution(low=low, high=high, step=None):
            return float((value - low) / (high - low))
        case IntDistribution() | FloatDistribution():
            return round(float(value - distribution.low) / (distribution.step or 1))
    raise ValueError(f"unknown distribution {distribution}")


def _outer(distribution: BaseDistribution, value: Value) -> Any:
    """Optuna's of a value of ours."""
    match distribution:
        case CategoricalDistribution():
            return distribution.to_external_repr(float(value))
        case IntDistribution(log=True) | FloatDistribution(log=True):
            return value
        case FloatDistribution(low=low, high=high, step=None):
            return min(high, max(low, low + float(value) * (high - low)))
        case IntDistribution() | FloatDistribution():
            # Of real steps the last one may be rounded to beyond the end.
            return min(distribution.high, distribution.low + int(value) * (distribution.step or 1))
    raise ValueError(f"unknown distribution {distribution}")


def _middle(domain: Domain) -> Value:
    match domain:
        case Choices(values):
            return values[0]
        case IntRange(low, high, log=True) | FloatRange(low, high, log=True):
            return nearest(domain, (low * high) ** 0.5)
        case IntRange(low, high) | FloatRange(low, high):
            return nearest(domain, (low + high) / 2)
