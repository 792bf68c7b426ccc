"""The ask/tell loop that owns a study: baseline first, search, tournament, verdict; the only writer of its state."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from search_spaces.parameter import Params, Value
from tuner.core import interrupts
from tuner.core.deploy import DeployConfig
from tuner.core.events import Observer, Outcome
from tuner.core.explanation import Attribution
from tuner.core.objective import Objective, pareto_front
from tuner.core.params import key
from tuner.core.study_config import StudyConfig
from tuner.core.study_document import StudyDocument
from tuner.core.trial import TrialResult, TrialSpec, TrialStatus
from tuner.core.watchers import Watchers
from tuner.measure.drift import PaceWatch
from tuner.measure.host.host_noise import noise_message
from tuner.measure.plan import drift_plan, search_plan
from tuner.measure.preparation import Prepared, check_measured, prepare
from tuner.measure.pruning import Pruner, pruner_against
from tuner.results.deploy import deploy_config, with_targets
from tuner.results.study_store import IN_FLIGHT, StudyStore, check_writable
from tuner.search.earlier import Earlier, earlier_best
from tuner.search.observations import Observations
from tuner.search.one_at_a_time import OneAtATime
from tuner.search.repeats import Repeat, measure_again
from tuner.search.sampler import Sampler
from tuner.search.search_time import SearchTime
from tuner.study.explanation import EXPLANATIONS, explain
from tuner.study.final import Final
from tuner.study.identity import begun_at, check_identity, finished_documents, other_seed, study_info
from tuner.study.search_notices import baseline_notice, search_notices
from tuner.tournament.tournament import TournamentResult
from tuner.tournament.verdict import counted, interrupted, nothing_feasible, sentence, statuses

BASELINE = 0
RETRYABLE = (TrialStatus.CRASHED, TrialStatus.OUT_OF_MEMORY, TrialStatus.INFEASIBLE)
"""How a baseline may end for a passing shortage: it gets a second chance, because without it there is no proof."""
MAX_KILLS = 3
"""A configuration during which the tuner itself was killed so many times in a row is not tried again."""
TRIAL_SHARE = 0.1
"""Of the minutes, after which a trial gets no further rounds: on a machine that is never quiet each would be repeated,
and one slow configuration would take the whole time."""


def run_study(config: StudyConfig, observers: Sequence[Observer]) -> Outcome:
    """Run or resume a study. Raises TunerError for what the user must fix; anything an engine does is a status.

    Ctrl-C keeps what is finished and yields an outcome whose verdict is `interrupted`.
    """
    begin = time.monotonic()
    watchers = Watchers(observers)
    check_writable(config.outputs / (config.study or ""))
    prepared = prepare(config, watchers.progress)
    store = StudyStore(config.outputs / prepared.name)
    with store.locked():
        return Study(prepared, store, watchers, begin).run()


@dataclass
class Study:
    """One run of one study. `begin` is when it began, by `clock` (seconds)."""

    prepared: Prepared
    store: StudyStore
    watchers: Watchers
    begin: float
    clock: Callable[[], float] = time.monotonic
    exhausted: bool = False
    _time: SearchTime = field(init=False)

    def __post_init__(self) -> None:
        self.observations = Observations(
            self.prepared.space, self.prepared.objectives, constraints=self.prepared.constraints
        )

    def run(self) -> Outcome:
        """Search what is left of the budget, hold the tournament, write the verdict."""
        self._open()
        earlier = self._finished_before()
        if earlier is not None:
            self.watchers.study_finished(earlier)
            return earlier
        try:
            if begun := self._final.interrupted():
                self.exhausted = begun.begun_for.exhausted
            else:
                self._search()
            outcome = self._conclude(self._final.hold(self._time.left_s, self.exhausted))
        except KeyboardInterrupt:
            outcome = self._outcome("interrupted", interrupted(self.trials, self._objective), None)
        self._report()
        self.watchers.study_finished(outcome)
        return outcome

    def _open(self) -> None:
        known = self.store.read(StudyDocument, "study.yaml")
        check_identity(known, self.prepared, self.store.directory)
        self.trials.extend(self.store.trials())
        self.observations.repeats.extend(self.store.repeats())
        self.store.write("study.yaml", self.prepared.document(begun_at(known)))
        self.store.point_latest()
        self._executor = self.prepared.executor(self.store.samples_dir, self.watchers.progress)
        self._final = Final(self.prepared, self.store, self.observations, self._executor, self.watchers, self.clock)
        self._rule_out_killers()
        self.watchers.study_started(study_info(self.prepared, self.store.directory, self.trials))
        for note in (
            *self.prepared.workload.notes,
            *self.prepared.space.notes,
            *other_seed(known, self.prepared.config.seed),
        ):
            self.watchers.notice(note)
        minutes = self.prepared.config.budget.minutes
        self._time = SearchTime(minutes, self._final.reserve_s, self.trials, self.clock)

    @property
    def trials(self) -> list[TrialResult]:
        """The finished ones; the first is the baseline."""
        return self.observations.trials

    @property
    def _objective(self) -> Objective:
        return self.prepared.objectives[0]

    @property
    def _baseline(self) -> TrialResult:
        return self.trials[BASELINE]

    def _search(self) -> None:
        """Ask, run, tell, until the budget of trials or of time ends or nothing is left to try."""
        config, sampler = self.prepared.config, self._sampler()
        resumed = bool(self.trials)
        pace = PaceWatch(
            self._pruning_objective, self._measure_again, self.store.append_pace_check, self.clock, resumed
        )
        if not self.trials:
            self._run(dict(self.prepared.space.baseline), "baseline", 1.0)
        if notice := baseline_notice(self._baseline):
            self.watchers.notice(notice)
        begun = self._measured
        while self._time.for_another(self._measured == begun):
            check_measured(self.prepared, self.trials)
            pace.look(self.trials, len(self.observations.repeats))
            now, complete = pace.now(self._baseline, self.observations.load_noise()), self._complete()
            if complete and not self._time.for_telling_apart():
                break
            if contender := sampler.again(complete):
                self._repeat(contender, now)
            elif complete:
                break
            elif params := sampler.ask():
                self._run(params, "search", now)
            else:
                self.exhausted = True
        check_measured(self.prepared, self.trials)
        for notice in search_notices(self.observations, config, self.exhausted, sampler.ruled_out):
            self.watchers.notice(notice)

    def _complete(self) -> bool:
        """Whether no further configuration is to be tried; what is left of the time tells the best few apart."""
        return self.exhausted or len(self.trials) >= self.prepared.config.budget.trials

    def _sampler(self) -> Sampler | OneAtATime:
        config = self.prepared.config
        if config.strategy == "ablation":
            return OneAtATime(self.observations, self._executor.known_infeasible)
        seed = config.seed + len(self.trials)
        infeasible = self._executor.known_infeasible
        return Sampler(self.observations, config.budget.trials, seed, infeasible, self._early())

    def _early(self) -> list[Params]:
        """What is tried before all else: what the space file advises, and what was best in earlier studies."""
        return [p for p in (self.prepared.space.initial_configuration(), *(e.params for e in self._earlier())) if p]

    def _earlier(self) -> list[Earlier]:
        """The best of earlier studies of the engine, and a line about them."""
        prepared = self.prepared
        found = earlier_best(
            prepared.config.outputs, prepared.name, prepared.engine.name, self._objective.metric, prepared.space
        )
        tried = {key(t.params) for t in self.trials}
        if fresh := [e.study for e in found if key(e.params) not in tried]:
            self.watchers.notice(f"what was best in earlier studies of this engine is tried first: {', '.join(fresh)}")
        return found

    def _run(self, params: dict[str, Value], purpose: str, pace: float) -> TrialResult:
        interrupts.check()
        number = len(self.trials)
        self.watchers.trial_started(number, params, purpose)
        spec = TrialSpec(number, params, "baseline" if purpose == "baseline" else "search")
        plan = search_plan(self._pruner(pace), self.prepared.cold_loads, self._search_left_s())

        def on_round(rounds: int, value: float | None) -> None:
            self.watchers.round_finished(number, rounds, value)

        with self.store.in_flight(params):
            result = self._executor.run(spec, plan, on_round)
            if purpose == "baseline" and not result.metrics and result.status in RETRYABLE:
                result = self._executor.run(spec, plan, on_round)
        result = replace(result, pace=round(pace, 4))
        with interrupts.deferred():
            self.store.append(result)
            self.trials.append(result)
        self.watchers.trial_finished(result)
        return result

    @property
    def _pruning_objective(self) -> Objective:
        return Objective(self.prepared.pruning_metric)

    def _pruner(self, pace: float) -> Pruner:
        """Race against the best, if the one objective is what rounds show; several objectives have no single best."""
        budget, raced = self.prepared.config.budget, self._pruning_objective
        single = len(self.prepared.objectives) == 1 and self._objective == raced
        leader = self.observations.leader() if single else None
        rounds = budget.rounds_least, budget.rounds_most
        return pruner_against(
            leader, raced, pace, rounds, self.observations.load_noise(), TRIAL_SHARE * 60 * budget.minutes
        )

    def _rule_out_killers(self) -> None:
        """Count what took the tuner itself down, again and again, as a trial that crashed."""
        params, times = self.store.left_in_flight()
        if self.trials and times >= MAX_KILLS:
            reason = f"the tuner itself was killed {times} times in a row while it ran"
            result = TrialResult(len(self.trials), params, TrialStatus.CRASHED, reason)
            self.store.append(result)
            self.trials.append(result)
            self.store.remove(IN_FLIGHT)

    def _measure_again(self) -> TrialResult:
        """The baseline once more, by a round or two."""
        self.watchers.progress("measuring the default again")
        pruner = pruner_against(None, self._pruning_objective, 1.0, (1, 2))
        spec = TrialSpec(-1, self._baseline.params, "drift", self._baseline.number)
        return self._executor.run(spec, drift_plan(pruner, self._search_left_s()))

    def _search_left_s(self) -> float:
        """What is left of the time until the tournament needs the rest; the first trial has all it wants."""
        return self._time.left_s() - self._final.reserve_s() if self.trials else math.inf

    def _repeat(self, trial: TrialResult, pace: float) -> Repeat:
        """A trial measured again in a new process."""
        interrupts.check()
        self.watchers.progress(f"measuring trial {trial.number} again")
        repeat = measure_again(
            self._executor, trial, self._objective.metric, self.prepared.constraints, pace, self.clock
        )
        with interrupts.deferred():
            self.store.append_repeat(repeat)
            self.observations.repeats.append(repeat)
        return repeat

    @property
    def _measured(self) -> int:
        """How many trials and repeats there are."""
        return len(self.trials) + len(self.observations.repeats)

    def _conclude(self, result: TournamentResult) -> Outcome:
        summary, deploy = nothing_feasible(self.trials), None
        if result.winner is not None:
            summary = sentence(result.document)
            deploy = deploy_config(self.prepared, result, self.watchers.tracking)
        document = replace(result.document, summary=summary)
        with interrupts.deferred():
            for name in (*EXPLANATIONS, "deploy.json"):  # of an earlier verdict
                self.store.remove(name)
            if deploy is not None:
                self.store.write("deploy.json", deploy)
            self.store.write("tournament.json", document)
            self.store.end_tournament()
        if noise := noise_message([t.host_noise for t in self.trials] + [result.document.noise]):
            self.watchers.notice(noise)
        self._explain(result.winner if result.verdict == "gain" else None)
        return self._outcome(result.verdict, summary, deploy)

    def _explain(self, winner: TrialResult | None) -> None:
        self._report()  # the verdict is out, however long explaining takes
        explain(
            self.prepared, self._executor, self.store, self.observations, winner, self._time.left_s(), self.watchers
        )

    def _finished_before(self) -> Outcome | None:
        """The outcome of an earlier run that used up the same budget; None when there is something left to do."""
        documents = finished_documents(self.store, len(self.trials), self.prepared.config.budget)
        if documents is None:
            return None
        tournament, deploy = documents
        explained = self.store.read(Attribution, "attribution.json")
        if tournament.verdict == "gain" and (explained is None or explained.winner != tournament.winner):
            self._explain(next(t for t in self.trials if t.number == tournament.winner))
        if deploy is not None:
            deploy = with_targets(deploy, self.prepared.config.targets)
            self.store.write("deploy.json", deploy)
        self._report()
        more = "" if tournament.exhausted else f"; budget.trials={2 * len(self.trials)} searches on"
        self.watchers.notice(f"this study had finished with {counted(len(self.trials))}{more}")
        return self._outcome(tournament.verdict, tournament.summary, deploy)

    def _outcome(self, verdict: str, summary: str, deploy: DeployConfig | None) -> Outcome:
        objectives = self.prepared.objectives
        front = pareto_front(self.trials, objectives) if len(objectives) > 1 else []
        return Outcome(
            study=self.prepared.name,
            directory=self.store.directory,
            verdict=verdict,
            summary=summary,
            trials=tuple(self.trials),
            statuses=statuses(self.trials),
            wall_s=round(self.clock() - self.begin, 3),
            engine_s=round(self.prepared.engine_s + self._executor.engine_s, 3),
            deploy=deploy,
            attribution=self.store.read(Attribution, "attribution.json"),
            front=tuple(t.number for t in front),
            notices=tuple(self.watchers.notices),
        )

    def _report(self) -> None:
        from tuner.results.report import write_report

        write_report(self.store.directory)
