"""The tournament of a study: who is invited, how long it may take, and how one that was interrupted goes on."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from search_spaces.domains import contains
from search_spaces.parameter import Params
from tuner.core.explanation import Ablation
from tuner.core.params import key
from tuner.core.trial import TrialResult
from tuner.core.watchers import Watchers
from tuner.measure.executor import Executor
from tuner.measure.preparation import Prepared
from tuner.results.study_store import StudyStore
from tuner.search.finalists import affordable
from tuner.search.observations import Observations
from tuner.study.reduced_winner import ReducedWinner
from tuner.tournament.duration import tournament_s
from tuner.tournament.pairs import Pairs
from tuner.tournament.proof_state import ProofState
from tuner.tournament.state import BegunFor, TournamentState, begun
from tuner.tournament.tournament import Tournament, TournamentResult
from tuner.tournament.vetting import TRIED_MOST, Vetted, vet

MINUTES_SHARE = 0.5
"""The search leaves the tournament at most this share of the minutes; one that takes longer overruns them."""
SPAN_LEAST_S, SPAN_S, SPAN_SHARE = 30.0, 45.0, 0.25
"""A tournament of quick rounds lasts this share of the minutes before a look may end it, between the two. Where it
lasted a quarter of a single minute, and several threads are an eighth faster or slower for 20 to 40 s at a time, 11 %
of sweeps found a gain among equals; none of 150 with half of it (`benchmarks/false_gains.py`)."""
TOLD_OVERRUN_S = 10.0
HELD_OUT_TIMES = 2.0
"""As much is held out as what is searched on, so many times (`engines/division.py`)."""


def least_span_s(minutes_s: float) -> float:
    """How many seconds a tournament plays before a look may end it, in a budget of `minutes_s` seconds.

    It ends sooner where the time or the pairs are used up.
    """
    return min(max(SPAN_LEAST_S, SPAN_SHARE * minutes_s), SPAN_S, MINUTES_SHARE * minutes_s)


@dataclass(frozen=True)
class Proven:
    """What is deployed, and what each change of the winner is worth; None where that was not measured.

    It is `whole` unless a rerun may find out more about the changes.
    """

    result: TournamentResult
    ablation: Ablation | None
    whole: bool


@dataclass
class Final:
    """Holds the tournament of what `observations` says, and keeps each block in `store` until there is a verdict.

    `executor` measures on what is held out, which the search never used; `measure` measures another configuration as a
    trial of the study.
    """

    prepared: Prepared
    store: StudyStore
    observations: Observations
    executor: Executor
    watchers: Watchers
    measure: Callable[[Params], TrialResult]
    clock: Callable[[], float] = time.monotonic

    def reserve_s(self) -> float:
        """How much of the time the search leaves to it."""
        finalists = self.observations.finalists()
        if not (rivals := self._with_stock(finalists)):
            return 0.0  # nothing could play yet; what is found late is proven beyond the minutes
        tournament = max(self._estimate_s(rivals), least_span_s(self._minutes_s))
        ablation = self._reduction(lambda: math.inf).estimate_s(finalists)
        return min(self._vetting_s(rivals) + tournament + ablation, MINUTES_SHARE * self._minutes_s)

    def slow_default(self) -> str:
        """That the proof alone will overrun the minutes, as soon as the default is known; "" where it will not."""
        default = self.observations.trials[0]
        beyond_s = self._estimate_s([default]) - MINUTES_SHARE * self._minutes_s
        if not default.metrics or beyond_s <= TOLD_OVERRUN_S:
            return ""
        return (
            f"a round of the default takes {default.round_s:.1f} s here: proving anything will take at least "
            f"{beyond_s / 60:.1f} min more than budget.minutes={self.prepared.config.budget.minutes:g}"
        )

    def _vetting_s(self, rivals: Sequence[TrialResult]) -> float:
        """What judging the default and its rivals on what is held out takes: twice as much as was searched on."""
        if self.prepared.workload.held_out is None:
            return 0.0
        return sum(HELD_OUT_TIMES * t.quality_s for t in (self.observations.trials[0], *rivals))

    def interrupted(self) -> ProofState | None:
        """A proof of these trials and this budget that is not at its end; None without one.

        With more minutes, one that lacks the ablation only goes on once the search is at its end.
        """
        state = self.store.proof_state()
        if state is None:
            return None
        known = state.tournament.begun_for
        now = self._begun_for(known.exhausted)
        if state.told:
            over = now.trials >= now.budget.trials or known.exhausted
            return state if over and known.trials == now.trials else None
        return state if known == now else None

    def hold(self, left_s: Callable[[], float], exhausted: bool) -> Proven:
        """Only the finalists that the time allows; a slow default may take longer than what is left all the same.

        `exhausted` says that the space was tried as a whole, which is kept for a run that goes on.
        """
        state = self.interrupted()
        if state is None:
            state = ProofState(self._begun(left_s(), exhausted))
        else:
            self.watchers.notice(f"the tournament goes on after {len(state.tournament.played.blocks)} of its blocks")
        result, state = self._play(state, "tournament", left_s)
        result, ablation = self._reduction(left_s).reduce(state, result, left_s)
        reducible = result.verdict == "gain" and result.winner is not None
        stock_won = result.winner is not None and result.winner.number == state.tournament.stock
        missing = ablation is None or any(not change.played for change in ablation.changes)
        return Proven(result, ablation, not reducible or stock_won or not missing)

    def conclude(self, whole: bool) -> None:
        """The verdict is written. A proof that is not whole is kept, for a rerun to complete."""
        state = self.store.proof_state()
        if whole or state is None:
            self.store.end_proof()
        else:
            self.store.write_proof_state(replace(state, told=True))

    def _reduction(self, left_s: Callable[[], float]) -> ReducedWinner:
        return ReducedWinner(
            self.prepared,
            self.observations,
            self.executor,
            self.watchers,
            self.measure,
            lambda state: self._play(state, "reduced", left_s)[0],
            self.store.write_proof_state,
            self.clock,
        )

    def _play(
        self, state: ProofState, which: Literal["tournament", "reduced"], left_s: Callable[[], float]
    ) -> tuple[TournamentResult, ProofState]:
        """Play the first tournament of `state`, or the reduced winner's, to its end; and the state by then."""
        begun_with = state.tournament if which == "tournament" else state.reduced
        assert begun_with is not None, "there is no tournament of a reduced winner yet"
        latest = state

        def keep(tournament: TournamentState) -> None:
            nonlocal latest
            first = which == "tournament"
            latest = replace(state, tournament=tournament) if first else replace(state, reduced=tournament)
            self.store.write_proof_state(latest)

        trials = [*self.observations.trials, *self.observations.reduced]
        tournament = Tournament(
            self.executor,
            {trial.number: trial for trial in trials},
            self.prepared.constraints,
            self.observations.posterior if which == "tournament" else None,  # the search knew nothing of the reduced
            keep,
            self.watchers.tournament_progress,
            self.clock,
            self.prepared.guards,
        )
        return tournament.run(begun_with, left_s), latest

    def _begun(self, left_s: float, exhausted: bool) -> TournamentState:
        budget, objective = self.prepared.config.budget, self.prepared.objectives[0].metric
        pairs = Pairs(budget.tournament_pairs, budget.tournament_pairs_most, least_span_s(self._minutes_s))
        baseline, stock, vetted = self.observations.trials[0], self._stock(), self._vetted(left_s)
        invited, number = self._with_stock(vetted.invited), stock.number if stock else None
        begun_for = self._begun_for(exhausted)
        return begun(
            begun_for, objective, pairs, baseline, invited, vetted.quality, number, vetted.refused,
            stock is None or self._within_the_users_ranges(stock),
        )  # fmt: skip

    def _vetted(self, left_s: float) -> Vetted:
        """Who plays: as many as the time allows, of those that keep the limits on what is held out."""
        invited = self._affordable(self.observations.finalists(), left_s)
        if self.prepared.workload.held_out is None:
            return Vetted(invited)
        settled = [t for t in self._with_stock(self.observations.trials[:1]) if t.metrics]
        ranked = self.observations.finalists(TRIED_MOST)
        limits = self.prepared.constraints
        vetted = vet(settled, ranked, len(invited), self.executor, limits, self.watchers.progress)
        for number, reason in vetted.refused.items():
            self.watchers.notice(f"trial {number} does not hold on what was held out: {reason}")
        return vetted

    def _within_the_users_ranges(self, trial: TrialResult) -> bool:
        """Whether the user lets each value be searched, where they gave ranges of their own."""
        given = self.prepared.config.space
        return all(contains(domain, trial.params[name]) for name, domain in given.items() if name in trial.params)

    def _stock(self) -> TrialResult | None:
        """The trial of what people run who tune nothing; None where that is the default, or does not run here."""
        stock = key(self.prepared.space.stock_configuration())
        others = self.observations.trials[1:]
        return next((t for t in others if key(t.params) == stock and t.metrics), None)

    def _with_stock(self, invited: Sequence[TrialResult]) -> list[TrialResult]:
        """What people run plays too: the verdict names both ratios."""
        stock = self._stock()
        return [*invited, *([stock] if stock and stock.number not in {t.number for t in invited} else [])]

    def _affordable(self, ranked: Sequence[TrialResult], left_s: float) -> list[TrialResult]:
        invited = affordable(ranked, lambda kept: self._estimate_s(self._with_stock(kept)), left_s)
        if invited and (beyond_s := self._estimate_s(invited) - left_s) > TOLD_OVERRUN_S:
            self.watchers.notice(
                f"the tournament takes about {beyond_s / 60:.1f} min more than budget.minutes: "
                "a proof needs all of its pairs, and each of them starts every finalist and the default anew"
            )
        return invited

    def _estimate_s(self, finalists: Sequence[TrialResult]) -> float:
        least, compiles_lazily = self.prepared.config.budget.tournament_pairs, self.prepared.engine.compiles_lazily
        return tournament_s(self.observations.trials[0], finalists, least, compiles_lazily)

    def _begun_for(self, exhausted: bool) -> BegunFor:
        _, *others = self.observations.trials
        tried = any(t.metrics for t in others)
        return BegunFor(1 + len(others), self.prepared.config.budget, exhausted, tried)

    @property
    def _minutes_s(self) -> float:
        return 60 * self.prepared.config.budget.minutes
