"""Interim analyses of a tournament: whether there is anything left to find out, and who has no part in that."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from tuner.core.stats import RatioTest
from tuner.tournament.candidate import Candidate, quiet_pairs
from tuner.tournament.comparison import EQUAL, SIGNIFICANCE, Comparison, still_playing

RISKED = 0.01
"""Pairs go on while the finalist that leads is expected to be worse than another one by more than this, on average."""
NOTHING = 1.01
"""Where no finalist's interval reaches so far, there is no gain that further pairs could prove."""


@dataclass(frozen=True)
class Analysis:
    """What a planned interim analysis came to.

    `decided`: nothing is left to find out. Else those `dropped`, by number, have no part in what is left.
    `proven_early`: it proved a gain.
    """

    decided: bool
    dropped: tuple[int, ...] = ()
    proven_early: bool = False


def analyse(comparison: Comparison) -> Analysis:
    """Take a planned interim analysis."""
    proven = comparison.proven_at_a_look()
    if _decided(comparison, proven):
        return Analysis(True, proven_early=bool(proven))
    dropped = _settled(comparison, proven)
    return Analysis(False, dropped, proven_early=comparison.baseline.number in dropped)


def _settled(comparison: Comparison, proven: Sequence[Candidate]) -> tuple[int, ...]:
    """Those of whom nothing is left to find out.

    That is a proven finalist that is surely worse than another one, and the default once all are proven: it is mostly
    the slowest by far, and which finalist is best is found out without it. One that is not proven yet plays on, because
    the one before it may still fail or break a constraint. Who is dropped never comes back: its next round would stand
    beside one of an earlier block.
    """
    if not _may_keep_default(comparison) or len(able := _able(comparison)) < 2:
        return ()
    lead = comparison.best(able)
    sure = 1 - SIGNIFICANCE / (len(comparison.pairs.analyses) * len(able))
    surely_better = {c.number for c in proven}
    worse = [
        c.number
        for c in able
        if c is not lead
        and c.number in surely_better
        and (test := comparison.test(lead, c)) is not None
        and test.interval(sure)[0] * EQUAL > 1
    ]
    all_proven = all(c.number in surely_better for c in able)
    default = comparison.baseline
    done_with = all_proven and not default.dropped and _quiet_enough(comparison, able)
    return (*([default.number] if done_with else []), *worse)


def _decided(comparison: Comparison, proven: Sequence[Candidate]) -> bool:
    """Some finalist's gain is significant and little is risked by taking the best; or there is no gain to prove.

    A gain not before the least number of quiet pairs, which a machine that is never quiet does not reach. Where the
    default cannot be kept, only which finalist is best is left to find out.
    """
    if not (able := _able(comparison)):
        return True
    if not _may_keep_default(comparison):
        return _little_risked(comparison, comparison.best(able), able, RISKED)
    tests = [comparison.test(c, comparison.baseline) for c in able]
    if all(t is not None and t.ci95[1] < NOTHING for t in tests):
        return True
    if not proven or not _quiet_enough(comparison, able):
        return False
    chosen = comparison.chosen(proven)
    leads = chosen is comparison.best(still_playing(proven))  # else something is given for fewer changes
    return _little_risked(comparison, chosen, able, RISKED if leads else 1 - EQUAL)


def _able(comparison: Comparison) -> list[Candidate]:
    """The finalists that may still win."""
    return [c for c in comparison.finalists if c.standing and comparison.may_still_win(c)]


def _quiet_enough(comparison: Comparison, finalists: Sequence[Candidate]) -> bool:
    """Whether each has the least number of pairs with the default that nobody disturbed."""
    return all(sum(quiet_pairs(c, comparison.baseline)) >= comparison.pairs.least for c in finalists)


def _may_keep_default(comparison: Comparison) -> bool:
    return not comparison.baseline.failure and comparison.baseline.feasible()


def _little_risked(comparison: Comparison, chosen: Candidate, rivals: Sequence[Candidate], most: float) -> bool:
    """Whether it is expected to be worse than any of its rivals by `most`, a share, at the most."""
    return all(expected_loss(comparison.test(chosen, c)) <= most for c in rivals if c is not chosen)


def expected_loss(test: RatioTest | None) -> float:
    """By how much a candidate is worse than another on average, counting 0 where it is better.

    Of the logarithm of their ratio, taken as normal with the test's middle and spread.
    """
    if test is None:
        return math.inf
    middle, spread = math.log(test.ratio), math.log(test.ci95[1] / test.ci95[0]) / 4
    if spread == 0:
        return max(0.0, -middle)
    chance = statistics.NormalDist()
    return spread * chance.pdf(middle / spread) - middle * chance.cdf(-middle / spread)
