"""Which configuration to try next: every one of a small space, else Optuna's TPE beside a search around the best.

Optuna's study lives in memory and is fed from the finished trials alone, so resuming is telling them again.
Failures are told as infeasible with a graded violation, never as a score (Optuna ignores failed trials and would
propose them again). A configuration is never proposed twice.
"""

from __future__ import annotations

import json
import random
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from search_spaces.domains import contains
from search_spaces.parameter import Choices, FloatRange, IntRange, Parameter, Params, Value
from search_spaces.space import SearchSpace
from tuner.metrics import metric
from tuner.objective import Objective, best
from tuner.trial import TrialResult, TrialStatus

if TYPE_CHECKING:
    import optuna

STARTUP_TRIALS = 5
"""Of TPE; the lowest regret at 40 to 80 trials on a mixed conditional noisy space of 8 parameters."""
PLAINER_SHARE = 0.5
"""Of the proposals near the best one, those that set a knob back to its default."""
_ASKS_MOST = 30
_RANDOM_MOST = 300
_FAILURE_VIOLATION = {
    TrialStatus.INFEASIBLE: 1.0,
    TrialStatus.UNSUPPORTED: 2.0,
    TrialStatus.OUT_OF_MEMORY: 3.0,
    TrialStatus.TIMED_OUT: 4.0,
    TrialStatus.INVALID_OUTPUT: 4.0,
    TrialStatus.CRASHED: 5.0,
}


def changed_knobs(params: Params, baseline: Params) -> int:
    """How many knobs differ from the baseline, those that only one of the two has included."""
    return sum(params.get(name) != baseline.get(name) for name in {*params, *baseline})


def key(params: Params) -> str:
    """What makes two configurations the same."""
    return json.dumps(dict(params), sort_keys=True)


class Sampler:
    """Proposes configurations of `space` and learns from results.

    `budget_trials` decides whether the space is enumerated; `infeasible` tells of a configuration that need not be run
    (a reason, or ""); `ruled_out` collects those that would have been proposed, with their reasons.
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
        self._study = _new_study(self._objectives, seed)
        self._grid = space.enumerate(budget_trials)
        if self._grid is not None:
            self._rng.shuffle(self._grid)

    @property
    def enumerates(self) -> bool:
        """Whether every configuration of the space will be tried."""
        return self._grid is not None

    def tell(self, result: TrialResult) -> None:
        """Learn from a finished trial, of this run or of an earlier one."""
        self._seen.add(key(result.params))
        self._results.append(result)
        if not self.enumerates:
            self._study.add_trial(self._frozen(result))

    def ask(self) -> dict[str, Value] | None:
        """A valid configuration that was never told or asked before; None when there is none left."""
        params = self._next_of_grid() if self._grid is not None else self._search()
        if params is not None:
            self._seen.add(key(params))
        return params

    def _next_of_grid(self) -> dict[str, Value] | None:
        """What is infeasible now stays in the grid: memory that is short for a moment may come back."""
        assert self._grid is not None
        for params in reversed(self._grid):
            if self._is_new(params):
                self._grid.remove(params)
                return params
        return None

    def _search(self) -> dict[str, Value] | None:
        if len(self._results) > STARTUP_TRIALS and len(self._results) % 2 and (near := self._near_best()):
            return near
        for _ in range(_ASKS_MOST):
            if params := self._asked():
                return params
        return self._near_best() or self._random()

    def _near_best(self) -> dict[str, Value] | None:
        """An untried configuration that differs from the best one in a single knob.

        Half of the time one that is nearer to the baseline, so that a knob that brings nothing goes back to its
        default; otherwise rarely varied knobs come first.
        """
        centre = best(self._results, self._objectives[0])
        if centre is None:
            return None
        fresh = [n for n in self._space.neighbours(centre.params) if self._is_new(n)]
        if not fresh:
            return None
        changes = self._changes(centre.params)
        if (plainer := [n for n in fresh if self._changes(n) < changes]) and self._rng.random() < PLAINER_SHARE:
            return self._rng.choice(plainer)
        tried = [r.params for r in self._results]

        def rarity(params: Mapping[str, Value]) -> tuple[int, float]:
            changed = [n for n in params if params[n] != centre.params.get(n)]
            return sum(t.get(n) == params[n] for t in tried for n in changed), self._rng.random()

        return min(fresh, key=rarity)

    def _changes(self, params: Params) -> int:
        return changed_knobs(params, self._space.baseline)

    def _random(self) -> dict[str, Value] | None:
        for _ in range(_RANDOM_MOST):
            if self._is_new(params := self._space.random(self._rng)):
                return params
        return None

    def _asked(self) -> dict[str, Value] | None:
        """One proposal of Optuna's; None when it breaks a rule, was seen, or is known to be infeasible."""
        import optuna

        trial = self._study.ask()
        values: dict[str, Value] = {}
        for parameter in self._space.parameters:
            if all(c.holds({**self._space.fixed, **values}) for c in parameter.when):
                values[parameter.name] = _suggest(trial, parameter)
        self._study.tell(trial, state=optuna.trial.TrialState.FAIL)  # a proposal; what counts is what is told
        params = self._space.canonical(values)
        if degree := self._space.violation_degree(params):
            self._study.add_trial(self._infeasible_trial(params, degree))
            return None
        return params if self._is_new(params) else None

    def _is_new(self, params: Params) -> bool:
        if key(params) in self._seen:
            return False
        if reason := self._infeasible(params):
            self.ruled_out[key(params)] = reason
        else:
            self.ruled_out.pop(key(params), None)
        return not reason

    def _frozen(self, result: TrialResult) -> optuna.trial.FrozenTrial:
        values = [result.value(o.metric) for o in self._objectives]
        measured = result.status in (TrialStatus.OK, TrialStatus.CUT_OFF) and None not in values
        if not measured:
            slack = max(result.violations.values(), default=0.0)
            graded = _FAILURE_VIOLATION.get(result.status, 1.0) + max(0.0, slack)
            return self._infeasible_trial(result.params, graded)
        return self._optuna_trial(result.params, [float(v) for v in values if v is not None], 0.0)

    def _infeasible_trial(self, params: Params, degree: float) -> optuna.trial.FrozenTrial:
        """Optuna wants values of a complete trial; the worst seen ones keep an infeasible trial from looking good."""
        return self._optuna_trial(params, [self._worst(o) for o in self._objectives], degree)

    def _worst(self, objective: Objective) -> float:
        seen = [v for r in self._results if (v := r.value(objective.metric)) is not None]
        return (min if objective.maximize else max)(seen, default=0.0)

    def _optuna_trial(self, params: Params, values: list[float], violation: float) -> optuna.trial.FrozenTrial:
        import optuna

        # the baseline may lie outside of the searched ranges
        searched = [p for p in self._space.parameters if p.name in params and contains(p.domain, params[p.name])]
        return optuna.trial.create_trial(
            values=values,
            params={p.name: _encode(p, params[p.name]) for p in searched},
            distributions={p.name: _distribution(p) for p in searched},
            constraints={"violation": violation},
        )


def _new_study(objectives: Sequence[Objective], seed: int) -> optuna.Study:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = optuna.samplers.TPESampler(
            n_startup_trials=STARTUP_TRIALS, multivariate=True, group=True, seed=seed, constant_liar=False
        )
    directions = [metric(o.metric).direction for o in objectives]
    return optuna.create_study(directions=directions, sampler=sampler)


def _distribution(parameter: Parameter) -> Any:
    """Optuna's distribution; ordered choices are told by index, so that neighbours are near each other."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    match parameter.domain:
        case IntRange(low, high, step, log):
            return IntDistribution(low, high, log=log, step=1 if log else step)
        case FloatRange(low, high, log):
            return FloatDistribution(low, high, log=log)
        case Choices(values, ordered=True):
            return IntDistribution(0, len(values) - 1)
        case Choices(values):
            return CategoricalDistribution(values)


def _suggest(trial: optuna.Trial, parameter: Parameter) -> Value:
    match parameter.domain:
        case IntRange(low, high, step, log):
            return trial.suggest_int(parameter.name, low, high, step=1 if log else step, log=log)
        case FloatRange(low, high, log):
            return trial.suggest_float(parameter.name, low, high, log=log)
        case Choices(values, ordered=True):
            return values[trial.suggest_int(parameter.name, 0, len(values) - 1)]
        case Choices(values):
            return values[values.index(trial.suggest_categorical(parameter.name, values))]


def _encode(parameter: Parameter, value: Value) -> Any:
    if isinstance(parameter.domain, Choices) and parameter.domain.ordered:
        return parameter.domain.values.index(value)
    return value
