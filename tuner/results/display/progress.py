"""What a display knows of a study: folded from its events, and turned into the phrases that displays show."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from search_spaces.parameter import Value
from tuner.core.events import Standing, StudyInfo
from tuner.core.params import key
from tuner.core.trial import TrialResult
from tuner.results.wording import (
    baseline_of,
    best_trial,
    describe,
    duration,
    metric_text,
    named,
    pace_corrected_ratio,
    ratio_text,
    reason_text,
    result_text,
    status_counts,
)


class StudyProgress:
    """The state of one run of a study. Times are of `clock`, in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.info: StudyInfo | None = None
        self.trials: list[TrialResult] = []
        self.preparing = ""
        self.current: tuple[int, Mapping[str, Value], str] | None = None
        self.current_round: tuple[int, float | None] = (0, None)
        self.standings: list[Standing] = []
        self.just_told: list[str] = []
        self.blocks: tuple[int, int] = (0, 0)
        self._started = clock()
        self._searched_s: float | None = None

    def start(self, info: StudyInfo) -> None:
        """The study has started; `info.finished` count as done."""
        self.info, self.trials = info, list(info.finished)
        self._started = self._clock()

    def start_trial(self, number: int, params: Mapping[str, Value], purpose: str) -> None:
        """A trial runs now."""
        self.current, self.current_round, self.preparing = (number, params, purpose), (0, None), ""

    def finish_round(self, rounds: int, value: float | None) -> None:
        """A round of the current trial is over."""
        self.current_round, self.preparing = (rounds, value), ""

    def tell(self, notice: str) -> None:
        """Something that the user should know was shown; `just_told` is what nothing but notices came after."""
        self.just_told.append(notice)

    def finish_trial(self, result: TrialResult) -> None:
        """A trial is over."""
        self.trials.append(result)
        self.just_told = []
        self.current, self.current_round = None, (0, None)

    def rank(self, standings: list[Standing], done: int, most: int) -> None:
        """The search is over and the tournament runs."""
        if self._searched_s is None:
            self._searched_s = self.elapsed_s
        self.standings, self.blocks, self.current, self.preparing = standings, (done, most), None, ""
        self.just_told = []

    @property
    def elapsed_s(self) -> float:
        """Since the study started."""
        return self._clock() - self._started

    @property
    def objectives(self) -> tuple[str, ...]:
        """The metrics that are optimised."""
        return self.info.objectives if self.info else ()

    @property
    def in_tournament(self) -> bool:
        """Whether finalists meet the baseline now."""
        return self.blocks[1] > 0

    @property
    def settled(self) -> bool:
        """Whether the finalists are proven, and only which of them is best is left to find out."""
        return any(standing.settled for standing in self.standings)

    @property
    def share_done(self) -> float:
        """Of the search's budget, 0 to 1: trials or minutes, whichever is further."""
        if self.info is None:
            return 0.0
        searched_s = self._searched_s if self._searched_s is not None else self.elapsed_s
        by_trials = len(self.trials) / self.info.budget_trials if self.info.budget_trials > 0 else 0.0
        by_time = searched_s / (60 * self.info.budget_minutes) if self.info.budget_minutes > 0 else 0.0
        return min(1.0, max(by_trials, by_time))

    @property
    def left_s(self) -> float | None:
        """Time that the search will still take, or None before a trial of this run has ended."""
        info = self.info
        if info is None:
            return None
        limits = []
        here = len(self.trials) - len(info.finished)
        if info.budget_trials > 0 and here > 0:
            limits.append(max(0, info.budget_trials - len(self.trials)) * self.elapsed_s / here)
        if info.budget_minutes > 0:
            limits.append(max(0.0, 60 * info.budget_minutes - self.elapsed_s))
        return min(limits) if here > 0 and limits else None

    @property
    def budget_text(self) -> str:
        """`17/40 trials · 1 min 40 s of 4 min 00 s`."""
        if self.info is None:
            return ""
        of_trials = f"/{self.info.budget_trials}" if self.info.budget_trials > 0 else ""
        of_time = f" of {duration(60 * self.info.budget_minutes)}" if self.info.budget_minutes > 0 else ""
        return f"{len(self.trials)}{of_trials} trials · {duration(self.elapsed_s)}{of_time}"

    @property
    def statuses(self) -> dict[str, int]:
        """How many trials ended how, the most frequent first."""
        return status_counts(self.trials)

    @property
    def baseline(self) -> TrialResult | None:
        """The first trial, which is of the engine's own defaults."""
        return baseline_of(self.trials)

    @property
    def best(self) -> TrialResult | None:
        """The best feasible trial of the first objective."""
        return best_trial(self.trials, self.objectives[0]) if self.objectives else None

    def label(self, params: Mapping[str, Value]) -> str:
        """The knobs in which `params` differ from the baseline, and that they are what people run where they are."""
        knobs = describe(params, self.baseline.params if self.baseline else None)
        stock = self.info.stock if self.info else {}
        return f"what people run: {knobs}" if stock and key(params) == key(stock) else knobs

    def values_text(self, result: TrialResult) -> str:
        """Each objective of `result` with its interval."""
        values = [
            named(objective, result_text(result, objective))
            for objective in self.objectives
            if result.value(objective) is not None
        ]
        return " · ".join(values)

    def is_baseline(self, result: TrialResult) -> bool:
        """Whether a result is the baseline's."""
        return self.baseline is None or self.baseline.number == result.number

    def ratio_of(self, result: TrialResult) -> float | None:
        """How many times better than the baseline on the first objective, both at the machine's first pace."""
        if not self.objectives or self.baseline is None:
            return None
        return pace_corrected_ratio(self.objectives[0], result, self.baseline)

    def kept_text(self, result: TrialResult) -> str:
        """The constrained metrics of `result` that are within their limits."""
        limits = self.info.constraints if self.info else {}
        kept = [name for name in limits if name not in self.objectives and result.violations.get(name, 0) <= 0]
        values = [(name, result.value(name)) for name in kept]
        return " · ".join(f"{name} {metric_text(name, value)}" for name, value in values if value is not None)

    def round_text(self) -> str:
        """`round 3 · 412 tok/s`."""
        rounds, value = self.current_round
        if not rounds:
            return "loading"
        if value is None or not self.objectives:
            return f"round {rounds}"
        return f"round {rounds} · {named(self.objectives[0], metric_text(self.objectives[0], value))}"

    def verdict_text(self, result: TrialResult) -> str:
        """What came of a trial: its values, or why there are none."""
        ratio = None if self.is_baseline(result) else self.ratio_of(result)
        values, limits = self.values_text(result), self.info.constraints if self.info else {}
        parts = [f"{values:<22}" if ratio else values, f"{ratio_text(ratio):<7}" if ratio else ""]
        parts += [self.kept_text(result), reason_text(result, limits)]
        return "  ".join(part for part in parts if part)
