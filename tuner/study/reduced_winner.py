"""A winner with fewer changes: every change is set back singly, and what does not matter is not deployed.

Between the tournament and the verdict. What is left without the idle changes is measured and judged as any trial, and
then plays the baselines beside the winner: what is deployed has a proof of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from search_spaces.parameter import Params
from tuner.core.explanation import Ablation
from tuner.core.objective import beside
from tuner.core.params import count_changes, key
from tuner.core.trial import TrialResult
from tuner.core.watchers import Watchers
from tuner.measure.executor import Executor
from tuner.measure.preparation import Prepared
from tuner.search.observations import Observations
from tuner.tournament.ablation import LOOKS, AblationState, ablation, idle, play
from tuner.tournament.duration import ablation_s
from tuner.tournament.proof_state import ProofState
from tuner.tournament.rounds import Played, Player
from tuner.tournament.set_back import SetBack, by_harm, set_backs, without
from tuner.tournament.state import TournamentState, begun
from tuner.tournament.tournament import TournamentResult
from tuner.tournament.verdict import ablation_lines
from tuner.tournament.vetting import vet

OVERRUN = 0.05
"""The minutes may be overrun by this share of them for the ablation."""


@dataclass
class ReducedWinner:
    """Reduces the winner of a tournament. `executor` measures on what is held out.

    `measure` measures a configuration as a trial of the study, `hold` plays a tournament to its end. `keep` writes the
    state.
    """

    prepared: Prepared
    observations: Observations
    executor: Executor
    watchers: Watchers
    measure: Callable[[Params], TrialResult]
    hold: Callable[[ProofState], TournamentResult]
    keep: Callable[[ProofState], None]
    clock: Callable[[], float]

    def reduce(
        self, state: ProofState, result: TournamentResult, left_s: Callable[[], float]
    ) -> tuple[TournamentResult, Ablation | None]:
        """The result that is deployed, and what each change is worth; None where that was not played."""
        winner = result.winner
        if result.verdict != "gain" or winner is None or winner.number == state.tournament.stock:
            return result, None
        if count_changes(winner.params, self.observations.trials[0].params) < 2:
            return result, Ablation(winner.number, winner.number, state.tournament.objective)
        if state.told:
            state = replace(state, ablation=None, reduced=None)  # an earlier run had no time for all of it
        played = self._played(state, winner, left_s)
        if played is None:
            return result, None
        state = replace(state, ablation=played)
        reduced = self._reduced(state, result, played)
        deployed = reduced.winner or winner
        document = ablation(played, self._felt, deployed.number)
        for line in ablation_lines(document):
            self.watchers.notice(line)
        return reduced, document

    def estimate_s(self, finalists: Sequence[TrialResult]) -> float:
        """What the ablation of the likeliest winner will take."""
        baseline = self.observations.trials[0]
        if not finalists or (changes := count_changes(finalists[0].params, baseline.params)) < 2:
            return 0.0
        return self._blocks_s(finalists[0], 1 + changes)

    def _played(self, state: ProofState, winner: TrialResult, left_s: Callable[[], float]) -> AblationState | None:
        """The ablation at its end; None without time for it."""
        overrun_s = OVERRUN * 60 * self.prepared.config.budget.minutes
        begun_with = state.ablation or self._begun(state, winner, left_s() + overrun_s)
        if begun_with is None:
            return None

        def on_block(done: int, most: int) -> None:
            self.watchers.progress(f"measuring what each change is worth: {done} of {most} blocks")

        def keep(ablated: AblationState) -> None:
            self.keep(replace(state, ablation=ablated))

        return play(begun_with, self.executor, self._felt, left_s, keep, on_block, self.clock)

    def _begun(self, state: ProofState, winner: TrialResult, left_s: float) -> AblationState | None:
        """As many changes as the time allows, those first of which least harm is expected; None without time for one.

        What is known not to run without a change has failed already.
        """
        space, baseline, posterior = self.prepared.space, self.observations.trials[0], self.observations.posterior
        order = by_harm(space, posterior, winner.params, baseline.params) if posterior else ()
        found = set_backs(space, winner.params, baseline.params, order)
        one_s = self._blocks_s(winner, 1)
        most = len(found) if one_s == 0 else min(len(found), math.floor(left_s / one_s) - 1)
        if most < 1 and found:
            needed_s = self._blocks_s(winner, 1 + len(found))
            self.watchers.notice(
                f"what each of the {len(found)} changes is worth was not measured, which takes {needed_s:.0f} s; "
                "rerun to complete the ablation"
            )
            return None
        playing, rest = tuple(found[:most]), tuple(found[most:])
        failures = {
            place + 1: reason
            for place, one in enumerate(playing)
            if (reason := self.executor.known_infeasible(one.params))
        }
        player = Player(winner.number, winner.params)
        return AblationState(state.tournament.objective, player, playing, rest, Played(failures=failures))

    def _reduced(self, state: ProofState, result: TournamentResult, played: AblationState) -> TournamentResult:
        """The result of the tournament of what is left; the first one where nothing went back."""
        tournament = state.reduced or self._rivals(state.tournament, played, idle(played, self._felt))
        if tournament is None:
            return result
        reduced = self.hold(replace(state, reduced=tournament))
        if reduced.verdict != "gain" or reduced.winner is None:
            return result
        return replace(reduced, document=replace(reduced.document, selection=result.document))

    def _rivals(
        self, first: TournamentState, played: AblationState, found: Sequence[SetBack]
    ) -> TournamentState | None:
        """The tournament of what the winner is without its idle changes; None where nothing of that may be deployed."""
        baseline, winner = self.observations.trials[0], played.winner
        options = without(self.prepared.space, winner.params, baseline.params, found) if found else []
        measured = [t for params in options if (t := self._measured(params)).feasible]
        limits = beside(self.prepared.constraints, first.quality.get(baseline.number, {}))
        vetted = vet([], measured, len(measured), self.executor, limits, self.watchers.progress)
        for number, reason in vetted.refused.items():
            self.watchers.notice(f"trial {number} does not hold on what was held out: {reason}")
        if not vetted.invited:
            return None
        known = {t.number: t for t in self.observations.trials}
        rivals = dict.fromkeys(n for n in (winner.number, first.stock) if n is not None)
        invited = [*vetted.invited, *(known[n] for n in rivals if n not in {t.number for t in vetted.invited})]
        quality = {**first.quality, **vetted.quality}
        return begun(
            first.begun_for, first.objective, first.pairs, baseline, invited, quality, first.stock, vetted.refused,
            first.stock_may_win,
        )  # fmt: skip

    def _measured(self, params: Params) -> TrialResult:
        """The trial of a configuration, which may have been one of the search's."""
        known = [*self.observations.trials, *self.observations.reduced]
        return next((t for t in known if key(t.params) == key(params)), None) or self.measure(params)

    def _blocks_s(self, winner: TrialResult, players: int) -> float:
        lazily = self.prepared.engine.compiles_lazily
        return ablation_s(self.observations.trials[0], winner, players, LOOKS[0], lazily)

    @property
    def _felt(self) -> list[str]:
        """What a person feels and guards watch."""
        return [guard.metric for guard in self.prepared.guards]
