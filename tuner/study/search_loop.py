"""The search: ask for a configuration, measure it, tell what came of it, until the budget ends or nothing is left."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import optuna

from search_spaces.parameter import Params, Value
from tuner.core import interrupts
from tuner.core.guards import search_limits, search_violations
from tuner.core.objective import Objective, at_pace
from tuner.core.params import key
from tuner.core.trial import CONFIGURATIONS, TrialResult, TrialStatus
from tuner.core.watchers import Watchers
from tuner.measure.drift import PaceWatch
from tuner.measure.executor import Executor
from tuner.measure.host.host_noise import never_quiet
from tuner.measure.plan import MeasurementPlan, drift_plan, hurried_plan, search_plan, single_round_plan
from tuner.measure.preparation import Prepared, check_measured
from tuner.measure.pruning import Best, Pruner, pruner_against
from tuner.results.record import Asked, StudyRecord
from tuner.search.observations import Observations
from tuner.search.proposing import ProposingSampler
from tuner.search.samplers import propose
from tuner.search.search_time import SearchTime
from tuner.study.search_notices import baseline_notice

RETRYABLE = (TrialStatus.CRASHED, TrialStatus.OUT_OF_MEMORY, TrialStatus.INFEASIBLE)
"""How a baseline may end for a passing shortage: it gets a second chance, because without it there is no proof."""
WHOLE = ("brute_force", "ablation")
"""Samplers that go through a list of their own to its end."""
MAX_KILLS = 3
"""A configuration during which the tuner itself was killed so many times in a row is not tried again."""
TRIAL_SHARE = 0.1
"""Of the minutes, after which a trial gets no further rounds: on a machine that is never quiet each would be repeated,
and one slow configuration would take the whole time."""
REDUCTIONS_MOST = 4
"""Trials of a run that are spent on the leader with fewer changes, however often that changes meanwhile."""


class Search:
    """Measures what `sampler` proposes; whatever is measured is told to `record` and added to `observations`.

    `on_result` is told each result after that, repeats and drift checks among them. `beside` are configurations that
    are measured after the baseline, whatever the sampler proposes.
    """

    def __init__(
        self,
        prepared: Prepared,
        record: StudyRecord,
        observations: Observations,
        executor: Executor,
        watchers: Watchers,
        limit: SearchTime,
        clock: Callable[[], float] = time.monotonic,
        on_result: Callable[[TrialResult], None] = lambda result: None,
        beside: Sequence[Params] = (),
    ) -> None:
        self._prepared, self._record, self._observations = prepared, record, observations
        self._executor, self._watchers, self._limit, self._clock = executor, watchers, limit, clock
        self._on_result, self._beside = on_result, beside
        self.exhausted = False
        self._reductions = 0

    def run(self, sampler: optuna.samplers.BaseSampler) -> None:
        """Search what is left of the budget; `exhausted` says afterwards whether the space was tried as a whole."""
        self._record.study.sampler = sampler
        trials = self._observations.trials
        pace = PaceWatch(self._pruning_objective, self._check_drift, self._clock, resumed=bool(trials))
        if not trials:
            self._measure_baseline()
        if notice := baseline_notice(trials[0]):
            self._watchers.notice(notice)
        self._measure_beside(pace)
        begun = self._measured
        while self._limit.for_another(self._measured == begun, len(owed := self._owed(sampler))):
            check_measured(self._prepared, trials)
            pace.look(trials, len(self._observations.repeats))
            now = pace.now(trials[0], self._observations.load_noise())
            complete = self.exhausted or len(trials) + len(owed) >= self._prepared.config.budget.trials
            if complete and not self._limit.for_telling_apart():
                break
            if again := self._worth_repeating(sampler, complete):
                self._repeat(again, now)
            elif complete:
                break
            elif proposed := self._propose(sampler):
                self._try(*proposed, now)
            else:
                self.exhausted = True
        self._reduce(sampler, pace)
        check_measured(self._prepared, trials)

    def _owed(self, sampler: optuna.samplers.BaseSampler) -> list[dict[str, Value]]:
        """The leader with fewer changes, which is tried at the end; not where the whole space will be."""
        if getattr(sampler, "enumerates", False) or self._prepared.config.sampler in WHOLE or self.exhausted:
            return []
        able = [p for p in self._observations.reductions() if not self._executor.known_infeasible(p)]
        return able[: max(0, REDUCTIONS_MOST - self._reductions)]

    def _reduce(self, sampler: optuna.samplers.BaseSampler, pace: PaceWatch) -> None:
        """Try the leader with fewer changes, as far as time and trials allow."""
        most, trials = self._prepared.config.budget.trials, self._observations.trials
        while len(trials) < most and self._limit.for_another(first=False) and (owed := self._owed(sampler)):
            self._reductions += 1
            self._try_unproposed(owed[0], pace)

    def measure_reduced(self, params: Params) -> TrialResult:
        """Measure a winner with fewer changes, after the search: a trial that the search knew nothing of."""
        asked = self._record.begin(params, "reduced")
        self._watchers.trial_started(asked.spec.number, params, "reduced")
        return self._tell(asked, self._measure(asked, self._search_plan(1.0)))

    def _measure_beside(self, pace: PaceWatch) -> None:
        """What is not tried yet of it, within the budget's trials."""
        for params in self._beside:
            trials = self._observations.trials
            if len(trials) < self._prepared.config.budget.trials and key(params) not in {key(t.params) for t in trials}:
                self._try_unproposed(params, pace)

    def _try_unproposed(self, params: Params, pace: PaceWatch) -> None:
        """Measure what no sampler proposed."""
        asked = self._record.begin(params, "search")
        self._watchers.trial_started(asked.spec.number, params, "search")
        now = pace.now(self._observations.trials[0], self._observations.load_noise())
        self._tell(asked, self._measure(asked, self._search_plan(now), now))

    def _measure_baseline(self) -> None:
        """The first trial: the default, without which there is no proof, and which gets a second chance."""
        self._watchers.progress("measuring the default")
        asked = self._record.begin(self._prepared.space.baseline, "baseline")
        self._watchers.trial_started(asked.spec.number, asked.spec.params, "baseline")
        plan = self._search_plan(1.0)
        result = self._measure(asked, plan)
        if not result.metrics and result.status in RETRYABLE:
            result = self._measure(asked, plan)
        self._tell(asked, result)

    def rule_out_killers(self) -> None:
        """Count what took the tuner itself down, again and again, as a trial that crashed."""
        params, times = self._record.killed_in_a_row()
        if self._observations.trials and times >= MAX_KILLS:
            reason = f"the tuner itself was killed {times} times in a row while it ran"
            asked = self._record.begin(params, "search")
            self._tell(asked, TrialResult(asked.spec.number, params, TrialStatus.CRASHED, reason))

    def _worth_repeating(self, sampler: optuna.samplers.BaseSampler, complete: bool) -> TrialResult | None:
        """What is worth measuring again more than any new configuration; only our own samplers can tell."""
        if not isinstance(sampler, ProposingSampler):
            return None
        with self._record.reached():
            return sampler.again(self._record.study, complete)

    def _propose(self, sampler: optuna.samplers.BaseSampler) -> tuple[optuna.Trial, Params] | None:
        seen = {key(t.params) for t in (*self._observations.trials, *self._observations.reduced)}
        with self._record.reached():
            return propose(self._record.study, sampler, self._prepared.space, seen, self._executor.known_infeasible)

    def _try(self, trial: optuna.Trial, params: Params, pace: float) -> None:
        """Measure a new configuration."""
        asked = self._record.begun(trial, params, "search")
        self._watchers.trial_started(asked.spec.number, params, "search")
        self._tell(asked, self._measure(asked, self._search_plan(pace), pace))

    def _repeat(self, trial: TrialResult, pace: float) -> None:
        """Measure a trial again: one round in a new process."""
        asked = self._record.begin(trial.params, "repeat", trial.number)
        self._watchers.progress(f"measuring trial {trial.number} again, as number {asked.spec.number}")
        plan = replace(single_round_plan(repeat_disturbed="new_process"), time_left_s=self._limit.until_up_s())
        self._tell(asked, self._measure(asked, plan, pace))

    def _check_drift(self) -> TrialResult:
        """The baseline once more, by a round or two."""
        baseline = self._observations.trials[0]
        asked = self._record.begin(baseline.params, "drift", baseline.number)
        self._watchers.progress(f"measuring the default again, as number {asked.spec.number}")
        pruner = pruner_against(None, self._pruning_objective, 1.0, (1, 2))
        result = self._measure(asked, drift_plan(pruner, self._limit.until_up_s()))
        self._tell(asked, result)
        return result

    def _measure(self, asked: Asked, plan: MeasurementPlan, pace: float = 1.0) -> TrialResult:
        try:
            interrupts.check()
            result = self._executor.run(
                asked.spec, plan, lambda rounds, value: self._on_round(asked, rounds, value, pace)
            )
        except BaseException:  # Ctrl-C too: a trial that is left running would count as one that killed the tuner
            self._record.abandon(asked)
            raise
        return replace(result, pace=round(pace, 4))

    def _on_round(self, asked: Asked, rounds: int, value: float | None, pace: float) -> None:
        """Reported is what ranks: the value at the machine's first pace."""
        if asked.spec.purpose in CONFIGURATIONS:
            self._watchers.round_finished(asked.spec.number, rounds, value)
        if value is not None and self._pruning_objective == self._prepared.objectives[0]:
            self._record.report(asked, rounds, at_pace(value, self._pruning_objective.metric, 1 / pace))

    def _guarded(self, result: TrialResult) -> TrialResult:
        """The result, infeasible where it makes worse what a person feels."""
        if not result.metrics or result.purpose not in CONFIGURATIONS:
            return result
        baseline = self._observations.trials[0] if self._observations.trials else result
        slack, broken = search_violations(self._prepared.guards, result, baseline, self._observations.load_noise())
        result = replace(result, violations={**result.violations, **slack})
        if not broken or result.status is not TrialStatus.OK:
            return result
        return replace(result, status=TrialStatus.INFEASIBLE, reason="; ".join(broken))

    def _tell(self, asked: Asked, result: TrialResult) -> TrialResult:
        """The result as it counts, once it is recorded."""
        result = self._guarded(result)
        with interrupts.deferred():
            self._record.end(asked, result)
            self._observations.add(result)
        if result.purpose in CONFIGURATIONS:
            self._watchers.trial_finished(result)
        self._on_result(result)
        return result

    def _search_plan(self, pace: float) -> MeasurementPlan:
        trials, cold, left_s = self._observations.trials, self._prepared.cold_loads, self._limit.until_up_s()
        limits = search_limits(self._prepared.guards, trials[0], pace) if trials else ()
        hurried = never_quiet([t.host_noise for t in trials])
        plan = hurried_plan(left_s) if hurried else search_plan(self._pruner(pace), cold, left_s)
        return replace(plan, cold_load=cold, limits=limits)

    def _pruner(self, pace: float) -> Pruner:
        """Against the best, if the one objective is what rounds show; several objectives have no single best."""
        budget, objectives, raced = self._prepared.config.budget, self._prepared.objectives, self._pruning_objective
        single = len(objectives) == 1 and objectives[0] == raced
        leader = self._observations.leader() if single else None
        rounds, most_s = (budget.rounds_least, budget.rounds_most), TRIAL_SHARE * 60 * budget.minutes
        best = None if leader is None or leader.value is None else Best(leader.value, leader.trial.round_s)
        return pruner_against(best, raced, pace, rounds, self._observations.load_noise(), most_s)

    @property
    def _pruning_objective(self) -> Objective:
        return Objective(self._prepared.pruning_metric)

    @property
    def _measured(self) -> int:
        """How many trials and repeats there are."""
        return len(self._observations.trials) + len(self._observations.repeats)
