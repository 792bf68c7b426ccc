"""Configurations that may be worth proposing: all of a small space, else some at chance and some near the best."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property

from search_spaces.domains import draw, nearest
from search_spaces.parameter import Params, Value
from search_spaces.space import SearchSpace
from tuner.core.params import key

LISTED_MOST = 4000
"""A space of at most this many configurations is looked through as a whole for the most promising one."""
DRAWN, NEAR_DRAWN, LEADERS = 300, 200, 3
"""Of a larger space: this many drawn by chance, and this many near one of the best few."""
REDRAWN_MOST = 3
"""Knobs in which such a near one differs, at most."""


class Candidates:
    """Draws by `rng`; a budget of `budget_trials` that is larger than `LISTED_MOST` has a space of its size listed."""

    def __init__(self, space: SearchSpace, rng: random.Random, budget_trials: int | None = None) -> None:
        self._space, self._rng = space, rng
        self._listed_most = max(LISTED_MOST, budget_trials or 0)

    def fresh(self, leaders: Sequence[Params], seen: Collection[str]) -> list[Params]:
        """Valid configurations whose keys are not among `seen`, in an order of chance."""
        drawn = () if self.listed else (self._space.random(self._rng) for _ in range(DRAWN))
        found = self.listed or {key(p): p for p in (*self._near(leaders), *drawn)}
        fresh = [p for name, p in found.items() if name not in seen]
        self._rng.shuffle(fresh)
        return fresh

    @cached_property
    def listed(self) -> Mapping[str, Params] | None:
        """All configurations by key; None where there are too many."""
        listed = self._space.enumerate(self._listed_most)
        return None if listed is None else {key(p): p for p in listed}

    def _near(self, leaders: Sequence[Params]) -> list[Params]:
        """Neighbours of the likeliest best configuration, and the best few with one knob or a few drawn anew."""
        around = [self._inside(p) for p in leaders or [self._space.baseline]]
        found: list[Params] = list(self._space.neighbours(around[0]))
        for _ in range(NEAR_DRAWN):
            drawn = dict(self._rng.choice(around))
            knobs = self._rng.sample(self._space.parameters, min(REDRAWN_MOST, len(self._space.parameters)))
            for knob in knobs[: self._rng.randint(1, REDRAWN_MOST)]:
                drawn[knob.name] = draw(knob.domain, self._rng)
            params = self._space.canonical(drawn)
            if not self._space.violation_degree(params):
                found.append(params)
        return found

    def _inside(self, params: Params) -> dict[str, Value]:
        """The nearest configuration within the searched ranges: the baseline may lie outside of them."""
        searched = {k.name: nearest(k.domain, params[k.name]) for k in self._space.parameters if k.name in params}
        return {**params, **searched}
