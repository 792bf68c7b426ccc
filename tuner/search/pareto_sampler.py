"""Proposals for several objectives at once, by Optuna's TPE.

Optuna's study lives in memory and is fed from the finished trials alone. Failures are told as infeasible with a graded
violation, never as a score (Optuna ignores failed trials and would propose them again).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from search_spaces.domains import contains
from search_spaces.parameter import Choices, FloatRange, IntRange, Parameter, Params, Value
from search_spaces.space import SearchSpace
from tuner.core.metrics import metric
from tuner.core.objective import Objective, pace_corrected
from tuner.core.trial import TrialResult, TrialStatus

if TYPE_CHECKING:
    import optuna

STARTUP_TRIALS = 5
"""Of TPE; the lowest regret at 40 to 80 trials on a mixed conditional noisy space of 8 parameters."""
_FAILURE_VIOLATION = {
    TrialStatus.INFEASIBLE: 1.0,
    TrialStatus.UNSUPPORTED: 2.0,
    TrialStatus.OUT_OF_MEMORY: 3.0,
    TrialStatus.TIMED_OUT: 4.0,
    TrialStatus.INVALID_OUTPUT: 4.0,
    TrialStatus.CRASHED: 5.0,
}


class ParetoSampler:
    """Proposes configurations that may extend the front of what was told."""

    def __init__(self, space: SearchSpace, objectives: Sequence[Objective], seed: int) -> None:
        self._space = space
        self._objectives = tuple(objectives)
        self._results: list[TrialResult] = []
        self._study = _new_study(self._objectives, seed)

    def tell(self, result: TrialResult) -> None:
        """Learn from a finished trial."""
        self._results.append(result)
        self._study.add_trial(self._frozen(result))

    def ask(self) -> dict[str, Value] | None:
        """One proposal, which may be an old one; None when it broke a rule of the space."""
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
        return params

    def _frozen(self, result: TrialResult) -> optuna.trial.FrozenTrial:
        values = [pace_corrected(result, o.metric) for o in self._objectives]
        measured = result.status in (TrialStatus.OK, TrialStatus.PRUNED) and None not in values
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
