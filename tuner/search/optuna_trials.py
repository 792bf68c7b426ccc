"""A configuration of a search space as Optuna's trial, and back: distributions, suggestions, and how a result is told.

Optuna's parameters are the searched knobs that are active and within their ranges; the baseline may lie outside of
them. The whole configuration is the attribute `params`, the whole result the attribute `result`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from search_spaces.domains import contains
from search_spaces.parameter import Choices, FloatRange, IntRange, Parameter, Params, Value
from search_spaces.space import SearchSpace
from tuner.core.documents import dump, load
from tuner.core.objective import Objective, pace_corrected
from tuner.core.trial import TrialResult, TrialStatus

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

RESULT, PARAMS, PURPOSE, STATUS, REPEAT_OF = "result", "params", "purpose", "status", "repeat_of"
"""The attributes of a trial."""
REFUSED = "refused"
"""The purpose of a trial that was proposed and not run, because it breaks a rule, is known or cannot run."""
REASON = "reason"
"""The attribute that says why."""
RUNS = "runs"
"""The constraint that a configuration runs at all. A failure is no score: it is told as infeasible, to this degree."""
FAILURE_DEGREE = {
    TrialStatus.INFEASIBLE: 1.0,
    TrialStatus.UNSUPPORTED: 2.0,
    TrialStatus.OUT_OF_MEMORY: 3.0,
    TrialStatus.TIMED_OUT: 4.0,
    TrialStatus.INVALID_OUTPUT: 4.0,
    TrialStatus.CRASHED: 5.0,
}


def distribution(parameter: Parameter) -> BaseDistribution:
    """Optuna's distribution of a knob."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    match parameter.domain:
        case IntRange(low, high, step, log):
            return IntDistribution(low, high, log=log, step=1 if log else step)
        case FloatRange(low, high, log):
            return FloatDistribution(low, high, log=log)
        case Choices(values):
            return CategoricalDistribution(values)


def within_ranges(space: SearchSpace, params: Params) -> dict[str, Value]:
    """The searched knobs of a configuration that have a value within their ranges: what Optuna may be told of it."""
    return {k.name: params[k.name] for k in space.parameters if k.name in params and contains(k.domain, params[k.name])}


def suggest(trial: optuna.Trial, space: SearchSpace) -> dict[str, Value]:
    """The configuration that a trial proposes, canonical: each active knob is suggested, in dependency order.

    It may break a rule of the space, which Optuna knows nothing of.
    """
    values: dict[str, Value] = {}
    for parameter in space.parameters:
        if all(c.holds({**space.fixed, **values}) for c in parameter.when):
            values[parameter.name] = _suggested(trial, parameter)
    return space.canonical(values)


def begin_given(
    study: optuna.Study, space: SearchSpace, params: Params, known: Mapping[str, Any] | None = None
) -> optuna.Trial:
    """A running trial of a configuration that no sampler chooses, with `known` as attributes: there at once, or not.

    `Study.enqueue_trial` and `ask` would give whatever waits the longest, which another process or the user enqueued.
    """
    import optuna

    values = within_ranges(space, params)
    template = optuna.trial.create_trial(
        state=optuna.trial.TrialState.RUNNING,
        params=values,
        distributions={name: distribution(space.parameter(name)) for name in values},
        user_attrs=dict(known or {}),
    )
    return optuna.Trial(study, study._storage.create_new_trial(study._study_id, template))


def _suggested(trial: optuna.Trial, parameter: Parameter) -> Value:
    match parameter.domain:
        case IntRange(low, high, step, log):
            return trial.suggest_int(parameter.name, low, high, step=1 if log else step, log=log)
        case FloatRange(low, high, log):
            return trial.suggest_float(parameter.name, low, high, log=log)
        case Choices(values):
            chosen = trial.suggest_categorical(parameter.name, values)
            return next(v for v in values if v == chosen and isinstance(v, bool) == isinstance(chosen, bool))


def result_of(trial: FrozenTrial) -> TrialResult | None:
    """The result that a trial was told; None while it runs, and of one that was killed or refused."""
    document = trial.user_attrs.get(RESULT)
    return None if document is None else load(TrialResult, document, f"the result of trial {trial.number}")


def constraints_of(result: TrialResult) -> dict[str, float]:
    """What Optuna is told of feasibility: the slack of each constraint, and to which degree it failed to run."""
    degree = FAILURE_DEGREE.get(result.status, 0.0) if not result.metrics else 0.0
    return {**result.violations, **({RUNS: degree + max(result.violations.values(), default=0.0)} if degree else {})}


def values_of(result: TrialResult, objectives: Sequence[Objective]) -> list[float] | None:
    """The objectives at the machine's first pace; None of a trial that was pruned or failed."""
    values = [pace_corrected(result, o.metric) for o in objectives]
    if result.status not in (TrialStatus.OK, TrialStatus.INFEASIBLE) or None in values:
        return None
    return [float(v) for v in values if v is not None]


def attributes(params: Params, purpose: str, repeat_of: int | None, extra: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of a trial that begins."""
    again = {} if repeat_of is None else {REPEAT_OF: repeat_of}
    return {PARAMS: dict(params), PURPOSE: purpose, **again, **extra}


def tell(study: optuna.Study, trial: optuna.Trial, result: TrialResult, objectives: Sequence[Objective]) -> None:
    """End a trial with its result. Once the attribute `result` is there, a kill loses nothing (`finish`)."""
    told = trial.constraints
    for name, slack in constraints_of(result).items():
        if name not in told:  # an earlier attempt may have got so far
            trial.set_constraint(name, slack)
    trial.set_user_attr(STATUS, str(result.status))
    trial.set_user_attr(RESULT, dump(result))
    finish(study, trial.number, result, objectives)


def finish(study: optuna.Study, number: int, result: TrialResult, objectives: Sequence[Objective]) -> None:
    """Set the state of a trial that has its result: complete with the objectives, or pruned.

    What failed is pruned too, with a constraint that says so: Optuna's samplers learn nothing from failed trials and
    would propose the same region again and again.
    """
    from optuna.trial import TrialState

    values = values_of(result, objectives)
    if values is None:
        study.tell(number, state=TrialState.PRUNED)
    else:
        study.tell(number, values)
