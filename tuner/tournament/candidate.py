"""One configuration in a tournament, as it has played so far: what each block counts, and pairs of two of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress
from typing import TypeVar

from tuner.core.metrics import METRICS, metric
from tuner.core.objective import Constraint, Objective, broken
from tuner.core.stats import RatioTest, paired_ratio_test
from tuner.core.trial import MetricValue, TrialResult
from tuner.measure.measurement import summarise
from tuner.tournament.rounds import BlockRound

T = TypeVar("T")


@dataclass(frozen=True)
class Candidate:
    """A view of what was played: `rounds` are those that count, block by block; `trial` is the search's.

    It is out for good where there is a `failure`; one that is `dropped` plays no further blocks. `metric` is the
    objective's.
    """

    trial: TrialResult
    metric: str
    constraints: tuple[Constraint, ...] = ()
    rounds: tuple[BlockRound, ...] = ()
    failure: str = ""
    dropped: bool = False

    @property
    def number(self) -> int:
        """The trial's."""
        return self.trial.number

    @property
    def standing(self) -> bool:
        """Whether it plays the next block."""
        return not self.failure and not self.dropped

    @property
    def values(self) -> list[float]:
        """The objective in each round. Load and memory, which a process has once, have a load of their own in each."""
        return self.values_of(self.metric)

    def values_of(self, name: str) -> list[float]:
        """Any metric in each round that tells it."""
        return [value for r in self.rounds if (value := r.value(name)) is not None]

    @property
    def quiet(self) -> list[bool]:
        """Of each round, whether nobody else disturbed it."""
        return [not r.disturbed for r in self.rounds]

    def used(self, counted: Sequence[T]) -> list[T]:
        """Of what there is one of for each round, that of the quiet rounds; all where most rounds were disturbed.

        `counted` may be of the first rounds only.
        """
        quiet = list(compress(counted, self.quiet))
        return quiet if 2 * len(quiet) >= len(counted) else list(counted)

    def metrics(self, blocks: int | None = None) -> dict[str, MetricValue]:
        """Over the rounds and the loads for them, of the first `blocks` or of all.

        Means of times, peaks of memory.
        """
        rounds = self.rounds[:blocks]
        names = [n for n in METRICS if rounds and all(n in r.metrics for r in rounds)]
        measured = {n: summarise(n, [r.metrics[n] for r in self.used(rounds)]) for n in names}
        once = {n for r in rounds for n in r.loaded}
        values = {n: [r.loaded[n] for r in rounds if n in r.loaded] for n in METRICS if n in once}
        times = {n: summarise(n, v) for n, v in values.items() if metric(n).kind == "load"}
        peaks = {n: MetricValue(max(v), None, METRICS[n].unit) for n, v in values.items() if metric(n).kind == "memory"}
        return {**measured, **times, **peaks}

    def feasible(self) -> bool:
        """Whether the constraints hold for what was measured here; by the search where nothing was."""
        return not self.breaks() if self.rounds else self.trial.feasible

    def constrained(self) -> dict[str, float]:
        """The values that constraints are judged by; by the search's where nothing was measured here."""
        metrics = self.metrics() if self.rounds else self.trial.metrics
        return {**{name: m.value for name, m in metrics.items()}, **self.trial.quality}

    def breaks(self) -> str:
        """The constraints that do not hold for what was measured here, with the values; "" where all do."""
        return "; ".join(broken(self.constraints, self.constrained()))


def compared(mine: Candidate, other: Candidate, objective: Objective, quiet_least: int) -> RatioTest | None:
    """`mine` ÷ `other` turned so that above 1 is better, over the blocks that both finished; None below two.

    In `objective`, or in any other metric by way of one, which is None too where a round lacks it or it is 0.

    Pairs that others disturbed are left out as long as `quiet_least` quiet ones are there: a burst in one round of a
    pair can make it 20 times slower.
    """
    ours, theirs = (c.values_of(objective.metric) for c in (mine, other))
    pairs = list(zip(ours, theirs, strict=False))
    told = len(ours) == len(mine.rounds) and len(theirs) == len(other.rounds)
    pairs = [(a + objective.trifle, b + objective.trifle) for a, b in pairs]
    if len(pairs) < 2 or not told or min(map(min, pairs)) <= 0:
        return None
    quiet = list(compress(pairs, quiet_pairs(mine, other)))
    used = quiet if len(quiet) >= max(2, quiet_least) else pairs
    ours, theirs = [a for a, _ in used], [b for _, b in used]
    return paired_ratio_test(ours, theirs) if objective.maximize else paired_ratio_test(theirs, ours)


def quiet_pairs(one: Candidate, other: Candidate) -> list[bool]:
    """Of each block that both finished, whether nobody disturbed either."""
    return [a and b for a, b in zip(one.quiet, other.quiet, strict=False)]
