"""The ask/tell loop that owns a study: baseline first, search, tournament, verdict; the only writer of its state."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from search_spaces.errors import TunerError
from search_spaces.parameter import Value
from tuner import interrupts
from tuner.config.study_config import StudyConfig
from tuner.deploy import deploy_document, judged_again, sentence
from tuner.events import Observer, Outcome, StudyInfo
from tuner.objective import Objective, best, pareto_front, rank_value
from tuner.preparation import Prepared, check_measured, prepare
from tuner.racing import Race
from tuner.sampling import Sampler, changed_knobs
from tuner.study_store import StudyStore
from tuner.tournament import Tournament, TournamentResult
from tuner.trial import TrialResult, TrialSpec, TrialStatus
from tuner.watchers import Watchers

FINALISTS = 3
CLOSE = 0.95
"""A trial whose value is at least this share of the best one's may be as good."""
BASELINE = 0
INTERVAL_HALF_WIDTH = 0.03
"""Rounds of a trial go on until the objective's 95 % interval is this narrow, as a share of the value."""


def run_study(config: StudyConfig, observers: Sequence[Observer]) -> Outcome:
    """Run or resume a study. Raises TunerError for what the user must mend; anything an engine does is a status.

    Ctrl-C keeps what is finished and yields an outcome whose verdict is `interrupted`.
    """
    begin = time.monotonic()
    watchers = Watchers(observers)
    prepared = prepare(config, watchers.progress)
    store = StudyStore(config.outputs / prepared.name)
    with store.locked():
        return Study(prepared, store, watchers, begin).run()


@dataclass
class Study:
    """One run of one study."""

    prepared: Prepared
    store: StudyStore
    watchers: Watchers
    begin: float
    trials: list[TrialResult] = field(default_factory=list)
    search_begin: float = 0.0
    exhausted: bool = False

    def run(self) -> Outcome:
        """Search what is left of the budget, hold the tournament, write the verdict."""
        self._open()
        earlier = self._finished_before()
        if earlier is not None:
            self.watchers.study_finished(earlier)
            return earlier
        try:
            self._search()
            result = self._new_tournament().run(self._baseline, self._finalists(), self._time_is_up)
        except KeyboardInterrupt:
            outcome = self._interrupted()
        else:
            outcome = self._conclude(result)
        self._report()
        self.watchers.study_finished(outcome)
        return outcome

    def _open(self) -> None:
        self._check_identity()
        self.trials = self.store.trials()
        self.store.write_yaml("study.yaml", {"created_at": self._created_at(), **self.prepared.document()})
        self.store.point_latest()
        self._runner = self.prepared.runner(
            samples_dir=self.store.samples_dir,
            on_progress=self.watchers.progress,
            time_is_up=self._search_time_is_up,
            on_round=lambda rounds, value: self.watchers.round_finished(len(self.trials), rounds, value),
        )
        config = self.prepared.config
        self.watchers.study_started(
            StudyInfo(
                name=self.prepared.name,
                directory=self.store.directory,
                task=self.prepared.engine.task,
                engine=self.prepared.engine.name,
                model=self.prepared.model.name,
                objectives=config.objectives,
                constraints=config.constraints,
                budget_trials=config.budget.trials,
                budget_minutes=config.budget.minutes,
                configuration=config.document,
                hardware=self.prepared.hardware.to_json(),
                finished=tuple(self.trials),
            )
        )

        for note in self.prepared.space.notes:
            self.watchers.notice(note)
        self.search_begin = time.monotonic()

    def _check_identity(self) -> None:
        """A folder of the same name must hold the same study."""
        known = self.store.read_yaml("study.yaml")
        if known is not None and known.get("digest") != self.prepared.digest:
            changed = [
                part
                for part in ("engine", "model", "workload", "space", "objectives", "constraints")
                if known.get(part) != self.prepared.document().get(part)
            ]
            raise TunerError(
                f"study {self.prepared.name!r} in {str(self.store.directory)!r} is another one: "
                f"{', '.join(changed) or 'hardware'} differs",
                "give this one another name with study=NAME, or leave study= out",
            )

    def _created_at(self) -> str:
        known = self.store.read_yaml("study.yaml") or {}
        return str(known.get("created_at") or time.strftime("%Y-%m-%dT%H:%M:%S%z"))

    @property
    def _objective(self) -> Objective:
        return self.prepared.objectives[0]

    @property
    def _baseline(self) -> TrialResult:
        return self.trials[BASELINE]

    def _search(self) -> None:
        """Ask, run, tell, until the budget of trials or of time ends or nothing is left to try."""
        config = self.prepared.config
        sampler = Sampler(
            self.prepared.space,
            self.prepared.objectives,
            config.budget.trials,
            config.seed + len(self.trials),
            self._runner.known_infeasible,
        )
        for trial in self.trials:
            sampler.tell(trial)
        if not self.trials:
            sampler.tell(self._run(dict(self.prepared.space.baseline), "baseline"))
        self._judge_baseline()
        while len(self.trials) < config.budget.trials and not self._search_time_is_up():
            self._check_measured()
            params = sampler.ask()
            if params is None:
                self.exhausted = True
                break
            sampler.tell(self._run(params, "search"))
        self._check_measured()
        self._say_how_it_ended(sampler)

    def _say_how_it_ended(self, sampler: Sampler) -> None:
        done, budget = len(self.trials), self.prepared.config.budget
        if sampler.ruled_out:
            example = next(iter(sampler.ruled_out.values()))
            self.watchers.notice(f"{len(sampler.ruled_out)} configurations were ruled out unseen, such as: {example}")
        if self.exhausted:
            self.watchers.notice(f"nothing is left to try after {done} trials")
        elif done < budget.trials:
            self.watchers.notice(
                f"the time ended the search after {done} of {budget.trials} trials; "
                f"the same command goes on, or raise budget.minutes={budget.minutes:g}"
            )

    def _run(self, params: dict[str, Value], purpose: str) -> TrialResult:
        interrupts.check()
        number = len(self.trials)
        self.watchers.trial_started(number, params, purpose)
        result = self._runner.run(TrialSpec(number, params), self._race())
        self.store.append(result)
        self.trials.append(result)
        self.watchers.trial_finished(result)
        return result

    def _race(self) -> Race:
        """Race against the best, if the one objective is what rounds show; several objectives have no single best."""
        budget = self.prepared.config.budget
        raced = len(self.prepared.objectives) == 1 and self._objective.metric == self.prepared.raced_metric
        leader = best(self.trials, self._objective) if raced else None
        return Race(
            maximize=Objective(self.prepared.raced_metric).maximize,
            best=leader.value(self._objective.metric) if leader else None,
            rounds_least=budget.rounds_least,
            rounds_most=budget.rounds_most,
            half_width=INTERVAL_HALF_WIDTH,
            best_round_s=leader.round_s if leader else None,
        )

    def _check_measured(self) -> None:
        """Every metric that the study needs must be reported here, as the first measured trial shows."""
        measured = next((t for t in self.trials if t.metrics), None)
        if measured is None:
            return
        needed = {o.metric: "objective" for o in self.prepared.objectives}
        needed |= {c.metric: "constraint" for c in self.prepared.constraints}
        check_measured(needed, {**measured.metrics, **measured.quality})

    def _judge_baseline(self) -> None:
        if not self._baseline.metrics:
            how = f"{self._baseline.status}: {self._baseline.reason}"
            self.watchers.notice(f"the default does not run here ({how})")
        elif self._baseline.status is TrialStatus.INFEASIBLE:
            self.watchers.notice(f"the default breaks a constraint: {self._baseline.reason}")

    def _time_is_up(self, needed_s: float = 0.0) -> bool:
        """Whether the budget's minutes, which begin with the search, leave no `needed_s`."""
        spent_s = time.monotonic() - self.search_begin
        return spent_s + needed_s > 60 * self.prepared.config.budget.minutes

    def _search_time_is_up(self) -> bool:
        """Leave the time that the tournament will take."""
        if not self.trials:
            return False
        return self._time_is_up(self._new_tournament().estimate_s(self._baseline, self._finalists()))

    def _finalists(self) -> list[TrialResult]:
        """The best few trials; with several objectives the Pareto front's, best in the first objective first.

        Among trials that come close to the best one, the one that changes the fewest knobs is let in too.
        """
        objectives = self.prepared.objectives
        able = pareto_front(self.trials, objectives) if len(objectives) > 1 else [t for t in self.trials if t.feasible]
        able = [t for t in able if t.number != BASELINE and t.value(self._objective.metric) is not None]
        ranked = sorted(able, key=lambda t: rank_value(t, self._objective))
        if not ranked:
            return []
        lead = ranked[0].value(self._objective.metric) or 0.0
        close = [t for t in ranked if self._objective.gain(t.value(self._objective.metric) or lead, lead) >= CLOSE]
        plainest = min(close, key=lambda t: changed_knobs(t.params, self._baseline.params))
        rest = [t for t in ranked[1:] if t is not plainest]
        return list({t.number: t for t in (ranked[0], plainest, *rest)}.values())[:FINALISTS]

    def _new_tournament(self) -> Tournament:
        budget = self.prepared.config.budget
        return Tournament(
            self._runner,
            self._objective,
            budget.tournament_pairs,
            budget.tournament_pairs_most,
            self.watchers.tournament_progress,
        )

    def _conclude(self, result: TournamentResult) -> Outcome:
        if result.verdict == "undecided" and self._others_were_tried() and not self._finalists():
            result = replace(result, verdict="keep_default")
        if result.winner is None:
            summary, deploy = self._nothing_feasible(), None
            self.store.remove("deploy.json")
        else:
            summary = sentence(result, self._objective.metric)
            deploy = deploy_document(self.prepared, result, self.watchers.tracking)
            self.store.write_json("deploy.json", deploy)
        about = {"summary": summary, "trials": len(self.trials), "exhausted": self.exhausted}
        document = {**result.document, "verdict": result.verdict, **about}
        self.store.write_json("tournament.json", document)
        return self._outcome(result.verdict, summary, deploy, document)

    def _others_were_tried(self) -> bool:
        return len(self.trials) > 1

    def _nothing_feasible(self) -> str:
        reasons = Counter(t.reason.split(";")[0] or str(t.status) for t in self.trials)
        common, count = reasons.most_common(1)[0]
        return f"no feasible configuration among {len(self.trials)} trials; most often ({count}): {common}"

    def _interrupted(self) -> Outcome:
        leader = best(self.trials, self._objective)
        kept = f"{len(self.trials)} finished trials are kept; the same command goes on"
        if leader is None:
            return self._outcome("interrupted", f"interrupted: {kept}", None, None)
        value = leader.value(self._objective.metric)
        found = f"best so far, not proven: trial {leader.number} with {self._objective.metric} {value:.4g}"
        return self._outcome("interrupted", f"interrupted: {kept}; {found}", None, None)

    def _finished_before(self) -> Outcome | None:
        """The outcome of an earlier run that used up the same budget; None when there is something left to do."""
        tournament, deploy = self.store.read_json("tournament.json"), self.store.read_json("deploy.json")
        if tournament is None or tournament.get("trials") != len(self.trials):
            return None
        if deploy is None and tournament["verdict"] != "no_feasible":
            return None
        if len(self.trials) < self.prepared.config.budget.trials and not tournament["exhausted"]:
            return None
        if deploy is not None:
            deploy = judged_again(deploy, self.prepared.config.targets)
            self.store.write_json("deploy.json", deploy)
        self._report()
        more = "" if tournament["exhausted"] else f"; budget.trials={2 * len(self.trials)} searches on"
        self.watchers.notice(f"this study had finished with {len(self.trials)} trials{more}")
        return self._outcome(tournament["verdict"], tournament["summary"], deploy, tournament)

    def _outcome(
        self, verdict: str, summary: str, deploy: Mapping[str, Any] | None, tournament: Mapping[str, Any] | None
    ) -> Outcome:
        objectives = self.prepared.objectives
        front = pareto_front(self.trials, objectives) if len(objectives) > 1 else []
        return Outcome(
            verdict=verdict,
            summary=summary,
            trials=tuple(self.trials),
            statuses=dict(Counter(str(t.status) for t in self.trials)),
            wall_s=round(time.monotonic() - self.begin, 3),
            engine_s=round(self.prepared.engine_s + self._runner.engine_s, 3),
            deploy=deploy,
            tournament=tournament,
            front=tuple(t.number for t in front),
            notices=tuple(self.watchers.notices),
            extra={"study": self.prepared.name, "study_dir": str(self.store.directory)},
        )

    def _report(self) -> None:
        from tuner.report import write_report

        write_report(self.store.directory)
