"""How the machine's own speed changes during a search: the baseline is measured again every few trials.

A trial's figures are kept as they were measured. Beside them stands the machine's pace at that time, relative to when
the baseline was measured first, and what compares trials takes it out (`tuner.objective.at_pace`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from tuner.objective import Objective
from tuner.trial import TrialResult

EVERY_TRIALS = 8
SHARE_MOST = 0.05
"""Measuring the baseline again takes at most about this share of the time."""
NOISE = 0.03
"""A change of pace up to this is what two measurements of one configuration differ by anyway: it is not corrected."""


@dataclass(frozen=True)
class PaceCheck:
    """The baseline measured again: `value` is the raced metric's, `took_s` what it cost. A line of `drift.jsonl`."""

    after_trial: int
    value: float
    took_s: float
    at: str

    def to_json(self) -> dict[str, Any]:
        """As JSON data."""
        return asdict(self)

    @staticmethod
    def from_json(document: Mapping[str, Any]) -> PaceCheck:
        """Read what `to_json` wrote. Raises TypeError on anything else."""
        return PaceCheck(**document)


def pace(checks: Sequence[PaceCheck], objective: Objective, first: float | None) -> float:
    """The machine's pace now: above 1 is faster than when the baseline had the value `first`.

    The last check's gain over it, less what is noise.
    """
    if not checks or not first or first <= 0 or checks[-1].value <= 0:
        return 1.0
    gain = objective.gain(checks[-1].value, first)
    if gain > 1:
        return max(1.0, gain / (1 + NOISE))
    return min(1.0, gain * (1 + NOISE))


def is_due(trials: int, checks: Sequence[PaceCheck], expected_s: float, spent_s: float) -> bool:
    """Whether to measure the baseline again after so many trials, `spent_s` into the search."""
    since = trials - 1 - (checks[-1].after_trial if checks else 0)
    cost_s = sum(c.took_s for c in checks) + expected_s
    return since >= EVERY_TRIALS and cost_s <= SHARE_MOST * spent_s


class PaceWatch:
    """Measures the baseline again when it is due, and knows the machine's pace. `measure` may fail: None.

    `keep` is told each new check; `checks` are those of an earlier run of the study.
    """

    def __init__(
        self,
        objective: Objective,
        checks: Sequence[PaceCheck],
        measure: Callable[[], float | None],
        keep: Callable[[PaceCheck], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._objective = objective
        self._checks = list(checks)
        self._measure = measure
        self._keep = keep
        self._clock = clock

    def now(self, baseline: TrialResult) -> float:
        """The pace; 1 before the first check."""
        return pace(self._checks, self._objective, baseline.value(self._objective.metric))

    def look(self, trials: Sequence[TrialResult], spent_s: float) -> None:
        """Measure if that is due, `spent_s` into the search."""
        baseline = trials[0]
        if not baseline.feasible or not is_due(len(trials), self._checks, baseline.wall_s / 2, spent_s):
            return
        begin = self._clock()
        value = self._measure()
        if value is not None:
            at = datetime.now(UTC).isoformat(timespec="seconds")
            check = PaceCheck(trials[-1].number, value, round(self._clock() - begin, 3), at)
            self._checks.append(check)
            self._keep(check)
