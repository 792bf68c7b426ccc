"""One run of one study: baseline, search, tournament, verdict, explanation; the only writer of its state."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from search_spaces.parameter import Params
from tuner.core import interrupts
from tuner.core.deploy import DeployConfig
from tuner.core.events import Observer, Outcome
from tuner.core.explanation import Ablation
from tuner.core.objective import Objective, pareto_front
from tuner.core.params import key
from tuner.core.study_config import StudyConfig
from tuner.core.study_document import StudyDocument
from tuner.core.trial import TrialResult
from tuner.core.watchers import Watchers
from tuner.measure.executor import Executor
from tuner.measure.host.host_noise import noise_message
from tuner.measure.preparation import Prepared, prepare
from tuner.results.deploy import deploy_config, with_targets
from tuner.results.record import StudyRecord, record_name
from tuner.results.study_store import StudyStore, check_writable
from tuner.search.earlier import Earlier, earlier_best
from tuner.search.observations import Observations
from tuner.search.samplers import check_sampler, make_sampler
from tuner.search.search_time import SearchTime
from tuner.study.explanation import ABLATION, EXPLANATIONS, explain
from tuner.study.final import Final, Proven
from tuner.study.identity import begun_at, check_identity, finished_documents, other_seed, study_info
from tuner.study.search_loop import Search
from tuner.study.search_notices import search_notices
from tuner.tournament.verdict import counted, interrupted, nothing_feasible, refusals, sentence, statuses

if TYPE_CHECKING:
    import optuna


def run_study(
    config: StudyConfig,
    observers: Sequence[Observer],
    clock: Callable[[], float] = time.monotonic,
    surroundings: Callable[[], str] = lambda: "",
) -> Outcome:
    """Run or resume a study. Raises TunerError for what the user must fix; anything an engine does is a status.

    Ctrl-C keeps what is finished and yields an outcome whose verdict is `interrupted`. The budget's minutes are told
    by `clock` (seconds). `surroundings` warns of a machine that is busy ("": it is not).
    """
    begin = clock()
    watchers = Watchers(observers)
    check_writable(config.outputs / (config.study or ""))
    prepared = prepare(config, watchers.progress)
    check_sampler(config.sampler, prepared.space)
    store = StudyStore(config.outputs / prepared.name)
    with store.locked():
        return Study(prepared, store, watchers, begin, clock, surroundings=surroundings).run()


@dataclass
class Study:
    """One run of one study. `begin` is when it began, by `clock` (seconds).

    `storage` is where Optuna keeps the trials, in place of the configuration's.
    """

    prepared: Prepared
    store: StudyStore
    watchers: Watchers
    begin: float
    clock: Callable[[], float] = time.monotonic
    storage: optuna.storages.BaseStorage | None = None
    exhausted: bool = False
    surroundings: Callable[[], str] = lambda: ""
    observations: Observations = field(init=False)
    _executor: Executor = field(init=False)
    _proof: Executor = field(init=False)
    _final: Final = field(init=False)
    _time: SearchTime = field(init=False)
    _search: Search = field(init=False)

    def run(self) -> Outcome:
        """Search what is left of the budget, hold the tournament, write the verdict."""
        self._open()
        begun = self._final.interrupted()
        if begun is None and (earlier := self._finished_before()):
            self.watchers.study_finished(earlier)
            return earlier
        try:
            if begun is not None:
                self.exhausted = begun.tournament.begun_for.exhausted
            else:
                self._run_search()
            outcome = self._conclude(self._final.hold(self._time.left_s, self.exhausted))
        except KeyboardInterrupt:
            outcome = self._outcome("interrupted", interrupted(self.trials, self._objective), None)
        self._report()
        self.watchers.study_finished(outcome)
        return outcome

    def _open(self) -> None:
        prepared = self.prepared
        self.store.check_format()
        known = self.store.read(StudyDocument, "study.yaml")
        check_identity(known, prepared, self.store.directory)
        record = self._record()
        self.observations = Observations(prepared.space, prepared.objectives, constraints=prepared.constraints)
        for result in record.results():
            self.observations.add(result)
        record_as = record_name(prepared.name, prepared.digest)
        self.store.write("study.yaml", prepared.document(record_as, begun_at(known)))
        self.store.point_latest()
        self._executor = prepared.executor(self.store.samples_dir, self.watchers.progress, self.clock)
        held_out = prepared.workload.held_out is not None
        self._proof = (
            prepared.for_proof.executor(None, self.watchers.progress, self.clock) if held_out else self._executor
        )
        self._final = Final(
            prepared, self.store, self.observations, self._proof, self.watchers, self._measure_reduced, self.clock
        )
        self._time = SearchTime(prepared.config.budget.minutes, self._final.reserve_s, self.trials, self.clock)
        self._search = Search(
            prepared,
            record,
            self.observations,
            self._executor,
            self.watchers,
            self._time,
            self.clock,
            self._measured,
            self._beside_the_baseline(),
        )
        self._search.rule_out_killers()
        self.watchers.study_started(study_info(prepared, self.store.directory, self.trials))
        for note in (*prepared.workload.notes, *prepared.space.notes, *other_seed(known, prepared.config.seed)):
            self.watchers.notice(note)
        if busy := self.surroundings():
            self.watchers.notice(f"{busy} than budget.minutes; Ctrl-C keeps what is finished", passing=True)
        self._time.begin()  # however long MLflow took to open

    def _record(self) -> StudyRecord:
        prepared = self.prepared
        record = StudyRecord(
            record_name(prepared.name, prepared.digest),
            prepared.objectives,
            prepared.space,
            self.store.directory,
            prepared.config.storage,
            self.storage,
        )
        record.recover()
        return record

    @property
    def trials(self) -> list[TrialResult]:
        """The finished configurations; the first is the baseline."""
        return self.observations.trials

    @property
    def _objective(self) -> Objective:
        return self.prepared.objectives[0]

    def _run_search(self) -> None:
        config = self.prepared.config
        sampler = make_sampler(
            config.sampler,
            space=self.prepared.space,
            objectives=self.prepared.objectives,
            constraints=self.prepared.constraints,
            budget_trials=config.budget.trials,
            seed=config.seed + len(self.trials),
            infeasible=self._executor.known_infeasible,
            early=self._early(),
            observations=self.observations,
        )
        self._search.run(sampler)
        self.exhausted = self._search.exhausted
        ruled_out: Mapping[str, str] = getattr(sampler, "ruled_out", {})
        for notice in search_notices(self.observations, config, self.exhausted, ruled_out):
            self.watchers.notice(notice)

    def _measured(self, result: TrialResult) -> None:
        """Told each result of the search, whatever its purpose."""
        if result.purpose == "baseline" and (slow := self._final.slow_default()):
            self.watchers.notice(slow, passing=True)

    def _early(self) -> list[Params]:
        """What is tried before all else: what the space file advises, and what was best in earlier studies."""
        return [p for p in (self.prepared.space.initial_configuration(), *(e.params for e in self._earlier())) if p]

    def _beside_the_baseline(self) -> list[Params]:
        """What is measured whatever a sampler proposes, and may lie out of the searched ranges: what people run."""
        space = self.prepared.space
        stock = space.stock_configuration()
        return [] if stock == dict(space.baseline) else [stock]

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

    def _measure_reduced(self, params: Params) -> TrialResult:
        return self._search.measure_reduced(params)

    def _conclude(self, proven: Proven) -> Outcome:
        result = proven.result
        summary, deploy = nothing_feasible(self.trials), None
        if result.winner is not None:
            summary = sentence(result.document)
            deploy = deploy_config(self.prepared, result, self.watchers.tracking)
        document = replace(result.document, summary=summary)
        for line in refusals(result.document):
            self.watchers.notice(line)
        with interrupts.deferred():
            for name in (*EXPLANATIONS, "deploy.json"):  # of an earlier verdict
                self.store.remove(name)
            if deploy is not None:
                self.store.write("deploy.json", deploy)
            self.store.write("tournament.json", document)
            if proven.ablation is not None:
                self.store.write(ABLATION, proven.ablation)
            self._final.conclude(proven.whole)
        if noise := noise_message([t.host_noise for t in self.trials] + [result.document.noise]):
            self.watchers.notice(noise)
        self._explain()
        return self._outcome(result.verdict, summary, deploy)

    def _explain(self) -> None:
        """Which knobs mattered over all trials; the verdict stands whatever comes of it."""
        explain(self.prepared, self.store, self.trials, self.watchers)

    def _finished_before(self) -> Outcome | None:
        """The outcome of an earlier run that used up the same budget; None when there is something left to do."""
        documents = finished_documents(self.store, len(self.trials), self.prepared.config.budget)
        if documents is None:
            return None
        tournament, deploy = documents
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
            engine_s=round(self.prepared.engine_s + self._executor.engine_s + self._proof_s, 3),
            deploy=deploy,
            ablation=self.store.read(Ablation, ABLATION),
            front=tuple(t.number for t in front),
            notices=tuple(self.watchers.notices),
        )

    @property
    def _proof_s(self) -> float:
        """Seconds of the engine for the proof, where it is on other material than the search."""
        return self._proof.engine_s if self._proof is not self._executor else 0.0

    def _report(self) -> None:
        from tuner.results.report import write_report

        write_report(self.store.directory)
