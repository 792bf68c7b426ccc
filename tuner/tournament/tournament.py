"""Finalists against the baseline: interleaved rounds in rotated order, decided by paired tests (`decision.py`).

Both members of a pair run within one block, one after the other, so drift cancels; only this estimate is published,
because the best of many noisy trials looks better than it is. Each round has a process of its own: one start of a
process differs from the next by some per cent on many machines, which rounds of one process never show. Pairs of the
same two processes would be no further evidence, and a test that takes them for it finds gains among equals (12 % of
sweeps with two blocks a process where processes differ by 3 %; `benchmarks/false_gains.py`). So nothing stays loaded
from block to block; within one, each process plays a single round, and one that waited loaded for the others' would
only take their memory.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from search_spaces.parameter import Params
from tuner.core import interrupts
from tuner.core.events import Standing
from tuner.core.objective import Constraint, Objective, pace_corrected
from tuner.core.stats import RatioTest
from tuner.core.trial import MetricValue, TrialResult
from tuner.measure.executor import Executor
from tuner.measure.host.host_noise import combined
from tuner.tournament.candidate import Block, Candidate, play_block, play_s
from tuner.tournament.decision import Decision, Pairs

if TYPE_CHECKING:
    from tuner.search.posterior import Posterior

REPEATED_SHARE = 0.5
"""Rounds that others disturb are played again, as many as this share of the least number of rounds."""


@dataclass(frozen=True)
class TournamentResult:
    """What the tournament found; `verdict` is one of `Outcome`'s. The winner may be the baseline.

    `baseline` is None when the default does not run here at all. `p_value` is the adjusted one of the winner's test.
    `metrics` are of the blocks that the default played too, `constrained` are the winner's values that constraints are
    judged by, of all its blocks.
    """

    document: Mapping[str, Any]
    verdict: str
    winner: TrialResult | None
    baseline: TrialResult | None
    test: RatioTest | None
    p_value: float | None
    metrics: Mapping[int, Mapping[str, MetricValue]]
    constrained: Mapping[str, float]


class Tournament:
    """Runs one. `on_block` is told the standings after each block, the blocks done and the most there can be.

    `posterior` is what the search found out. `keep` is told each block when it is done; `played` are the blocks of the
    same contestants that an earlier run kept.
    """

    def __init__(
        self,
        executor: Executor,
        objective: Objective,
        constraints: tuple[Constraint, ...],
        compiles_lazily: Callable[[Params], bool],
        pairs: Pairs,
        on_block: Callable[[list[Standing], int, int], None] = lambda standings, done, most: None,
        posterior: Posterior | None = None,
        keep: Callable[[Block], None] = lambda block: None,
        played: Sequence[Block] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._executor, self._constraints, self._compiles_lazily = executor, constraints, compiles_lazily
        self._objective = objective
        self._pairs, self._least, self._most = pairs, pairs.least, max(pairs.least, pairs.most)
        self._on_block = on_block
        self._belief = posterior
        self._keep, self._played = keep, played
        self._clock = clock
        self._repeated = 0

    def run(
        self,
        baseline: TrialResult,
        finalists: Sequence[TrialResult],
        left_s: Callable[[], float] = lambda: math.inf,
        others_were_tried: bool = False,
    ) -> TournamentResult:
        """Interleave until decided, until the most pairs are run, or until what is left of the time is too short.

        Of the time there are `left_s` seconds, but the least pairs are run whatever it is. Without finalists the
        default is kept when `others_were_tried` and none came near; else nothing is decided.
        """
        home, *away = (
            Candidate(t, self._executor, self._constraints, self._objective.metric) for t in (baseline, *finalists)
        )
        if not baseline.metrics:
            home.failure = baseline.reason  # it did not run in the search; there is nothing to compare with
        decision = Decision(self._objective, self._pairs, home, away, self._belief)
        if away:
            self._play(decision, left_s)
        return self._result(decision, others_were_tried)

    def _play(self, decision: Decision, left_s: Callable[[], float]) -> None:
        home, away, begin = decision.home, decision.away, self._clock()
        done = self._take_up(decision)
        interim_analyses = self._pairs.interim_analyses[:-1]
        while done < self._most and any(c.standing for c in away) and not (home.failure and home.trial.metrics):
            interrupts.check()
            block = play_block([home, *away], done, lambda: self._again(1 + len(away)))
            with interrupts.deferred():
                for candidate, play in block:
                    candidate.count(play)
                dropped = tuple(c.trial.number for c in (home, *away) if c.dropped)
                counted = {c.trial.number: c.plays[-1] for c, _ in block}
                self._keep(Block(counted, dropped, decision.analyses_done))
            done += 1
            tests = decision.tests()
            told = [_standing(c, t, home.dropped) for c, t in zip(away, tests, strict=True) if not c.failure]
            self._on_block(told, done, self._most)
            spent_s = self._clock() - begin
            if done >= self._least and left_s() < spent_s / (done - len(self._played)):
                return
            if done in interim_analyses and spent_s >= self._pairs.span_s and decision.analyse():
                return

    def _take_up(self, decision: Decision) -> int:
        """Count the blocks of an earlier run; how many they were."""
        if not self._played:
            return 0
        done, last = len(self._played), self._played[-1]
        for candidate in (decision.home, *decision.away):
            for block in self._played:
                if candidate.trial.number in block.plays:
                    candidate.count(block.plays[candidate.trial.number])
            candidate.dropped = candidate.trial.number in last.dropped
            if len(candidate.plays) < done and candidate.standing:  # pairs are by block: it cannot come back
                candidate.failure = "it had failed before the tournament was interrupted"
        decision.proven_early = decision.home.dropped
        decision.analyses_done = last.analyses_done + (
            done in self._pairs.interim_analyses[:-1]
        )  # a look at the last block may have been taken
        return done

    def _again(self, candidates: int) -> bool:
        """Whether one more round that others disturbed may be played again; counts it."""
        if self._repeated >= math.ceil(REPEATED_SHARE * self._least * candidates):
            return False
        self._repeated += 1
        return True

    def estimate_s(self, baseline: TrialResult, finalists: Sequence[TrialResult]) -> float:
        """How long the least pairs will take, at the pace that the contestants had in the search."""
        playing = [t for t in (baseline, *finalists) if t.metrics]
        # Those that others disturb come again.
        plays = [1 + min(REPEATED_SHARE, t.host_noise.get("disturbed_share", 0.0)) for t in playing]
        return self._least * sum(
            share * play_s(t, self._compiles_lazily(t.params)) for share, t in zip(plays, playing, strict=True)
        )

    def _result(self, decision: Decision, others_were_tried: bool) -> TournamentResult:
        home, away = decision.home, decision.away
        adjusted, proven, tests = decision.adjusted(), decision.proven(), decision.published()
        verdict, winner = decision.verdict(others_were_tried)
        test, p_value = next(
            ((t, p) for c, t, p in zip(away, tests, adjusted, strict=True) if c is winner), (None, None)
        )
        beside = len(home.plays) if home.dropped else None  # what the default is compared with was measured beside it
        finished = [c for c in (home, *away) if not c.failure]
        document = {
            "objective": self._objective.metric,
            "baseline": {"number": home.trial.number, "params": dict(home.trial.params), "failure": home.failure},
            "baseline_metrics": _json(home.metrics()),
            "finalists": [
                self._finalist(c, t, p, significant, home)
                for c, t, p, significant in zip(away, tests, adjusted, proven, strict=True)
            ],
            "pairs": len(home.plays),
            "pairs_most": self._most,
            "blocks": [list(block) for block in zip_longest(*[c.values for c in finished])],  # None for who rests
            "quiet": [list(block) for block in zip_longest(*[c.quiet for c in finished])],
            "repeated_rounds": self._repeated,
            "noise": dict(combined([p.noise for c in (home, *away) for p in c.plays])),
            "winner": winner.trial.number if winner else None,
        }
        return TournamentResult(
            document=document,
            verdict=verdict,
            winner=winner.trial if winner else None,
            baseline=home.trial if home.trial.metrics else None,
            test=test,
            p_value=p_value if test else None,
            metrics={c.trial.number: c.metrics(beside) for c in (home, *away) if c.plays},
            constrained=winner.constrained() if winner else {},
        )

    def _finalist(
        self, candidate: Candidate, test: RatioTest | None, adjusted: float, significant: bool, home: Candidate
    ) -> dict[str, Any]:
        searched, reference = (pace_corrected(c.trial, self._objective.metric) for c in (candidate, home))
        return {
            "number": candidate.trial.number,
            "params": dict(candidate.trial.params),
            "search_ratio": self._objective.gain(searched, reference) if searched and reference else None,
            "ratio": test.ratio if test else None,
            "ci95": list(test.ci95) if test else None,
            "p_value": test.p_value if test else None,
            "p_adjusted": adjusted if test else None,
            "pairs": test.pairs if test else 0,
            "significant": significant,
            "failure": candidate.failure,
            "breaks": candidate.breaks() if candidate.plays else "",
            "metrics": _json(candidate.metrics()),
        }


def _standing(candidate: Candidate, test: RatioTest | None, settled: bool) -> Standing:
    if test is None:
        return Standing(candidate.trial.number, 1.0, None, len(candidate.values), settled)
    return Standing(candidate.trial.number, test.ratio, test.ci95, test.pairs, settled)


def _json(metrics: Mapping[str, MetricValue]) -> dict[str, Any]:
    return {name: asdict(m) for name, m in metrics.items()}
