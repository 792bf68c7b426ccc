"""Which configuration to try next: one that is expected to beat the best (`proposals.py`), or to extend the front.

A sampler knows the finished trials alone, so that resuming needs nothing else. A configuration is never proposed
twice. A space that fits the budget is tried as a whole, in the same order of promise where there is one objective.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from search_spaces.domains import draw, nearest
from search_spaces.parameter import Params, Value
from tuner.core.metrics import metric
from tuner.core.params import key
from tuner.core.trial import TrialResult
from tuner.search.observations import Observations
from tuner.search.repeats import WORTH_LEAST, WORTH_LEAST_AT_THE_END, allowed, just_measured, price

if TYPE_CHECKING:
    from tuner.search.pareto_sampler import ParetoSampler
    from tuner.search.posterior import Posterior

LISTED_MOST = 4000
"""A space of at most this many configurations is looked through as a whole for the most promising one."""
DRAWN, NEAR_DRAWN, LEADERS = 300, 200, 3
"""Of a larger space: this many drawn by chance, and this many near one of the best few."""
REDRAWN_MOST = 3
"""Knobs in which such a near one differs, at most."""
INSENSITIVE_EVERY = 4
"""After so many trials it is looked anew which knobs the workload does not feel."""
_ASKS_MOST = 30


class Sampler:
    """Proposes configurations by what the evidence says, which may grow between any two questions.

    `enumerates` tells whether `budget_trials` are enough for the whole space; `infeasible` tells of a configuration
    that need not be run (a reason, or ""); `ruled_out` collects those that would have been proposed, with reasons.
    `early` are proposed before all others.
    """

    def __init__(
        self,
        observations: Observations,
        budget_trials: int,
        seed: int,
        infeasible: Callable[[Params], str] = lambda params: "",
        early: Sequence[Params] = (),
    ) -> None:
        self.observations, self._space = observations, observations.space
        self._infeasible = infeasible
        self._early = tuple(early)
        self._idle: Params = {}
        self._rng = random.Random(seed)
        self._promise: tuple[Posterior, list[tuple[Params, float]]] | None = None
        self._seen: set[str] = set()
        self._looked_at = 0
        self.ruled_out: dict[str, str] = {}
        self._budget_trials = budget_trials
        self.enumerates = self._space.size(budget_trials) is not None
        self._front = self._new_front(seed) if len(observations.objectives) > 1 and not self.enumerates else None

    def again(self, complete: bool) -> TrialResult | None:
        """The trial that is worth measuring again more than any new configuration is; None where that is not so.

        `complete` says that no further configuration is to be tried.
        """
        trials, repeats, posterior = self.observations.trials, self.observations.repeats, self.observations.posterior
        if posterior is None or not allowed(len(trials), repeats, complete):
            return None
        if metric(self.observations.objectives[0].metric).kind == "memory":
            return None  # a process's memory is what it is
        from tuner.search.proposals import worth_repeating

        self._look()
        failed = {r.trial for r in repeats if r.value is None}
        if complete:
            least = WORTH_LEAST_AT_THE_END
        else:
            untried = next(
                (
                    knowledge_gradient
                    for params, knowledge_gradient in self._promising(posterior)
                    if self._is_new(params)
                ),
                0.0,
            )
            least = max(untried * price(trials, repeats), WORTH_LEAST)
        return worth_repeating(posterior, least, failed, just_measured(trials, repeats))

    def ask(self) -> dict[str, Value] | None:
        """A valid configuration that was never told or asked before; None when there is none left."""
        self._look()
        params = next((p for p in self._proposals() if self._is_new(p)), None)
        if params is None:
            return None
        self._seen.add(key(params))
        return dict(params)

    def _look(self) -> None:
        """Take note of the trials that were not there before."""
        for result in self.observations.trials[self._looked_at :]:
            self._seen.add(key(result.params))
            if self._front is not None:
                self._front.tell(result)
        self._looked_at = len(self.observations.trials)

    def _new_front(self, seed: int) -> ParetoSampler:
        from tuner.search.pareto_sampler import ParetoSampler

        return ParetoSampler(self._space, self.observations.objectives, seed)

    def _proposals(self) -> Iterator[Params]:
        """The best first; old ones among them."""
        yield from self._early
        if self._front is not None:
            for _ in range(_ASKS_MOST):
                if params := self._front.ask():
                    yield params
        if (posterior := self.observations.posterior) is not None:
            yield from (params for params, _ in self._promising(posterior))
        yield from self._candidates()

    def _promising(self, posterior: Posterior) -> list[tuple[Params, float]]:
        """The candidates by what is expected of them; thought of once for all that is known."""
        from tuner.search.proposals import by_promise

        if self._promise is None or self._promise[0] is not posterior:
            self._promise = (
                posterior,
                by_promise(posterior, self._with_insensitive_at_default(posterior, self._candidates())),
            )
        return self._promise[1]

    def _with_insensitive_at_default(self, posterior: Posterior, candidates: list[Params]) -> list[Params]:
        """With the knobs that are not felt at their defaults; as they are where nothing new comes of that."""
        from tuner.search.insensitive import insensitive

        if len(self.observations.trials) % INSENSITIVE_EVERY == 0:
            self._idle = {name: self._space.baseline[name] for name in insensitive(posterior)}
        if not self._idle:
            return candidates
        calm = [self._space.canonical({**p, **{n: v for n, v in self._idle.items() if n in p}}) for p in candidates]
        sensitive = {key(p): p for p in calm if key(p) not in self._seen and not self._space.violation_degree(p)}
        return list(sensitive.values()) or candidates

    def _candidates(self) -> list[Params]:
        """Untried configurations in an order of chance: all of a small space, else some at chance and some near."""
        drawn = () if self._listed else (self._space.random(self._rng) for _ in range(DRAWN))
        found = self._listed or {key(p): p for p in (*self._near_the_best(), *drawn)}
        fresh = [p for name, p in found.items() if name not in self._seen]
        self._rng.shuffle(fresh)
        return fresh

    @cached_property
    def _listed(self) -> Mapping[str, Params] | None:
        """All configurations by key; None where there are too many."""
        listed = self._space.enumerate(max(LISTED_MOST, self._budget_trials))
        return None if listed is None else {key(p): p for p in listed}

    def _near_the_best(self) -> list[Params]:
        """Neighbours of the likeliest best configuration, and the best few with one knob or a few drawn anew."""
        likeliest = [t.params for t in self.observations.leaders(LEADERS)]
        leaders = [self._inside(p) for p in likeliest or [self._space.baseline]]
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

    def _is_new(self, params: Params) -> bool:
        """Never told or asked, and not known to be infeasible: memory that is short for a moment may come back."""
        if key(params) in self._seen:
            return False
        if reason := self._infeasible(params):
            self.ruled_out[key(params)] = reason
        else:
            self.ruled_out.pop(key(params), None)
        return not reason
