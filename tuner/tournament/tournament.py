"""Finalists against the baseline: interleaved rounds in rotated order, decided by paired tests (`comparison.py`).

Both members of a pair run within one block, one after the other, so drift cancels; only this estimate is published,
because the best of many noisy trials looks better than it is. Each round has a process of its own: one start of a
process differs from the next by some per cent on many machines, which rounds of one process never show. Pairs of the
same two processes would be no further evidence, and a test that takes them for it finds gains among equals (12 % of
sweeps with two blocks a process where processes differ by 3 %; `benchmarks/false_gains.py`). So nothing stays loaded
from block to block; within one, each process plays a single round, and one that waited loaded for the others' would
only take their memory.

What there is of a tournament is one state (`state.py`), which is kept after each block: an interrupted one goes on as
if nothing had happened.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tuner.core import interrupts
from tuner.core.events import Standing
from tuner.core.guards import Guard
from tuner.core.objective import Constraint, Objective
from tuner.core.stats import RatioTest
from tuner.core.trial import MetricValue, TrialResult
from tuner.measure.executor import Executor
from tuner.tournament.candidate import Candidate
from tuner.tournament.comparison import Comparison, Verdict
from tuner.tournament.document import TournamentDocument, tournament_document
from tuner.tournament.duration import REPLAYED_SHARE
from tuner.tournament.interim import analyse
from tuner.tournament.rounds import Rules, play_block
from tuner.tournament.state import TournamentState, candidates, next_players

if TYPE_CHECKING:
    from tuner.search.posterior import Posterior


@dataclass(frozen=True)
class TournamentResult:
    """What the tournament found. The winner may be the baseline.

    `baseline` is None when the default does not run here at all. `p_value` is the adjusted one of the winner's `test`.
    `metrics` are of the blocks that the default played too, `constrained` are the winner's values that constraints are
    judged by, of all its blocks.
    """

    document: TournamentDocument
    winner: TrialResult | None
    baseline: TrialResult | None
    test: RatioTest | None
    p_value: float | None
    metrics: Mapping[int, Mapping[str, MetricValue]]
    constrained: Mapping[str, float]

    @property
    def verdict(self) -> Verdict:
        """How it ended (`core.events.Outcome`)."""
        return self.document.verdict


@dataclass
class Tournament:
    """Plays one, whose state is given, to its end. `trials` are the study's by number.

    `posterior` is what the search found out. `keep` is told the state before the first block and after each.
    `on_block` is told the standings after each block, the blocks done and the most there can be.
    """

    executor: Executor
    trials: Mapping[int, TrialResult]
    constraints: tuple[Constraint, ...] = ()
    posterior: Posterior | None = None
    keep: Callable[[TournamentState], None] = lambda state: None
    on_block: Callable[[list[Standing], int, int], None] = lambda standings, done, most: None
    clock: Callable[[], float] = time.monotonic
    guards: tuple[Guard, ...] = ()

    def run(self, state: TournamentState, left_s: Callable[[], float] = lambda: math.inf) -> TournamentResult:
        """Interleave until decided, until the most pairs are run, or until what is left of the time is too short.

        Of the time there are `left_s` seconds, but the least pairs are run whatever it is.
        """
        self.keep(state)
        while players := next_players(state):
            interrupts.check()
            rules = Rules(state.objective, _replays_most(state))
            played = play_block(state.played, players, rules, self.executor, self.clock)
            state = replace(state, played=played)
            default, finalists = candidates(state, self.trials, self.constraints)
            tests = self._comparison(state).tests()
            told = [_standing(c, t, default.dropped) for c, t in zip(finalists, tests, strict=True) if not c.failure]
            with interrupts.deferred():
                state = after_block(state, self._comparison(state), left_s())
                self.keep(state)
            self.on_block(told, len(played.blocks), state.pairs.end)
        return self._result(state)

    def _comparison(self, state: TournamentState) -> Comparison:
        baseline, finalists = candidates(state, self.trials, self.constraints)
        return Comparison(
            Objective(state.objective),
            state.pairs,
            baseline,
            finalists,
            self.posterior,
            len(state.interim_analyses),
            state.proven_early,
            self.guards,
            state.stock,
            state.stock_may_win,
        )

    def _result(self, state: TournamentState) -> TournamentResult:
        comparison = self._comparison(state)
        baseline = comparison.baseline
        verdict, winner = comparison.verdict(state.begun_for.others_tried)
        document = tournament_document(state, comparison, verdict, winner)
        proof = document.winning_finalist
        beside = len(baseline.rounds) if baseline.dropped else None  # what it is compared with was measured beside it
        return TournamentResult(
            document=document,
            winner=winner.trial if winner else None,
            baseline=baseline.trial if baseline.trial.metrics else None,
            test=proof.test if proof else None,
            p_value=proof.p_adjusted if proof else None,
            metrics={c.number: c.metrics(beside) for c in (baseline, *comparison.finalists) if c.rounds},
            constrained=winner.constrained() if winner else {},
        )


def after_block(state: TournamentState, comparison: Comparison, left_s: float) -> TournamentState:
    """The state once it is known whether the block that was played is the last one.

    The time is up when what is `left_s` is less than a block takes. An interim analysis is taken where one is planned,
    and the blocks have spanned long enough.
    """
    done = len(state.played.blocks)
    if done >= state.pairs.least and left_s < state.spent_s / done:
        return replace(state, ended="time")
    if done not in state.pairs.interim_analyses or state.spent_s < state.pairs.span_s:
        return state
    analysis = analyse(comparison)
    proven_early = state.proven_early or analysis.proven_early
    if analysis.decided:
        return replace(state, ended="decided", proven_early=proven_early)
    return replace(
        state,
        dropped={**state.dropped, **dict.fromkeys(analysis.dropped, done)},
        interim_analyses=(*state.interim_analyses, done),
        proven_early=proven_early,
    )


def _replays_most(state: TournamentState) -> int:
    return math.ceil(REPLAYED_SHARE * state.pairs.least * (1 + len(state.finalists)))


def _standing(candidate: Candidate, test: RatioTest | None, settled: bool) -> Standing:
    if test is None:
        return Standing(candidate.number, 1.0, None, len(candidate.values), settled)
    return Standing(candidate.number, test.ratio, test.ci95, test.pairs, settled)
