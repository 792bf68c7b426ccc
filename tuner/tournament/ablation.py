"""Which of the winner's changes matter: each is set back singly and plays beside the winner, before the verdict.

A search moves many knobs at once, and what brings nothing rides along. A change that is not shown to matter is not
deployed: what it does not bring here it may cost on another day, or with the next version. It matters where the winner
is shown to be better with it than without it, in the objective or, by what a guard counts, in anything that a person
feels; and where nothing runs without it.

As in the tournament every round has a process of its own: rounds of the same processes would not show what one start
differs from the next by, and intervals made of them were too narrow (where processes differ by 3 %, they called 19 % of
the changes that bring nothing an effect; `benchmarks/false_gains.py`).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tuner.core import interrupts
from tuner.core.explanation import Ablation, Change
from tuner.core.guards import FACTOR
from tuner.core.objective import Objective
from tuner.core.stats import RatioTest
from tuner.core.trial import TrialResult, TrialStatus
from tuner.measure.executor import Executor
from tuner.tournament.candidate import Candidate, compared
from tuner.tournament.duration import REPLAYED_SHARE
from tuner.tournament.rounds import Played, Player, Rules, play_block
from tuner.tournament.set_back import SetBack

LOOKS = (4, 6, 8)
"""After so many blocks it is looked at who matters, and at the end."""
SIGNIFICANCE = 0.05
"""Of one change, over all looks."""
PAIRS_LEAST = 3
"""Pairs that others disturbed are left out where so many quiet ones are left."""
NOTHING = 1.01
"""A change whose 95 % interval does not reach so far brings nothing that further blocks could show."""
WINNER = 0
"""The winner's number among the players; a change's is one more than its place."""


@dataclass(frozen=True)
class AblationState:
    """Everything that the next block and the result follow from; kept after each block.

    `winner` is the tournament's, by its trial. `set_back` are its changes, least expected harm first, `unplayed` those
    that there is no time for. `settled` maps the players of whom enough is known to the number of blocks by then.
    """

    objective: str
    winner: Player
    set_back: tuple[SetBack, ...]
    unplayed: tuple[SetBack, ...] = ()
    played: Played = field(default_factory=Played)
    settled: Mapping[int, int] = field(default_factory=dict)
    ended: bool = False

    @property
    def players(self) -> tuple[Player, ...]:
        """The winner, and what it is without each change."""
        others = (Player(place + 1, one.params) for place, one in enumerate(self.set_back))
        return (Player(WINNER, self.winner.params), *others)


def play(
    state: AblationState,
    executor: Executor,
    felt: Sequence[str],
    left_s: Callable[[], float],
    keep: Callable[[AblationState], None] = lambda state: None,
    on_block: Callable[[int, int], None] = lambda done, most: None,
    clock: Callable[[], float] = time.monotonic,
) -> AblationState:
    """Play blocks until enough is known of each change, or until what is left of the time is too short for another.

    `felt` are the metrics that a person feels. `keep` is told the state before the first block and after each,
    `on_block` how many blocks are done, of how many. The least blocks are played whatever time there is.
    """
    keep(state)
    rules = Rules(state.objective, math.ceil(REPLAYED_SHARE * LOOKS[0] * len(state.players)), cold_first=False)
    while standing := _next_players(state):
        interrupts.check()
        played = play_block(state.played, standing, rules, executor, clock)
        with interrupts.deferred():
            state = _after_block(replace(state, played=played), felt, left_s())
            keep(state)
        on_block(len(played.blocks), LOOKS[-1])
    return state


def idle(state: AblationState, felt: Sequence[str]) -> list[SetBack]:
    """The changes that were played and not shown to matter, least harm first; none where the winner itself failed."""
    if WINNER in state.played.failures:
        return []
    return [one for place, one in enumerate(state.set_back) if not _matters(state, place + 1, felt)]


def changes(state: AblationState, felt: Sequence[str]) -> tuple[Change, ...]:
    """What each change is worth, the most worthwhile first."""
    if WINNER in state.played.failures:
        return ()
    told = [_change(state, place + 1, one, felt) for place, one in enumerate(state.set_back)]
    unknown = [Change(one.changed, one.params, None, None, 0) for one in state.unplayed]
    return (*sorted(told, key=lambda c: -(c.ratio or math.inf)), *unknown)


def ablation(state: AblationState, felt: Sequence[str], deployed: int) -> Ablation:
    """The document; `deployed` is the trial that is deployed."""
    rounds = sum(len(block.rounds) for block in state.played.blocks)
    return Ablation(state.winner.number, deployed, state.objective, changes(state, felt), rounds)


def _next_players(state: AblationState) -> list[Player]:
    out = {*state.played.failures, *state.settled}
    others = [p for p in state.players if p.number != WINNER and p.number not in out]
    over = state.ended or WINNER in state.played.failures or len(state.played.blocks) >= LOOKS[-1]
    return [] if over or not others else [state.players[WINNER], *others]


def _after_block(state: AblationState, felt: Sequence[str], left_s: float) -> AblationState:
    """The state once it is known who plays on."""
    done, spent_s = len(state.played.blocks), sum(block.took_s for block in state.played.blocks)
    if done in LOOKS[:-1]:
        known = {p.number: done for p in _next_players(state)[1:] if _known(state, p.number, felt)}
        state = replace(state, settled={**state.settled, **known})
    return replace(state, ended=done >= LOOKS[0] and left_s < spent_s / done)


def _known(state: AblationState, number: int, felt: Sequence[str]) -> bool:
    """Whether the change is shown to matter, or brings nothing that could be shown."""
    test = _test(state, number, state.objective)
    return _matters(state, number, felt) or (test is not None and test.ci95[1] < NOTHING)


def _matters(state: AblationState, number: int, felt: Sequence[str]) -> bool:
    test = _test(state, number, state.objective)
    better = test is not None and _surely_better(test)
    return better or number in state.played.failures or bool(_worse(state, number, felt))


def _worse(state: AblationState, number: int, felt: Sequence[str]) -> str:
    """What a person feels that is surely worse without the change, by more than a guard allows."""
    tests = {name: _test(state, number, name) for name in felt}
    return ", ".join(
        f"{name} ×{test.ratio:.2f}"
        for name, test in tests.items()
        if test is not None and test.ratio > FACTOR and _surely_better(test)
    )


def _surely_better(test: RatioTest) -> bool:
    """With the change than without it, by a one-sided test at the share of the level that one look may spend."""
    return test.interval(1 - 2 * SIGNIFICANCE / len(LOOKS))[0] > 1


def _test(state: AblationState, number: int, metric: str) -> RatioTest | None:
    """The winner ÷ what it is without the change, above 1 is better."""
    winner, other = (_candidate(state, n) for n in (WINNER, number))
    return compared(winner, other, Objective(metric), PAIRS_LEAST)


def _candidate(state: AblationState, number: int) -> Candidate:
    player = state.players[number]
    return Candidate(
        TrialResult(number, player.params, TrialStatus.OK), state.objective, rounds=state.played.rounds(number)
    )


def _change(state: AblationState, number: int, one: SetBack, felt: Sequence[str]) -> Change:
    failure, shown = state.played.failures.get(number, ""), _matters(state, number, felt)
    test = None if failure else _test(state, number, state.objective)
    if test is None:
        return Change(one.changed, one.params, None, None, 0, failure, shown)
    worse = _worse(state, number, felt)
    return Change(one.changed, one.params, test.ratio, test.ci95, test.pairs, failure, shown, worse)
