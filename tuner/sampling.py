"""Which configuration to try next: one that is expected to beat the best (`proposals.py`), or to extend the front.

A sampler is fed from the finished trials alone, so resuming is telling them again. A configuration is never proposed
twice. A space that fits the budget is tried as a whole, in the same order of promise where there is one objective.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from search_spaces.domains import draw, nearest
from search_spaces.parameter import Params, Value
from search_spaces.space import SearchSpace
from tuner.objective import Objective, rank_value
from tuner.trial import TrialResult

if TYPE_CHECKING:
    from tuner.pareto_sampling import ParetoSampler

LISTED_MOST = 4000
"""A space of at most this many configurations is looked through as a whole for the most promising one."""
DRAWN, NEAR_DRAWN, LEADERS = 300, 200, 3
"""Of a larger space: this many drawn by chance, and this many near one of the best few."""
REDRAWN_MOST = 3
"""Knobs in which such a near one differs, at most."""
_ASKS_MOST = 30


def changed_knobs(params: Params, baseline: Params) -> int:
    """How many knobs differ from the baseline, those that only one of the two has included."""
    return sum(params.get(name) != baseline.get(name) for name in {*params, *baseline})


def key(params: Params) -> str:
    """What makes two configurations the same."""
    return json.dumps(dict(params), sort_keys=True)


class Sampler:
    """Proposes configurations of `space` and learns from results.

    `enumerates` tells whether `budget_trials` are enough for the whole space; `infeasible` tells of a configuration
    that need not be run (a reason, or ""); `ruled_out` collects those that would have been proposed, with reasons.
    """

    def __init__(
        self,
        space: SearchSpace,
        objectives: Sequence[Objective],
        budget_trials: int,
        seed: int,
        infeasible: Callable[[Params], str] = lambda params: "",
    ) -> None:
        self._space = space
        self._objectives = tuple(objectives)
        self._infeasible = infeasible
        self._rng = random.Random(seed)
        self._results: list[TrialResult] = []
        self._seen: set[str] = set()
        self.ruled_out: dict[str, str] = {}
        self._budget_trials = budget_trials
        self.enumerates = space.size(budget_trials) is not None
        self._front = self._new_front(seed) if len(self._objectives) > 1 and not self.enumerates else None

    def tell(self, result: TrialResult) -> None:
        """Learn from a finished trial, of this run or of an earlier one."""
        self._seen.add(key(result.params))
        self._results.append(result)
        if self._front is not None:
            self._front.tell(result)

    def ask(self) -> dict[str, Value] | None:
        """A valid configuration that was never told or asked before; None when there is none left."""
        params = next((p for p in self._proposals() if self._is_new(p)), None)
        if params is None:
            return None
        self._seen.add(key(params))
        return dict(params)

    def _new_front(self, seed: int) -> ParetoSampler:
        from tuner.pareto_sampling import ParetoSampler

        return ParetoSampler(self._space, self._objectives, seed)

    def _proposals(self) -> Iterator[Params]:
        """The best first; old ones among them."""
        if self._front is not None:
            for _ in range(_ASKS_MOST):
                if params := self._front.ask():
                    yield params
        if len(self._objectives) == 1:
            from tuner.proposals import by_promise

            yield from by_promise(self._space, self._objectives[0], self._results, self._candidates())
        yield from self._candidates()

    def _candidates(self) -> list[Params]:
        """Untried configurations in an order of chance: all of a small space, else some at chance and some near."""
        found = self._listed or [*self._near_the_best(), *(self._space.random(self._rng) for _ in range(DRAWN))]
        fresh = list({name: p for p in found if (name := key(p)) not in self._seen}.values())
        self._rng.shuffle(fresh)
        return fresh

    @cached_property
    def _listed(self) -> Sequence[Params] | None:
        return self._space.enumerate(max(LISTED_MOST, self._budget_trials))

    def _near_the_best(self) -> list[Params]:
        """Neighbours of the best configuration, and the best few with one knob or a few drawn anew."""
        leaders = [self._inside(p) for p in self._leaders() or [self._space.baseline]]
        found: list[Params] = list(self._space.neighbours(leaders[0]))
        for _ in range(NEAR_DRAWN):
            drawn = dict(self._rng.choice(leaders))
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

    def _leaders(self) -> list[Params]:
        first = self._objectives[0]
        able = [r for r in self._results if r.feasible and r.value(first.metric) is not None]
        return [r.params for r in sorted(able, key=lambda r: rank_value(r, first))[:LEADERS]]

    def _is_new(self, params: Params) -> bool:
        """Never told or asked, and not known to be infeasible: memory that is short for a moment may come back."""
        if key(params) in self._seen:
            return False
        if reason := self._infeasible(params):
            self.ruled_out[key(params)] = reason
        else:
            self.ruled_out.pop(key(params), None)
        return not reason
