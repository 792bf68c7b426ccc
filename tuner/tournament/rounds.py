"""Interleaved blocks of rounds: what was played so far, as plain data, and how the next block is played.

Every round has a process of its own. Rounds of one process share what one start of it differs from the next by, so
that they are no further evidence, and a process that stayed loaded would save no load that a block does not need.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from search_spaces.parameter import Value
from tuner.core import interrupts
from tuner.core.metrics import metric
from tuner.core.trial import TrialResult, TrialSpec
from tuner.measure.executor import Executor
from tuner.measure.plan import single_round_plan

SECOND_CHANCES = 1
"""A configuration that ran in the search and fails here, once, may have met a passing shortage."""


@dataclass(frozen=True)
class Player:
    """A configuration that plays, by the number of its trial."""

    number: int
    params: Mapping[str, Value]


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

    def value(self, name: str) -> float | None:
        """A metric of the round, or of the load for it; None where it tells none."""
        return self.metrics.get(name, self.loaded.get(name))


@dataclass(frozen=True)
class Block:
    """A round of each player, by number, and how many seconds they took."""

    rounds: Mapping[int, BlockRound]
    took_s: float = 0.0


@dataclass(frozen=True)
class Played:
    """All blocks so far.

    `failures` are the players that are out for good, with the reason; `forgiven` counts the failures that were not held
    against them. `replays` rounds that others disturbed were played again. A player that is out, or was dropped, comes
    back in no later block: pairs are by block.
    """

    blocks: tuple[Block, ...] = ()
    failures: Mapping[int, str] = field(default_factory=dict)
    forgiven: Mapping[int, int] = field(default_factory=dict)
    replays: int = 0

    def rounds(self, number: int) -> tuple[BlockRound, ...]:
        """Those of one player."""
        return tuple(block.rounds[number] for block in self.blocks if number in block.rounds)


@dataclass(frozen=True)
class Rules:
    """What blocks are played for and by: the objective's `metric`, and how many disturbed rounds may come again.

    `cold_first` says that each player's first load is from a file out of the page cache, where the system allows it.
    """

    metric: str
    replays_most: int
    cold_first: bool = True


def play_block(
    played: Played,
    players: Sequence[Player],
    rules: Rules,
    executor: Executor,
    clock: Callable[[], float] = time.monotonic,
) -> Played:
    """`played` with one more block, in which each of `players` plays a round, side by side.

    Each block begins with the next player. Once each has begun a block they play in reverse, so that nobody always
    comes after the same one, whose heat or cache it would meet. A round that others disturbed is played again at once
    if the rules allow it; only once, or the first to play on a machine that is never quiet would use up what all are
    allowed.
    """
    begin, opened = clock(), _OpenBlock(played, rules, executor)
    for player in in_turn(players, len(played.blocks)):
        interrupts.check()
        opened.play(player)
    return opened.closed(clock() - begin)


def in_turn(players: Sequence[Player], block: int) -> list[Player]:
    """The order in which `players` play the block of that number."""
    if not players:
        return []
    cycle, first = divmod(block, len(players))
    order = [*players[first:], *players[:first]]
    return order[::-1] if cycle % 2 else order


class _OpenBlock:
    """A block that is being played. Nothing of it counts before it is closed."""

    def __init__(self, played: Played, rules: Rules, executor: Executor) -> None:
        self._played, self._rules, self._executor = played, rules, executor
        self._rounds: dict[int, BlockRound] = {}
        self._failures, self._forgiven = dict(played.failures), dict(played.forgiven)
        self._replays = played.replays

    def play(self, player: Player) -> None:
        """One round that counts, unless the player fails for good."""
        cold = self._rules.cold_first and not self._played.rounds(player.number)
        first = its_round = self._round(player, cold)
        if its_round is not None and its_round.disturbed and self._replays < self._rules.replays_most:
            self._replays += 1
            its_round = self._round(player, cold=False)
        if first is not None and its_round is not None:
            # The time of the first, cold load is kept, whether its round counts or not.
            loaded = {**first.loaded, **its_round.loaded} if cold else its_round.loaded
            self._rounds[player.number] = replace(its_round, loaded=loaded)

    def closed(self, took_s: float) -> Played:
        """With this block as the last one."""
        block = Block(self._rounds, round(took_s, 3))
        return Played((*self._played.blocks, block), self._failures, self._forgiven, self._replays)

    def _round(self, player: Player, cold: bool) -> BlockRound | None:
        """Load, warm up, run one round, and end the process; None once it has failed for good."""
        name = self._rules.metric
        plan = single_round_plan(cold_load=name == "load_s" or (cold and name != "load_cached_s"))
        spec = TrialSpec(-1, player.params, "tournament", player.number)
        while True:
            result = self._executor.run(spec, plan)
            if result.value(name) is not None:
                return BlockRound.of(result)
            if self._forgiven.get(player.number, 0) >= SECOND_CHANCES:
                self._failures[player.number] = result.reason or f"the round tells no {name}"
                return None
            self._forgiven[player.number] = self._forgiven.get(player.number, 0) + 1
