"""A promising configuration measured again in a new process: one start of a process differs from the next."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from tuner.core.objective import Constraint, at_pace
from tuner.core.trial import TrialResult, TrialSpec
from tuner.measure.executor import Executor
from tuner.measure.plan import single_round_plan

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


@dataclass(frozen=True)
class Repeat:
    """Trial number `trial` measured again: `value` is the objective's at the machine's first pace, over `rounds`.

    `value` is None where it failed, for `reason`. `constrained` has the metrics that constraints are on, as they were
    measured. A line of `repeats.jsonl`.
    """

    trial: int
    value: float | None
    rounds: int
    took_s: float
    at: str
    reason: str = ""
    constrained: Mapping[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As JSON data."""
        return asdict(self)

    @staticmethod
    def from_json(document: Mapping[str, Any]) -> Repeat:
        """Read what `to_json` wrote. Raises TypeError on anything else."""
        return Repeat(**document)


def just_measured(trials: Sequence[TrialResult], repeats: Sequence[Repeat]) -> set[int]:
    """The trials that the last few measurements were of: the latest trial until it was repeated, and repeats."""
    latest = {trials[-1].number} if trials else set()
    return latest | {r.trial for r in repeats[-APART:]}


def price(trials: Sequence[TrialResult], repeats: Sequence[Repeat]) -> float:
    """What measuring again costs, as a share of what a trial does, which starts from less known and judges quality.

    1 as long as nothing is known.
    """
    trial_s = typical_s(trials)
    if not repeats or not trial_s:
        return 1.0
    return min(1.0, statistics.fmean([r.took_s for r in repeats[-RECENT:]]) / trial_s)


def typical_s(trials: Sequence[TrialResult]) -> float:
    """How long a trial takes, as the latest ones did; 0 as long as there is none beside the baseline."""
    latest = [t.wall_s for t in trials[1:][-RECENT:]]
    return statistics.fmean(latest) if latest else 0.0


def measure_again(
    executor: Executor,
    trial: TrialResult,
    metric: str,
    constraints: Sequence[Constraint],
    pace: float,
    clock: Callable[[], float] = time.monotonic,
) -> Repeat:
    """One round of `trial` in a new process; once more where it was disturbed, as long as that is allowed.

    What ran before and fails may have met a passing shortage: it gets a second chance.
    """
    begin, started_at = clock(), datetime.now(UTC).isoformat(timespec="seconds")
    spec = TrialSpec(-1, trial.params, "repeat", trial.number)
    plan = single_round_plan(cold_load=metric == "load_s", repeat_disturbed="new_process")
    result = executor.run(spec, plan)
    if not result.metrics:
        result = executor.run(spec, plan)
    measured = result.value(metric)
    value = None if measured is None else at_pace(measured, metric, 1 / pace)
    constrained = {c.metric: v for c in constraints if (v := result.value(c.metric)) is not None}
    reason = "" if value is not None else result.reason or f"the round tells no {metric}"
    return Repeat(
        trial.number, value, int(value is not None), round(clock() - begin, 3), started_at, reason, constrained
    )


def allowed(trials: int, repeats: Sequence[Repeat], complete: bool) -> bool:
    """Whether there may be one more; `complete` says that no further configuration is to be tried."""
    if complete:
        return len(repeats) < SHARE_MOST_AT_THE_END * trials
    return trials >= TRIALS_LEAST and len(repeats) < SHARE_MOST * trials
