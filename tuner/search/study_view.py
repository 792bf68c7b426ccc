"""What a sampler knows of an Optuna study: its finished trials as results, and the configurations that are running.

A trial of a tuner's study holds its result as an attribute (`optuna_trials.py`). One of anybody's own script holds
values, constraints and a state, of which a result is made:

- complete: measured; a value that is not finite counts as a failure, and so does a failed trial;
- pruned: as bad as its last intermediate value or the middle of the complete ones, whichever is worse, because what is
  reported early says little of what would come of it.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from search_spaces.parameter import Params
from tuner.core.objective import Objective
from tuner.core.params import key
from tuner.core.trial import MetricValue, TrialResult, TrialStatus
from tuner.search.optuna_trials import PARAMS, PURPOSE, REFUSED, result_of

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

Read = Callable[[Mapping[str, Any]], Params]
"""Makes a configuration of a trial's parameters."""


class StudyView:
    """Reads each finished trial once. `read` gives the configuration of a trial that has none as an attribute.

    `asked` are the parameters that running trials were given, which they may not have suggested yet. `measured` and
    `refused` are the keys of configurations that have a result, whichever process told it, or were not run.
    """

    def __init__(self, objectives: Sequence[Objective], read: Read, asked: Mapping[int, Mapping[str, Any]]) -> None:
        self._objectives, self._read = tuple(objectives), read
        self._finished: set[int] = set()
        self._asked = asked
        self._middle: list[list[float]] = [[] for _ in objectives]
        self.refused: set[str] = set()
        self.measured: set[str] = set()
        self.running: list[Params] = []

    def look(self, study: optuna.Study, own: int | None = None) -> list[TrialResult]:
        """The results of trials that have finished since. `own` is a running trial that is to be given parameters."""
        running: list[Params] = []
        found: list[TrialResult] = []
        for trial in study.get_trials(deepcopy=False):
            if trial.number in self._finished or trial.number == own:
                continue
            if trial.state.is_finished():
                self._finished.add(trial.number)
                found.extend(self._results(trial))
            elif params := self._params_of_running(trial):
                running.append(params)
        self.running = running
        return found

    def taken(self) -> set[str]:
        """The keys of what need not be asked for again: measured by anybody, refused, or running."""
        return self.measured | self.refused | set(map(key, self.running))

    def _params_of_running(self, trial: FrozenTrial) -> Params | None:
        if PARAMS in trial.user_attrs:
            return dict(trial.user_attrs[PARAMS])
        values = {**self._asked.get(trial.number, {}), **trial.params}
        return self._read(values) if values else None

    def _results(self, trial: FrozenTrial) -> Iterator[TrialResult]:
        if trial.user_attrs.get(PURPOSE) == REFUSED:
            self.refused.add(key(trial.user_attrs[PARAMS]))
        elif (result := result_of(trial)) is not None:
            self.measured.add(key(result.params))
            yield result
        elif PURPOSE not in trial.user_attrs and (trial.params or trial.values):
            yield self._made_of(trial)

    def _made_of(self, trial: FrozenTrial) -> TrialResult:
        params = dict(trial.user_attrs.get(PARAMS) or self._read(trial.params))
        violations = {name: float(slack) for name, slack in trial.constraints.items()}
        status, values = self._outcome(trial)
        if status is TrialStatus.OK and any(slack > 0 for slack in violations.values()):
            status = TrialStatus.INFEASIBLE
        metrics = {o.metric: MetricValue(v, None, "") for o, v in zip(self._objectives, values, strict=False)}
        return TrialResult(trial.number, params, status, metrics=metrics, violations=violations, rounds=1)

    def _outcome(self, trial: FrozenTrial) -> tuple[TrialStatus, list[float]]:
        if trial.state.name == "PRUNED":
            return TrialStatus.PRUNED, self._of_pruned(trial)
        values = [float(v) for v in trial.values or ()]
        if not values or not all(map(math.isfinite, values)):
            return TrialStatus.CRASHED, []
        for middle, value in zip(self._middle, values, strict=True):
            middle.append(value)
        return TrialStatus.OK, values

    def _of_pruned(self, trial: FrozenTrial) -> list[float]:
        """Of several objectives nothing is reported on the way."""
        if not trial.intermediate_values or not self._middle[0]:
            return []
        last, middle = trial.intermediate_values[max(trial.intermediate_values)], statistics.median(self._middle[0])
        worse = min if self._objectives[0].maximize else max
        return [worse(last, middle)] if math.isfinite(last) else []
