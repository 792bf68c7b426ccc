"""A promising configuration measured again in a new process: one start of a process differs from the next.

A repeat is a trial of purpose `repeat` of the trial `repeat_of`. Its value counts as much as the first one's; one
without metrics has failed.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from tuner.core.trial import TrialResult

SHARE_MOST, SHARE_MOST_AT_THE_END = 0.75, 2.0
"""There are at most this many repeats for each trial; more once nothing else is left to try."""
TRIALS_LEAST = 10
"""Before so many trials are known there is no telling which are worth it."""
RECENT = 10
WORTH_LEAST = 0.0003
"""Expected gain in the logarithm of the objective below which nothing is measured again."""
WORTH_LEAST_AT_THE_END = 0.0001
"""The same once nothing else is left to try, and minutes would be left over. Of six configurations 5 % apart, measured
once each on a machine whose processes differ by 10 %, the likeliest best is 3.5 % worse than the best on average; 2.6 %
with 0.001 here and 3 repeats, 1.9 % with 0.0003 and 7, 1.1 % with this and 13 (simulated)."""
APART = 2
"""So many other measurements lie between two of a configuration where there are others worth it: the machine may be
fast or slow for seconds, and what was measured within them says the same thing twice."""


def just_measured(trials: Sequence[TrialResult], repeats: Sequence[TrialResult]) -> set[int]:
    """The trials that the last few measurements were of: the latest trial until it was repeated, and repeats."""
    latest = {trials[-1].number} if trials else set()
    return latest | {r.repeat_of for r in repeats[-APART:] if r.repeat_of is not None}


def price(trials: Sequence[TrialResult], repeats: Sequence[TrialResult]) -> float:
    """What measuring again costs, as a share of what a trial does, which starts from less known and judges quality.

    1 as long as nothing is known.
    """
    trial_s = typical_s(trials)
    if not repeats or not trial_s:
        return 1.0
    return min(1.0, statistics.fmean([r.wall_s for r in repeats[-RECENT:]]) / trial_s)


def typical_s(trials: Sequence[TrialResult]) -> float:
    """How long a trial takes, as the latest ones did; 0 as long as there is none beside the baseline."""
    latest = [t.wall_s for t in trials[1:][-RECENT:]]
    return statistics.fmean(latest) if latest else 0.0


def allowed(trials: int, repeats: int, complete: bool) -> bool:
    """Whether there may be one more repeat; `complete` says that no further configuration is to be tried."""
    if complete:
        return repeats < SHARE_MOST_AT_THE_END * trials
    return trials >= TRIALS_LEAST and repeats < SHARE_MOST * trials


def failed_again(repeats: Sequence[TrialResult]) -> set[int]:
    """The trials that ran at first and failed when they were measured again."""
    return {r.repeat_of for r in repeats if r.repeat_of is not None and not r.metrics}
