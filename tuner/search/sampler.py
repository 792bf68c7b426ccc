"""Which configuration to try next: one that is expected to beat the best (`proposals.py`), or to extend the front.

A sampler knows the study alone, so that resuming needs nothing else. A configuration is never proposed twice. A space
that fits the budget is tried as a whole, in the order of promise. What is running counts (`posterior.py`). At most
`evidence.ROWS_MOST` measurements are gone by, so that a proposal does not take longer and longer.

It is a sampler for any study of Optuna's; what is searched is then seen from what the trials suggest:

>>> import optuna
>>> from tuner.search.sampler import TunerSampler
>>> def objective(trial):
...     size = trial.suggest_int("size", 1, 512, log=True)
...     mode = trial.suggest_categorical("mode", ["plain", "fused"])
...     depth = trial.suggest_float("depth", 0.0, 1.0) if mode == "fused" else 0.0
...     return abs(size - 48) / 48 - depth * (1 - depth)
>>> study = optuna.create_study(sampler=TunerSampler(seed=0))
>>> study.optimize(objective, n_trials=40)
>>> study.best_value < -0.2  # at 48, fused, half way: -0.25
True

With a space of the tuner's (rules, conditions, a baseline) `optuna_trials.suggest(study.ask(), space)` gives the
proposal, and `samplers.propose` does so for samplers of Optuna's as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import optuna

from search_spaces.parameter import Params
from search_spaces.space import SearchSpace
from tuner.core.objective import Constraint, Objective
from tuner.core.params import key
from tuner.core.trial import TrialResult
from tuner.search.candidates import LEADERS, Candidates
from tuner.search.inferred_space import InferredSpace
from tuner.search.observations import Observations
from tuner.search.one_thread import on_one_thread
from tuner.search.proposing import Infeasible, ProposingSampler, always_feasible
from tuner.search.repeats import (
    WORTH_LEAST,
    WORTH_LEAST_AT_THE_END,
    allowed,
    failed_again,
    just_measured,
    price,
)

if TYPE_CHECKING:
    from tuner.search.posterior import Posterior

ENDED = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
STARTUP_TRIALS = 8
"""Of a space that nobody declared, so many trials are spread over it before anything is concluded."""
INSENSITIVE_EVERY, INSENSITIVE_SHARE = 4, 0.1
"""After so many trials, or such a share of them, it is looked anew which knobs the workload does not feel."""


class TunerSampler(ProposingSampler):
    """Proposes what is expected to gain most (`proposals.by_promise`).

    `enumerates` tells whether `budget_trials` are enough for the whole space; `infeasible` tells of a configuration
    that need not be run (a reason, or ""). `early` are proposed before all others.
    """

    def __init__(
        self,
        space: SearchSpace | None = None,
        *,
        objectives: Sequence[Objective] | None = None,
        constraints: Sequence[Constraint] = (),
        budget_trials: int | None = None,
        seed: int | None = None,
        infeasible: Infeasible = always_feasible,
        early: Sequence[Params] = (),
        observations: Observations | None = None,
    ) -> None:
        super().__init__(space, objectives, constraints, seed, infeasible, observations)
        self._early, self._budget_trials = tuple(early), budget_trials
        self.enumerates = bool(space and budget_trials and space.size(budget_trials) is not None)
        self._inferred_from: set[int] = set()
        self._begin_search()

    def _begin_search(self) -> None:
        """Of a space that is not known yet."""
        self._idle: Params = {}
        self._seen: set[str] = set()
        self._handed_out: set[str] = set()
        self._taken: set[str] = set()
        self._waiting: list[Params] = []
        self._looked_at = 0
        self._promise: tuple[tuple[object, ...], list[tuple[Params, float]]] | None = None
        space = self._translation.space if self._translation else None
        self._candidates = Candidates(space, self._rng, self._budget_trials) if space else None

    def _begin(self, study: optuna.Study) -> None:
        super()._begin(study)
        self._begin_search()

    def _look(self, study: optuna.Study, own: int | None = None) -> None:
        if not self._declared:
            self._infer(study)
        super()._look(study, own)

    def _infer(self, study: optuna.Study) -> None:
        """Learn the space from the trials that ran to their end, anew where the last ones do not fit into it."""
        ended = study.get_trials(deepcopy=False, states=ENDED)
        if self._study_name != study.study_name:
            self._translation, self._inferred_from = None, set()
        fresh = [t for t in ended if t.number not in self._inferred_from and t.distributions]
        self._inferred_from.update(t.number for t in fresh)
        known = self._translation
        if isinstance(known, InferredSpace) and all(known.explains(t) for t in fresh) and not known.too_wide(ended):
            return
        if any(not d.single() for t in fresh for d in t.distributions.values()):
            self._translation = InferredSpace([t for t in ended if t.distributions])
            if self._study_name == study.study_name:
                self._begin(study)

    @on_one_thread
    def again(self, study: optuna.Study, complete: bool) -> TrialResult | None:
        """As the base class says. Only a single objective, and only what differs from one process to the next."""
        from tuner.search.proposals import worth_repeating

        with self._lock:
            self._look(study)
            self._note()
            known, trials, repeats = self.observations, self.observations.trials, self.observations.repeats
            if len(known.objectives) > 1 or not allowed(len(trials), len(repeats), complete):
                return None
            if known.objectives[0].kind == "memory":
                return None  # a process's memory is what it is
            posterior = self._posterior()
            if complete:
                least = WORTH_LEAST_AT_THE_END
            else:
                untried = next((worth for params, worth in self._promising(posterior) if self._is_new(params)), 0.0)
                least = max(untried * price(trials, repeats), WORTH_LEAST)
            return worth_repeating(posterior, least, failed_again(repeats), just_measured(trials, repeats))

    def _think(self) -> Params | None:
        self._note()
        return next((p for p in self._proposals() if self._is_new(p)), None)

    def _hand_out(self, params: Params) -> None:
        """Of a script's own trials the values are read back, and may be others by a rounding."""
        if not self._declared:
            self._handed_out.add(key(params))

    def _note(self) -> None:
        """What was measured, refused or is running is never proposed again."""
        known = self.observations.trials
        self._seen.update(key(result.params) for result in known[self._looked_at :])
        self._looked_at = len(known)
        self._waiting = [p for p in self._view.running if key(p) not in self._seen] if self._view else []
        self._taken = self._seen | self._handed_out | (self._view.taken() if self._view else set())

    def _is_new(self, params: Params) -> bool:
        """Never told or asked, and not known to be infeasible: memory that is short for a moment may come back."""
        name = key(params)
        if name in self._taken:
            return False
        if reason := self._infeasible(params):
            self.ruled_out[name] = reason
        else:
            self.ruled_out.pop(name, None)
        return not reason

    def _proposals(self) -> Iterator[Params]:
        """The best first; old ones among them."""
        yield from self._early
        posterior = self._posterior()
        if not self._declared and len(self._seen) + len(self._waiting) < STARTUP_TRIALS:
            yield from self._spread(posterior)
        yield from (params for params, _ in self._promising(posterior))
        yield from self._fresh(posterior)

    def _posterior(self) -> Posterior:
        """What is known, and what is expected of what is running."""
        known = self.observations
        if (posterior := known.posterior) is None:
            from tuner.search.chebyshev import ChebyshevScale, random_weights
            from tuner.search.posterior import Posterior

            weights = random_weights(len(known.objectives), self._rng)
            scale = ChebyshevScale(known.objectives, known.trials, weights)
            posterior = Posterior(
                known.space, known.objectives[0], known.judged(), scale=scale, declared=known.declared
            )
        return posterior.expecting(self._waiting)

    def _spread(self, posterior: Posterior) -> list[Params]:
        """The candidates, the one that is furthest from all that was tried or is running first."""
        tried = [*(t.params for t in self.observations.trials), *self._waiting]
        candidates = self._fresh(posterior)
        alike = posterior.likeness(candidates, tried)
        return [candidates[at] for at in sorted(range(len(candidates)), key=lambda at: alike[at])]

    def _promising(self, posterior: Posterior) -> list[tuple[Params, float]]:
        """The candidates by what is expected of them; thought of once for all that is known."""
        from tuner.search.proposals import by_promise

        state = self._state()
        if self._promise is None or self._promise[0] != state:
            candidates = self._with_insensitive_at_default(posterior, self._fresh(posterior))
            self._promise = state, by_promise(posterior, candidates)
        return self._promise[1]

    def _fresh(self, posterior: Posterior) -> list[Params]:
        """Candidates that are not taken, some of them near the best."""
        single = len(self.observations.objectives) == 1
        leaders = [e.params for e in self.observations.leaders(LEADERS)] if single else posterior.leaders(LEADERS)
        return self._candidates.fresh(leaders, self._taken) if self._candidates else []

    def _with_insensitive_at_default(self, posterior: Posterior, candidates: list[Params]) -> list[Params]:
        """With the knobs that are not felt at their defaults; as they are where nothing new comes of that."""
        from tuner.search.insensitive import insensitive

        space = self.observations.space
        known = len(self.observations.trials)
        if self._declared and known % max(INSENSITIVE_EVERY, int(INSENSITIVE_SHARE * known)) == 0:
            self._idle = {name: space.baseline[name] for name in insensitive(posterior)}
        if not self._idle:
            return candidates
        calm = [space.canonical({**p, **{n: v for n, v in self._idle.items() if n in p}}) for p in candidates]
        sensitive = {key(p): p for p in calm if key(p) not in self._taken and not space.violation_degree(p)}
        return list(sensitive.values()) or candidates
