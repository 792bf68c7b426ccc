"""Which trials meet the default in the tournament, and how many of them the time allows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tuner.core.objective import Objective, pace_corrected, pareto_front, rank_value
from tuner.core.params import changed_knobs
from tuner.core.trial import TrialResult

FINALISTS = 3
"""More would cost the time in which the search can measure the best few again, which tells those apart less well."""
CLOSE = 0.95
"""A trial whose value is at least this share of the best one's may be as good."""
TOURNAMENT_OVERRUN = 1.25
"""A finalist is left out where the tournament would take more than this many times what is left of the time."""


def finalists(trials: Sequence[TrialResult], objectives: Sequence[Objective]) -> list[TrialResult]:
    """The best few trials; with several objectives the Pareto front's, best in the first objective first.

    The first trial is the baseline and no finalist. Among trials that come close to the best one, the one that changes
    the fewest knobs is let in.
    """
    first, baseline = objectives[0], trials[0]
    able = pareto_front(list(trials), tuple(objectives)) if len(objectives) > 1 else [t for t in trials if t.feasible]
    able = [t for t in able if t is not baseline and t.value(first.metric) is not None]
    ranked = sorted(able, key=lambda t: rank_value(t, first))
    if not ranked:
        return []
    lead = pace_corrected(ranked[0], first.metric) or 0.0
    close = [t for t in ranked if not lead or first.gain(pace_corrected(t, first.metric) or lead, lead) >= CLOSE]
    plainest = min(close, key=lambda t: changed_knobs(t.params, baseline.params))
    rest = [t for t in ranked[1:] if t is not plainest]
    return list({t.number: t for t in (ranked[0], plainest, *rest)}.values())[:FINALISTS]


def affordable(
    ranked: Sequence[TrialResult], estimate_s: Callable[[Sequence[TrialResult]], float], left_s: float
) -> list[TrialResult]:
    """The longest beginning of `ranked` whose tournament fits into the time that is left; at least one finalist."""
    kept = list(ranked)
    while len(kept) > 1 and estimate_s(kept) > TOURNAMENT_OVERRUN * max(0.0, left_s):
        kept.pop()
    return kept
