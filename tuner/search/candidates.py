"""Configurations that may be worth proposing: all of a small space, else some at chance and some near the best."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property

from search_spaces.domains import draw, nearest
from search_spaces.parameter import Choices, Domain, Parameter, Params, Value
from search_spaces.space import SearchSpace
from tuner.core.params import key

LISTED_MOST = 4000
"""A space of at most this many configurations is looked through as a whole for the most promising one."""
DRAWN, NEAR_DRAWN, LEADERS = 300, 200, 3
"""Of a larger space: this many drawn by chance, and this many near one of the best few."""
DRAWN_ANEW, NEAR_ANEW = 30, 100
"""So many are new from one proposal to the next; of those near the best more once the best are others. To draw them is
dear where rules forbid many, and an old one is as good a candidate as a new one."""
REDRAWN_MOST = 3
"""Knobs in which such a near one differs, at most."""
NEARBY_SHARE = 0.5
"""In so many of the cases a knob that is drawn anew gets a value near its old one."""
REACHES = (-2.5, -0.5)
"""How near, as a share of the range: powers of ten."""


class Candidates:
    """Draws by `rng`; a budget of `budget_trials` that is larger than `LISTED_MOST` has a space of its size listed."""

    def __init__(self, space: SearchSpace, rng: random.Random, budget_trials: int | None = None) -> None:
        self._space, self._rng = space, rng
        self._listed_most = max(LISTED_MOST, budget_trials or 0)
        self._drawn, self._near = _Pool(DRAWN), _Pool(NEAR_DRAWN)
        self._around: list[dict[str, Value]] = []

    def fresh(self, leaders: Sequence[Params], seen: Collection[str]) -> list[Params]:
        """Valid configurations whose keys are not among `seen`, in an order of chance."""
        found = self.listed
        if found is None:
            around = [self._inside(p) for p in leaders or [self._space.baseline]]
            others, self._around = around != self._around, around
            near = self._near.renewed(NEAR_ANEW if others else DRAWN_ANEW, lambda: self._beside(around))
            drawn = self._drawn.renewed(DRAWN_ANEW, lambda: self._space.random(self._rng))
            found = {**{key(p): p for p in self._space.neighbours(around[0])}, **near, **drawn}
        fresh = [p for name, p in found.items() if name not in seen]
        self._rng.shuffle(fresh)
        return fresh

    @cached_property
    def listed(self) -> Mapping[str, Params] | None:
        """All configurations by key; None where there are too many."""
        listed = self._space.enumerate(self._listed_most)
        return None if listed is None else {key(p): p for p in listed}

    def _beside(self, around: Sequence[Params]) -> Params | None:
        """One of the best few with one knob or a few drawn anew; None where that breaks a rule."""
        drawn = dict(self._rng.choice(around))
        knobs = self._rng.sample(self._space.parameters, min(REDRAWN_MOST, len(self._space.parameters)))
        for knob in knobs[: self._rng.randint(1, REDRAWN_MOST)]:
            drawn[knob.name] = self._redrawn(knob, drawn.get(knob.name))
        params = self._space.canonical(drawn)
        return None if self._space.violation_degree(params) else params

    def _redrawn(self, knob: Parameter, value: Value | None) -> Value:
        if value is None or self._rng.random() >= NEARBY_SHARE:
            return draw(knob.domain, self._rng)
        return nearby(knob.domain, value, self._rng)

    def _inside(self, params: Params) -> dict[str, Value]:
        """The nearest configuration within the searched ranges: the baseline may lie outside of them."""
        searched = {k.name: nearest(k.domain, params[k.name]) for k in self._space.parameters if k.name in params}
        return {**params, **searched}


class _Pool:
    """At most `size` configurations by key, of which the oldest make room for new ones."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._held: dict[str, Params] = {}

    def renewed(self, count: int, one: Callable[[], Params | None]) -> dict[str, Params]:
        """With `count` of `one` more; the first time with as many as there may be."""
        for _ in range(count if self._held else self._size):
            if (params := one()) is not None:
                name = key(params)
                self._held.pop(name, None)
                self._held[name] = params
        self._held = dict(list(self._held.items())[-self._size :])
        return self._held


def nearby(domain: Domain, value: Value, rng: random.Random) -> Value:
    """A value at a distance that may be small or large (normal, of a standard deviation that is drawn too).

    Any other one where there is no order.
    """
    if isinstance(domain, Choices) or isinstance(value, str | bool):
        return draw(domain, rng)
    low, high, log = float(domain.low), float(domain.high), domain.log
    if log:
        low, high, value = math.log(low), math.log(high), math.log(value)
    moved = min(high, max(low, rng.gauss(float(value), (high - low) * 10 ** rng.uniform(*REACHES))))
    return nearest(domain, math.exp(moved) if log else moved)
