"""One configuration in a tournament: its rounds, and the value that each block of the tournament counts.

Every round has a process of its own. Rounds of one process share what one start of it differs from the next by, so
that they are no further evidence, and a process that stayed loaded would save no load that a block does not need.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import compress
from typing import Any, TypeVar

from tuner.core.metrics import METRICS, metric
from tuner.core.objective import Constraint, Objective, broken
from tuner.core.stats import RatioTest, paired_ratio_test
from tuner.core.trial import MetricValue, TrialResult, TrialSpec
from tuner.measure.executor import Executor
from tuner.measure.measurement import summarise
from tuner.measure.plan import single_round_plan

T = TypeVar("T")

WARM_UP_SHARE = 0.5
"""Of a round, what warming up by its first item takes at the most, for estimates."""
SECOND_CHANCES = 1
"""A configuration that ran in the search and fails here, once, may have met a passing shortage."""


@dataclass(frozen=True)
class BlockRound:
    """One round in a process of its own: the round's metrics, what its load yields once (`loaded`), and its noise."""

    metrics: Mapping[str, float]
    loaded: Mapping[str, float]
    noise: Mapping[str, float]

    @staticmethod
    def of(result: TrialResult) -> BlockRound:
        """What was measured by a plan of a single round."""
        once = {n: m.value for n, m in result.metrics.items() if metric(n).kind in ("load", "memory")}
        each = {n: m.value for n, m in result.metrics.items() if n not in once}
        return BlockRound(each, once, result.host_noise)

    @property
    def disturbed(self) -> bool:
        """Whether others disturbed it."""
        return self.noise.get("disturbed_share", 0.0) > 0

    def to_json(self) -> dict[str, Any]:
        """As JSON data."""
        return asdict(self)

    @staticmethod
    def from_json(document: Mapping[str, Any]) -> BlockRound:
        """Read what `to_json` wrote. Raises KeyError or TypeError on anything else."""
        return BlockRound(document["metrics"], document["loaded"], document["noise"])


@dataclass(frozen=True)
class Block:
    """What each contestant played in a block of a tournament, by its trial's number. A line of `tournament.jsonl`.

    `dropped` are those who had no part in it any more, and `analyses_done` is how many looks had been taken by then.
    """

    plays: Mapping[int, BlockRound]
    dropped: tuple[int, ...] = ()
    analyses_done: int = 0

    def to_json(self) -> dict[str, Any]:
        """As JSON data."""
        plays = {str(number): play.to_json() for number, play in self.plays.items()}
        return {"plays": plays, "resting": list(self.dropped), "looked": self.analyses_done}

    @staticmethod
    def from_json(document: Mapping[str, Any]) -> Block:
        """Read what `to_json` wrote. Raises KeyError, TypeError or ValueError on anything else."""
        plays = {int(number): BlockRound.from_json(play) for number, play in document["plays"].items()}
        return Block(plays, tuple(document["resting"]), document["looked"])


@dataclass
class Candidate:
    """Plays one round at a time. A second failure takes it out for good, with the reason in `failure`.

    `plays` and `values` hold what counted, block by block. One that is `dropped` plays no further blocks. `metric` is
    the objective's. `cold` says that the first load is from a file out of the page cache, where the system allows it.
    """

    trial: TrialResult
    executor: Executor
    constraints: tuple[Constraint, ...]
    metric: str
    cold: bool = True
    failure: str = ""
    dropped: bool = False
    plays: list[BlockRound] = field(default_factory=list)
    _chances: int = SECOND_CHANCES
    _first: BlockRound | None = None

    def play(self) -> BlockRound | None:
        """Load, warm up, run one round, and end the process; None once it has failed."""
        while not self.failure:
            played = self._play()
            if isinstance(played, BlockRound):
                return played
            if self._chances == 0:
                self.failure = played
            self._chances -= 1
        return None

    def count(self, played: BlockRound) -> None:
        """Let a round count. The first load was the cold one, whether its round counts or not: its time is kept."""
        if not self.plays and self._first is not None:
            played = replace(played, loaded={**self._first.loaded, **played.loaded})
        self.plays.append(played)

    @property
    def standing(self) -> bool:
        """Whether it plays the next block."""
        return not self.failure and not self.dropped

    @property
    def values(self) -> list[float]:
        """The objective in each round that counted."""
        return [self.value(p) for p in self.plays]

    @property
    def quiet(self) -> list[bool]:
        """Of each round that counted, whether nobody else disturbed it."""
        return [not p.disturbed for p in self.plays]

    def used(self, counted: Sequence[T]) -> list[T]:
        """Of what there is one of for each round, that of the quiet rounds; all where most rounds were disturbed.

        `counted` may be of the first rounds only.
        """
        quiet = list(compress(counted, self.quiet))
        return quiet if 2 * len(quiet) >= len(counted) else list(counted)

    def value(self, played: BlockRound) -> float:
        """The objective in one round. Load and memory, which a process has once, have a load of their own in each."""
        value = self._value(played)
        assert value is not None, "_play has looked"
        return value

    def _value(self, played: BlockRound) -> float | None:
        return played.metrics.get(self.metric, played.loaded.get(self.metric))

    def metrics(self, blocks: int | None = None) -> dict[str, MetricValue]:
        """Over the rounds that counted and the loads for them, of the first `blocks` or of all.

        Means of times, peaks of memory.
        """
        plays = self.plays[:blocks]
        names = [n for n in METRICS if plays and all(n in p.metrics for p in plays)]
        measured = {n: summarise(n, [p.metrics[n] for p in self.used(plays)]) for n in names}
        once = {n for p in plays for n in p.loaded}
        values = {n: [p.loaded[n] for p in plays if n in p.loaded] for n in METRICS if n in once}
        times = {n: summarise(n, v) for n, v in values.items() if metric(n).kind == "load"}
        peaks = {n: MetricValue(max(v), None, METRICS[n].unit) for n, v in values.items() if metric(n).kind == "memory"}
        return {**measured, **times, **peaks}

    def feasible(self) -> bool:
        """Whether the constraints hold for what was measured here; by the search where nothing was."""
        return not self.breaks() if self.plays else self.trial.feasible

    def constrained(self) -> dict[str, float]:
        """The values that constraints are judged by; by the search's where nothing was measured here."""
        metrics = self.metrics() if self.plays else self.trial.metrics
        return {**{name: m.value for name, m in metrics.items()}, **self.trial.quality}

    def breaks(self) -> str:
        """The constraints that do not hold for what was measured here, with the values; "" where all do."""
        return "; ".join(broken(self.constraints, self.constrained()))

    def _play(self) -> BlockRound | str:
        """A round, or why there is none."""
        cold = self.metric == "load_s" or (self.cold and self._first is None and self.metric != "load_cached_s")
        result = self.executor.run(TrialSpec(-1, self.trial.params, "tournament"), single_round_plan(cold))
        if not result.metrics:
            return result.reason
        played = BlockRound.of(result)
        if self._value(played) is None:
            return f"the round tells no {self.metric}"
        self._first = self._first or played
        return played


def play_block(
    candidates: Sequence[Candidate], block: int, again: Callable[[], bool] = lambda: False
) -> list[tuple[Candidate, BlockRound]]:
    """One round of each contestant that still stands, side by side; each block begins with the next one.

    Once each has begun a block they play in reverse, so that nobody always comes after the same one, whose heat or
    cache it would meet. A round that others disturbed is played again at once if `again` allows it; only once, or the
    first to play on a machine that is never quiet would use up what all are allowed. Nothing is counted yet.
    """
    standing, played = [c for c in candidates if c.standing], []
    for candidate in _in_turn(standing, block):
        its_play = candidate.play()
        if its_play is not None and its_play.disturbed and again():
            its_play = candidate.play()
        if its_play is not None:
            played.append((candidate, its_play))
    return played


def _in_turn(standing: Sequence[Candidate], block: int) -> list[Candidate]:
    if not standing:
        return []
    cycle, first = divmod(block, len(standing))
    order = [*standing[first:], *standing[:first]]
    return order[::-1] if cycle % 2 else order


def compared(mine: Candidate, other: Candidate, objective: Objective, quiet_least: int) -> RatioTest | None:
    """`mine` ÷ `other` turned so that above 1 is better, over the blocks that both finished; None below two.

    Pairs that others disturbed are left out as long as `quiet_least` quiet ones are there: a burst in one round of a
    pair can make it 20 times slower.
    """
    pairs = list(zip(mine.values, other.values, strict=False))
    if len(pairs) < 2:
        return None
    quiet = list(compress(pairs, quiet_pairs(mine, other)))
    ours, theirs = zip(*(quiet if len(quiet) >= max(2, quiet_least) else pairs), strict=True)
    return paired_ratio_test(ours, theirs) if objective.maximize else paired_ratio_test(theirs, ours)


def quiet_pairs(one: Candidate, other: Candidate) -> list[bool]:
    """Of each block that both finished, whether nobody disturbed either."""
    return [a and b for a, b in zip(one.quiet, other.quiet, strict=False)]


def play_s(trial: TrialResult, compiles_lazily: bool) -> float:
    """How long one play of a trial will take, at the pace that it had in the search."""
    return (_first_pass_s(trial) if compiles_lazily else WARM_UP_SHARE * trial.round_s) + trial.round_s + _load_s(trial)


def _first_pass_s(trial: TrialResult) -> float:
    return max(trial.round_s, trial.rounds_s - trial.round_s * (trial.host_noise.get("rounds", 1) - 1))


def _load_s(trial: TrialResult) -> float:
    """What loading a trial's process took, starting it included: all that the engine did but rounds and judging.

    Making its model file, which is found made from then on, is not the engine's.
    """
    rounds_s = trial.rounds_s or trial.round_s * trial.host_noise.get("rounds", trial.rounds + 1)  # of older studies
    return max(trial.value("load_cached_s") or 0.0, trial.engine_s - trial.quality_s - rounds_s)
