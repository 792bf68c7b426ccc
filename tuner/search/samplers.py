"""The samplers by name, and one way to get a configuration from any of them.

Optuna's own know distributions and no rules: what they propose may be impossible, measured already, or known to fail.
`propose` tells them so, and asks again.
"""

from __future__ import annotations

import importlib.util
import random
import warnings
from collections.abc import Collection, Sequence
from typing import Any

import optuna
from optuna.samplers import BaseSampler
from optuna.trial import TrialState

from engines.install import pip_hint
from search_spaces.domains import count
from search_spaces.errors import EnvironmentLackingError, TunerError, unknown_name
from search_spaces.parameter import Params
from search_spaces.space import SearchSpace
from tuner.core.objective import Constraint, Objective
from tuner.core.params import key
from tuner.core.study_config import SAMPLERS
from tuner.search.observations import Observations
from tuner.search.one_at_a_time import OneAtATimeSampler
from tuner.search.optuna_trials import PARAMS, PURPOSE, REASON, REFUSED, RESULT, begin_given, suggest
from tuner.search.proposing import Infeasible, ProposingSampler, always_feasible
from tuner.search.sampler import TunerSampler

STARTUP_TRIALS = 5
"""Of TPE; the lowest regret at 40 to 80 trials on a mixed conditional noisy space of 8 parameters."""
ASKS_MOST = 10
"""After so many proposals that were refused, a new configuration is drawn at random."""
LISTED_MOST = 4000
"""Of a space of at most this many configurations any may be drawn, of a larger one what chance finds."""
DRAWS_MOST = 200
_PROPOSED = (None, "search", REFUSED)
BROKEN_RULES = "rules"
"""The constraint that a refused trial is told to break, to the degree that it does."""


def make_sampler(
    name: str,
    space: SearchSpace,
    *,
    objectives: Sequence[Objective] | None = None,
    constraints: Sequence[Constraint] = (),
    budget_trials: int | None = None,
    seed: int | None = None,
    infeasible: Infeasible = always_feasible,
    early: Sequence[Params] = (),
    observations: Observations | None = None,
) -> BaseSampler:
    """The sampler called `name`, one of `SAMPLERS`; all but `tuner` and `ablation` are Optuna's and go by the study.

    Raises TunerError with the nearest match for a name that is not known, and EnvironmentLackingError where a sampler
    needs what is not installed.
    """
    if name == "tuner":
        return TunerSampler(
            space, objectives=objectives, constraints=constraints, budget_trials=budget_trials, seed=seed,
            infeasible=infeasible, early=early, observations=observations,
        )  # fmt: skip
    if name == "ablation":
        return OneAtATimeSampler(
            space, objectives=objectives, constraints=constraints, infeasible=infeasible, observations=observations
        )
    check_sampler(name, space)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return _optunas(name, seed)


def check_sampler(name: str, space: SearchSpace) -> None:
    """Raise TunerError for a name that is not known or a space that a sampler cannot search, before anything is kept.

    EnvironmentLackingError where it needs what is not installed: Optuna would say so at its 11th trial.
    """
    if name not in SAMPLERS:
        raise unknown_name("sampler", name, SAMPLERS)
    if name == "gp" and importlib.util.find_spec("torch") is None:
        raise EnvironmentLackingError("sampler gp needs PyTorch, which is not installed", pip_hint("torch"))
    if name == "brute_force":
        _check_finite(space)


def _check_finite(space: SearchSpace) -> None:
    endless = [k.name for k in space.parameters if count(k.domain) is None]
    if endless:
        raise TunerError(
            f"sampler brute_force tries every configuration, and {endless[0]} has no end of values",
            f"give it some, such as space.{endless[0]}=choice(…), or take another sampler",
        )


def _optunas(name: str, seed: int | None) -> BaseSampler:
    if name == "tpe":
        return optuna.samplers.TPESampler(
            n_startup_trials=STARTUP_TRIALS, multivariate=True, group=True, constant_liar=True, seed=seed
        )
    if name == "gp":
        return optuna.samplers.GPSampler(n_startup_trials=STARTUP_TRIALS, seed=seed)
    by_seed: dict[str, Any] = {
        "random": optuna.samplers.RandomSampler,
        "nsgaii": optuna.samplers.NSGAIISampler,
        "brute_force": _BruteForce,
    }
    sampler: BaseSampler = by_seed[name](seed=seed)
    return sampler


class _BruteForce(optuna.samplers.BruteForceSampler):
    """Optuna's, fit for a study that is asked and told, that may be killed, and whose default may lie out of range.

    Optuna's takes a killed trial that suggested half of its parameters for a branch that is through, and raises
    ValueError for one that has other parameters. It ends the loop of `Study.optimize` in the end; here there is none.
    """

    @staticmethod
    def _populate_tree(tree: Any, trials: list[optuna.trial.FrozenTrial], params: dict[str, Any]) -> None:
        whole = [t for t in trials if t.state is not TrialState.FAIL and t.user_attrs.get(PURPOSE) in _PROPOSED]
        optuna.samplers.BruteForceSampler._populate_tree(tree, whole, params)

    def after_trial(
        self,
        study: optuna.Study,
        trial: optuna.trial.FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """Nothing."""


def propose(
    study: optuna.Study,
    sampler: BaseSampler,
    space: SearchSpace,
    seen: Collection[str],
    infeasible: Infeasible = always_feasible,
) -> tuple[optuna.Trial, Params] | None:
    """A running trial and its configuration, valid and new; None when nothing is left to try.

    `seen` are the keys (`tuner.core.params.key`) of what was measured; what is running, or was measured by another
    process, is found in the study. What anybody enqueued (`Study.enqueue_trial`) comes first. What was enqueued or
    proposed and cannot be run is told as pruned, with the reason and a constraint that says how far off it is, and so
    is what the sampler proposes after it, `ASKS_MOST` times; then a configuration is drawn at random. `study.sampler`
    is `sampler`.
    """
    ours = sampler if isinstance(sampler, ProposingSampler) else None  # which knows what is taken
    taken = set(seen) if ours is not None else set(seen) | _taken(study)
    if ours is None and _used_up(space, taken):
        return None
    asks = 0
    while asks < ASKS_MOST:
        if ours is not None and ours.proposal(study) is None:
            return None
        enqueued = {t.number for t in study.get_trials(deepcopy=False, states=(TrialState.WAITING,))}
        trial = study.ask()
        if trial.number in enqueued:
            params, degree, reason = _enqueued(trial, space, taken | _taken(study), infeasible)
        else:
            params, asks = suggest(trial, space), asks + 1
            degree, reason = (0.0, "") if ours is not None else _refusal(space, params, taken, infeasible)
        if not reason:
            return trial, params
        _refuse(study, trial, params, degree, reason)
    drawn = _drawn(space, taken, infeasible, study)
    return None if drawn is None else (begin_given(study, space, drawn), drawn)


def _taken(study: optuna.Study) -> set[str]:
    """What is running or has a result."""
    trials = study.get_trials(deepcopy=False)
    known = [t.user_attrs for t in trials if t.state is TrialState.RUNNING or RESULT in t.user_attrs]
    return {key(attributes[PARAMS]) for attributes in known if PARAMS in attributes}


def _enqueued(
    trial: optuna.Trial, space: SearchSpace, taken: Collection[str], infeasible: Infeasible
) -> tuple[Params, float, str]:
    """The configuration that was enqueued, of which Optuna checks little: how far off it is, and why."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of a value out of its range, which is told as refused
            params = suggest(trial, space)
        space.validate(params)
    except (TunerError, ValueError) as error:
        return {}, 1.0, f"enqueued: {error}"
    return params, *_refusal(space, params, taken, infeasible)


def _used_up(space: SearchSpace, taken: Collection[str]) -> bool:
    if space.size(len(taken)) is None:
        return False
    return all(key(p) in taken for p in space.enumerate(len(taken)) or ())


def _refusal(space: SearchSpace, params: Params, taken: Collection[str], infeasible: Infeasible) -> tuple[float, str]:
    """How far off a proposal is, and why; ("", 0) where it can be run."""
    if degree := space.violation_degree(params):
        return degree, "; ".join(space.violations(params))
    if key(params) in taken:
        return 1.0, "measured already, or running"
    reason = infeasible(params)
    return float(bool(reason)), reason


def _refuse(study: optuna.Study, trial: optuna.Trial, params: Params, degree: float, reason: str) -> None:
    trial.set_user_attr(PURPOSE, REFUSED)
    trial.set_user_attr(PARAMS, dict(params))
    trial.set_user_attr(REASON, reason)
    trial.set_constraint(BROKEN_RULES, degree)
    study.tell(trial, state=TrialState.PRUNED)


def _drawn(
    space: SearchSpace, taken: Collection[str], infeasible: Infeasible, study: optuna.Study
) -> dict[str, Any] | None:
    """A new configuration that can be run: any of a small space, else as chance will have it."""
    rng = random.Random(len(study.get_trials(deepcopy=False)))
    listed = space.enumerate(LISTED_MOST)
    if listed is not None:
        rng.shuffle(listed)
    tries = listed if listed is not None else (space.random(rng) for _ in range(DRAWS_MOST))
    return next((p for p in tries if key(p) not in taken and not infeasible(p)), None)
