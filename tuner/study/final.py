"""The tournament of a study: who is invited, how long it may take, and how one that was interrupted goes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tuner.core.trial import TrialResult
from tuner.core.watchers import Watchers
from tuner.measure.executor import Executor
from tuner.measure.preparation import Prepared
from tuner.results.study_store import StudyStore
from tuner.search.finalists import affordable
from tuner.search.observations import Observations
from tuner.tournament.candidate import Block
from tuner.tournament.decision import Pairs
from tuner.tournament.tournament import Tournament, TournamentResult

MINUTES_SHARE = 0.5
"""The search leaves the tournament at most this share of the minutes; one that takes longer overruns them."""
SPAN_LEAST_S, SPAN_S, SPAN_SHARE = 30.0, 45.0, 0.25
"""A tournament of quick rounds lasts this share of the minutes before a look may end it, between the two. Where it
lasted a quarter of a single minute, and several threads are an eighth faster or slower for 20 to 40 s at a time, 11 %
of sweeps found a gain among equals; none of 150 with half of it (`benchmarks/false_gains.py`)."""
TOLD_OVERRUN_S = 10.0


def least_span_s(minutes_s: float) -> float:
    """How many seconds a tournament plays before a look may end it, in a budget of `minutes_s` seconds.

    It ends sooner where the time or the pairs are used up.
    """
    return min(max(SPAN_LEAST_S, SPAN_SHARE * minutes_s), SPAN_S, MINUTES_SHARE * minutes_s)


@dataclass
class Final:
    """Holds the tournament of what `observations` says, and keeps each block in `store` until there is a verdict."""

    prepared: Prepared
    store: StudyStore
    observations: Observations
    executor: Executor
    watchers: Watchers
    clock: Callable[[], float] = time.monotonic

    def reserve_s(self) -> float:
        """How much of the time the search leaves to it."""
        rivals = self.observations.finalists() or self.observations.trials[:1]
        needed_s = self._tournament().estimate_s(self.observations.trials[0], rivals)
        return min(max(needed_s, least_span_s(self._minutes_s)), MINUTES_SHARE * self._minutes_s)

    def interrupted(self) -> dict[str, Any] | None:
        """What is known of a tournament of these trials and this budget that has no verdict yet; None without one."""
        begun, _ = self.store.tournament()
        return begun if begun is not None and self._header(begun["finalists"], begun["exhausted"]) == begun else None

    def hold(self, left_s: Callable[[], float], exhausted: bool) -> TournamentResult:
        """Only the finalists that the time allows; a slow default may take longer than what is left all the same.

        `exhausted` says that the space was tried as a whole, which is kept for a run that goes on.
        """
        baseline, *others = self.observations.trials
        begun, played = self.store.tournament()
        if begun is None or self.interrupted() is None:
            invited, played = self._invited(left_s()), []
            self.store.begin_tournament(self._header([t.number for t in invited], exhausted))
        else:
            invited = [self.observations.trials[number] for number in begun["finalists"]]
            self.watchers.notice(f"the tournament goes on after {len(played)} of its blocks")
        tournament = self._tournament(self.store.append_block, played)
        tried = any(t.metrics for t in others)
        return tournament.run(baseline, invited, left_s, others_were_tried=tried)

    def _invited(self, left_s: float) -> list[TrialResult]:
        baseline, tournament = self.observations.trials[0], self._tournament()

        def estimate_s(some: Sequence[TrialResult]) -> float:
            return tournament.estimate_s(baseline, some)

        invited = affordable(self.observations.finalists(), estimate_s, left_s)
        if invited and (beyond_s := estimate_s(invited) - left_s) > TOLD_OVERRUN_S:
            self.watchers.notice(
                f"the tournament takes about {beyond_s / 60:.1f} min more than budget.minutes: "
                "a proof needs all of its pairs, and a round of the default is slow"
            )
        return invited

    def _header(self, finalists: Sequence[int], exhausted: bool) -> dict[str, Any]:
        budget = asdict(self.prepared.config.budget)
        known = {"trials": len(self.observations.trials), "finalists": list(finalists), "exhausted": exhausted}
        return {**known, "budget": budget}

    @property
    def _minutes_s(self) -> float:
        return 60 * self.prepared.config.budget.minutes

    def _tournament(
        self, keep: Callable[[Block], None] = lambda block: None, played: Sequence[Block] = ()
    ) -> Tournament:
        budget, span_s = self.prepared.config.budget, least_span_s(self._minutes_s)
        return Tournament(
            self.executor,
            self.prepared.objectives[0],
            self.prepared.constraints,
            self.prepared.engine.compiles_lazily,
            Pairs(budget.tournament_pairs, budget.tournament_pairs_most, span_s),
            self.watchers.tournament_progress,
            self.observations.posterior,
            keep,
            played,
            self.clock,
        )
