"""Which trials meet the default in the tournament, and how many of them the time allows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tuner.core.objective import Objective, pareto_front
from tuner.core.params import count_changes
from tuner.core.trial import TrialResult
from tuner.search.estimate import Estimate

FINALISTS = 3
"""More would cost the time in which the search can measure the best few again, which tells those apart less well."""
CLOSE = 0.95
"""A trial whose value is at least this share of the best one's may be as good."""
TOURNAMENT_OVERRUN = 1.25
"""A finalist is left out where the tournament would take more than this many times what is left of the time."""


def finalists(
    estimates: Sequence[Estimate], objectives: Sequence[Objective], count: int = FINALISTS
) -> list[TrialResult]:
    """The best `count` trials; with several objectives the Pareto front's, best in the first objective first.

    The first estimate is the baseline's, which is no finalist. Among trials that come close to the best one, the one
    that changes the fewest knobs is let in.
    """
    first, baseline = objectives[0], estimates[0]
    able = [e for e in estimates if e.feasible and e.value is not None]
    if len(objectives) > 1:
        front = {t.number for t in pareto_front([e.trial for e in able], tuple(objectives))}
        able = [e for e in able if e.number in front]
    ranked = sorted((e for e in able if e is not baseline), key=lambda e: e.rank_value(first))
    if not ranked:
        return []
    lead = ranked[0].value or 0.0
    close = [e for e in ranked if not lead or first.gain(e.value or lead, lead) >= CLOSE]
    plainest = min(close, key=lambda e: count_changes(e.params, baseline.params))
    rest = [e for e in ranked[1:] if e is not plainest]
    return list({e.number: e.trial for e in (ranked[0], plainest, *rest)}.values())[:count]


def affordable(
    ranked: Sequence[TrialResult], estimate_s: Callable[[Sequence[TrialResult]], float], left_s: float
) -> list[TrialResult]:
    """The longest beginning of `ranked` whose tournament fits into the time that is left; at least one finalist."""
    kept = list(ranked)
    while len(kept) > 1 and estimate_s(kept) > TOURNAMENT_OVERRUN * max(0.0, left_s):
        kept.pop()
    return kept
