"""What the samplers of this package share: a configuration is thought of as a whole, and Optuna asks for its values."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution

from search_spaces.parameter import Params
from search_spaces.space import SearchSpace
from tuner.core.objective import Constraint, Objective
from tuner.core.params import key
from tuner.core.trial import TrialResult
from tuner.search.observations import Observations
from tuner.search.one_thread import on_one_thread
from tuner.search.study_view import StudyView
from tuner.search.translation import KnownSpace, Translation

FIXED = "fixed_params"
"""The attribute of a trial that was enqueued, which has its values already."""
Infeasible = Callable[[Params], str]
"""Why a configuration need not be run; "" where nothing speaks against it."""


def always_feasible(params: Params) -> str:
    """Nothing is known to be infeasible."""
    return ""


class ProposingSampler(optuna.samplers.BaseSampler):
    """Knows what a study measured (`observations`) and what is running; `_think` says what comes next.

    `observations` are those of the owner, who adds what has finished, or are read from the study. `ruled_out` collects
    configurations that would have been proposed but for `infeasible`, with the reasons. Any thread may ask.
    """

    enumerates = False
    """Whether the whole space will be tried."""

    def __init__(
        self,
        space: SearchSpace | None,
        objectives: Sequence[Objective] | None,
        constraints: Sequence[Constraint],
        seed: int | None,
        infeasible: Infeasible,
        observations: Observations | None,
    ) -> None:
        self._translation: Translation | None = None if space is None else KnownSpace(space)
        self._declared = space is not None
        self._objectives = None if objectives is None else tuple(objectives)
        self._constraints, self._infeasible = tuple(constraints), infeasible
        self._observations, self._owned = observations, observations is None
        if observations is None and space is not None and objectives is not None:
            self._observations = Observations(space, objectives, constraints=constraints)
        self._rng = random.Random(seed)
        self._independent = optuna.samplers.RandomSampler(seed)
        self._view: StudyView | None = None
        self._study_name = ""
        self._next: tuple[tuple[object, ...], Params] | None = None
        self._given: dict[int, dict[str, Any]] = {}
        self._lock = threading.RLock()
        self.ruled_out: dict[str, str] = {}

    @on_one_thread
    def proposal(self, study: optuna.Study) -> Params | None:
        """The configuration that the next `study.ask()` will get; None when nothing valid and new is left.

        Thought of once, and kept until it is used or something is told. None too as long as a study has not shown what
        its space is.
        """
        with self._lock:
            self._look(study)
            return self._proposal() if self._view else None

    def again(self, study: optuna.Study, complete: bool) -> TrialResult | None:
        """The trial that is worth measuring again more than any new configuration is; None where that is not so.

        `complete` says that no further configuration is to be tried.
        """
        return None

    @property
    def observations(self) -> Observations:
        """What the study's finished trials said when it was looked at last.

        Raises ValueError where nothing is known of space and objectives, because no study was seen yet.
        """
        if self._observations is None:
            raise ValueError("no study was seen yet: ask one for a trial first")
        return self._observations

    def _think(self) -> Params | None:
        """The next configuration."""
        raise NotImplementedError

    def _hand_out(self, params: Params) -> None:
        """A trial has been given this proposal."""

    def _proposal(self) -> Params | None:
        state = self._state()
        if self._next is None or self._next[0] != state:
            params = self._think()
            self._next = None if params is None else (state, dict(params))
        return None if self._next is None else dict(self._next[1])

    def _state(self) -> tuple[object, ...]:
        """What proposals depend on: they are thought of anew when it has changed."""
        known, view = self.observations, self._view
        running = frozenset(map(key, view.running)) if view else frozenset()
        return len(known.trials), len(known.repeats), len(view.refused) if view else 0, running

    def _look(self, study: optuna.Study, own: int | None = None) -> None:
        """Take note of what the study has that was not there before; `own` is a running trial without values yet."""
        if self._study_name != study.study_name:
            self._study_name, self._given = study.study_name, {}
            self._begin(study)
        if self._view is None or self._translation is None:
            return
        for result in self._view.look(study, own):
            if self._owned and self._translation.holds(result.params):
                self.observations.add(result)

    def _begin(self, study: optuna.Study) -> None:
        """Another study than before, or another space."""
        self._next, self._view = None, None
        if self._translation is None:
            return
        objectives = self._objectives or _objectives_of(study)
        self._view = StudyView(objectives, self._translation.read, self._given)
        if self._owned:
            space = self._translation.space
            self._observations = Observations(space, objectives, (), (), self._constraints, self._declared)

    @on_one_thread
    def infer_relative_search_space(
        self, study: optuna.Study, trial: optuna.trial.FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """The distributions of the active knobs of the proposal; none for a trial that was enqueued with values."""
        if FIXED in trial.system_attrs:
            return {}
        with self._lock:
            self._look(study, trial.number)
            params = self._proposal() if self._view else None
            if params is None or self._translation is None:
                return {}
            self._next = None
            self._hand_out(params)
            self._given[trial.number] = self._translation.values(params)
            return self._translation.distributions(params)

    def sample_relative(
        self, study: optuna.Study, trial: optuna.trial.FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """The values of the proposal."""
        return {n: v for n, v in self._given.get(trial.number, {}).items() if n in search_space}

    def after_trial(
        self,
        study: optuna.Study,
        trial: optuna.trial.FrozenTrial,
        state: optuna.trial.TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """It is running no more."""
        self._given.pop(trial.number, None)

    def sample_independent(
        self,
        study: optuna.Study,
        trial: optuna.trial.FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """At random: a parameter that was not known when the configuration was thought of."""
        return self._independent.sample_independent(study, trial, param_name, param_distribution)

    def reseed_rng(self) -> None:
        """Draw otherwise than a copy of this sampler does."""
        self._rng.seed()  # whoever draws for it has the same generator
        self._independent.reseed_rng()

    def __getstate__(self) -> Mapping[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_lock"}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        vars(self).update(state)
        self._lock = threading.RLock()


def _objectives_of(study: optuna.Study) -> tuple[Objective, ...]:
    """The study's own quantities: by the names that it gives them, in the directions that it has."""
    names = study.metric_names or [f"value {at}" for at in range(len(study.directions))]
    directions = ["maximize" if d is optuna.study.StudyDirection.MAXIMIZE else "minimize" for d in study.directions]
    return tuple(
        Objective(name, "maximize" if direction == "maximize" else "minimize")
        for name, direction in zip(names, directions, strict=True)
    )
