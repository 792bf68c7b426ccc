"""A search space bound to one machine and model: which configurations there are, and which are valid."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from itertools import islice
from random import Random

from search_spaces.coercion import check_legal, coerce
from search_spaces.domains import contains, count, draw, nearest, next_to, values
from search_spaces.errors import TunerError, unknown_name
from search_spaces.parameter import Parameter, Params, Value
from search_spaces.rules import Rule
from search_spaces.tree import telling, walk

_REJECTIONS_MOST = 200
_DRAWS = 32
"""Values of a range tried at each knob when rules are so tight that drawing whole configurations fails."""
_EXPLAINED = ("help", "unit", "scope", "initial_value", "stock")
"""What does not make a knob another knob: how it is explained and applied, where a search begins, what people run."""


@dataclass(frozen=True)
class SearchSpace:
    """Made by `build`, which checks it. A configuration is *canonical* when it has the active knobs only, in order.

    `knobs` are all knobs in dependency order. `fixed` ones have one value wherever they are active; `off` ones (name →
    reason) are not searched, and are in no configuration unless they are also `fixed` (one value is possible here).
    `baseline` is the engine's default, canonical, and may lie outside of the searched ranges. `notes` are lines that
    the user should read about it.
    """

    name: str
    knobs: tuple[Parameter, ...]
    rules: tuple[Rule, ...]
    fixed: Mapping[str, Value]
    baseline: Params
    off: Mapping[str, str]
    notes: tuple[str, ...] = ()

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """The searched knobs, in dependency order."""
        return tuple(k for k in self.knobs if k.name not in self.fixed and k.name not in self.off)

    @cached_property
    def used(self) -> tuple[Parameter, ...]:
        """The knobs that a configuration can have: searched and fixed ones, in dependency order."""
        return tuple(k for k in self.knobs if k.name in self.fixed or k.name not in self.off)

    @cached_property
    def digest(self) -> str:
        """16 hex digits, stable across processes; any range, rule, condition, default or fixed value changes them."""
        parts = [{**asdict(knob), "affects": sorted(knob.affects)} for knob in sorted(self.knobs, key=lambda k: k.name)]
        knobs = [{name: value for name, value in part.items() if name not in _EXPLAINED} for part in parts]
        rules = sorted(json.dumps([type(r).__name__, {**asdict(r), "because": ""}], sort_keys=True) for r in self.rules)
        content = [self.name, knobs, rules, dict(self.fixed), dict(self.baseline), sorted(self.off)]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]

    def parameter(self, name: str) -> Parameter:
        """The knob called `name`. Raises TunerError with the nearest match when there is none."""
        if name not in self._named:
            raise unknown_name("knob", name, self._named)
        return self._named[name]

    @cached_property
    def _named(self) -> Mapping[str, Parameter]:
        return {knob.name: knob for knob in self.knobs}

    @cached_property
    def _coerced(self) -> dict[tuple[str, type, Value], Value]:
        """What discrete values were coerced to: a search asks for the same ones thousands of times."""
        return {}

    def _of_type(self, knob: Parameter, value: Value) -> Value:
        if isinstance(value, float):
            return coerce(knob, value)
        known = knob.name, type(value), value
        if known not in self._coerced:
            self._coerced[known] = coerce(knob, value)
        return self._coerced[known]

    def canonical(self, values: Mapping[str, Value]) -> dict[str, Value]:
        """`values` as a configuration: inactive and off knobs dropped, missing ones filled in, types made right.

        A missing knob gets its fixed value, else its default (the nearest searched value to it). Raises TunerError for
        an unknown knob and for a value of a wrong type; says nothing about ranges and rules.
        """
        for name in values:
            self.parameter(name)
        params: dict[str, Value] = {}
        for knob in self.used:
            if not knob.when or all(c.holds(params) for c in knob.when):
                given = values.get(knob.name, self.fixed.get(knob.name))
                params[knob.name] = nearest(knob.domain, knob.default) if given is None else self._of_type(knob, given)
        return params

    def initial_configuration(self) -> dict[str, Value] | None:
        """The baseline with the values that a search does well to begin with; None where that changes nothing."""
        wanted = {
            k.name: k.initial_value
            for k in self.parameters
            if k.initial_value is not None and contains(k.domain, k.initial_value)
        }
        params = self.canonical({**self.baseline, **wanted})
        return None if params == dict(self.baseline) or self.violation_degree(params) else params

    def stock_configuration(self) -> dict[str, Value]:
        """What people run who tune nothing: the baseline with the knobs' stock values; the baseline where rules forbid.

        A knob that the user fixed stays as it is fixed; one that is only not searched here does not.
        """
        given = {name for name in self.fixed if name not in self.off}
        wanted = {k.name: k.stock for k in self.used if k.stock is not None and k.name not in given}
        params = self.canonical({**self.baseline, **wanted})
        return dict(self.baseline) if self.violation_degree(params) else params

    def with_stock(self, values: Mapping[str, Value], note: str = "") -> SearchSpace:
        """The same space where people run `values` of these knobs, with one more line about it.

        Raises TunerError for an unknown knob and for a value that nobody may have.
        """
        checked = {name: check_legal(self.parameter(name), value, "stock") for name, value in values.items()}
        knobs = tuple(replace(k, stock=checked.get(k.name, k.stock)) for k in self.knobs)
        return replace(self, knobs=knobs, notes=(*self.notes, *([note] if note else [])))

    def violations(self, params: Params) -> list[str]:
        """The broken rules, one sentence each with the values that break it."""
        return [text for rule in self.rules if (text := rule.violation(params))]

    def violation_degree(self, params: Params) -> float:
        """0 when no rule is broken, else above 0 and larger the further rules are from holding."""
        return sum(rule.degree(params) for rule in self.rules)

    def validate(self, params: Params) -> None:
        """Raise TunerError unless `params` may be run here: known knobs, legal values, in use, no rule broken.

        Legal is wider than searched: the baseline, and values that a user may ask for, pass.
        """
        for name, value in params.items():
            knob = self.parameter(name)
            if name in self.off and name not in self.fixed:
                if coerce(knob, value) != knob.default:
                    raise TunerError(f"{name} is off here", self.off[name])
            elif self.baseline.get(name) != value and self.fixed.get(name) != value:
                check_legal(knob, value, because=self.off.get(name, ""))
        if broken := self.violations(self.canonical(params)):
            raise TunerError(broken[0], "change one of these knobs")

    def size(self, limit: int) -> int | None:
        """How many valid configurations there are; None above `limit` and for continuous ranges."""
        if not self._is_finite:
            return None
        found = sum(1 for _ in islice(self._walk(), limit + 1))
        return found if found <= limit else None

    def enumerate(self, limit: int) -> list[dict[str, Value]] | None:
        """Every valid configuration, canonical; None above `limit` and for continuous ranges."""
        if not self._is_finite:
            return None
        found = list(islice(self._walk(), limit + 1))
        return found if len(found) <= limit else None

    def random(self, rng: Random) -> dict[str, Value]:
        """A valid configuration: each active knob drawn evenly from its range, again until no rule is broken."""
        for _ in range(_REJECTIONS_MOST):
            drawn = self.canonical({k.name: draw(k.domain, rng) for k in self.parameters})
            if not self.violation_degree(drawn):
                return drawn
        return next(walk(self.used, self.rules, lambda knob: self._shuffled(knob, rng)))

    def neighbours(self, params: Params) -> list[dict[str, Value]]:
        """The valid configurations that differ in one searched knob: the next values where it has an order, else any.

        Knobs that the change brings into use have their defaults. A value outside of the searched range has the
        nearest one inside as its only neighbour.
        """
        found = []
        for knob in self.parameters:
            for value in next_to(knob.domain, params[knob.name]) if knob.name in params else ():
                neighbour = self.canonical({**params, knob.name: value})
                if not self.violation_degree(neighbour) and neighbour not in found:
                    found.append(neighbour)
        return found

    @cached_property
    def _is_finite(self) -> bool:
        return all(count(k.domain) is not None for k in self.parameters)

    def _walk(self) -> Iterable[dict[str, Value]]:
        return walk(
            self.used, self.rules, lambda k: (self.fixed[k.name],) if k.name in self.fixed else values(k.domain)
        )

    def _shuffled(self, knob: Parameter, rng: Random) -> list[Value]:
        """Values to try one after another, the ends of a long range among them."""
        if knob.name in self.fixed:
            return [self.fixed[knob.name]]
        size = count(knob.domain)
        tried = telling(knob, [c for r in self.rules for c in r.conditions])
        if size is None:
            tried = [draw(knob.domain, rng) for _ in range(_DRAWS)] + tried
        return rng.sample(tried, len(tried))
