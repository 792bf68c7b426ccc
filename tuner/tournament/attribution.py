"""What each change brought: the configurations on the way from the default to the winner, measured side by side.

As in the tournament, every round has a process of its own: rounds of the same processes would not show what one start
differs from the next by, and intervals made of them were too narrow (where processes differ by 3 %, they called 19 % of
the changes that bring nothing an effect; `benchmarks/false_gains.py`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import combinations, pairwise
from typing import TYPE_CHECKING

from search_spaces.parameter import Params, Value
from search_spaces.space import SearchSpace
from tuner.core import interrupts
from tuner.core.explanation import Step
from tuner.core.objective import Objective
from tuner.core.trial import TrialResult, TrialStatus
from tuner.measure.executor import Executor
from tuner.tournament.candidate import Candidate, compared
from tuner.tournament.duration import REPLAYED_SHARE, round_s
from tuner.tournament.rounds import Played, Player, Rules, play_block

if TYPE_CHECKING:
    from tuner.search.posterior import Posterior

BLOCKS = 4
"""Rounds of each configuration on the way: enough for an interval, not for a verdict, which the tournament gives."""
PAIRS_LEAST = 3
"""Pairs that others disturbed are left out where so many quiet ones are left."""
IDLE = 1.03
"""A change whose middle is no further above 1 may have brought nothing."""
GAIN_RULED_OUT = 1.05
"""A change brought nothing only where a gain beyond this is ruled out."""


def brought_nothing(step: Step) -> bool:
    """Whether the interval holds 1 or lies below it, with its middle no more than a trifle above and its upper end
    not far above: an interval that is wide for the noise of a few rounds says nothing against a change."""
    if step.ratio is None or step.ci95 is None:
        return False
    return step.ci95[0] <= 1 and step.ratio < IDLE and step.ci95[1] < GAIN_RULED_OUT


def by_worth(posterior: Posterior, start: Params, end: Params) -> list[str]:
    """The knobs in which the two differ, from the one that seems to matter most to what could be left out of `end`.

    Found backwards: of what is left, the change is last without which least is expected to be lost. So a change that
    is said to have brought nothing was judged beside all others that matter, and not in another surrounding.
    """
    found: list[str] = []
    current = dict(end)
    while left := [n for n in current if n in start and current[n] != start[n]]:
        reverted = [{**current, name: start[name]} for name in left]
        lost = [posterior.contrast([current], [other])[0] for other in reverted]
        least = min(range(len(left)), key=lambda at: lost[at])
        found.append(left[least])
        current = reverted[least]
    return found[::-1]


def path(space: SearchSpace, start: Params, end: Params, order: Sequence[str] = ()) -> list[dict[str, Value]]:
    """Valid configurations from `start` to `end`, both included, each with as few changes as rules allow.

    Knobs change in `order`, the others after them in the space's order.
    """
    place = {name: at for at, name in enumerate([*order, *(k.name for k in space.knobs if k.name not in order)])}
    ways = [dict(start)]
    while ways[-1] != dict(end):
        current = ways[-1]
        left = sorted((n for n in end if current.get(n) != end[n]), key=lambda n: place[n])
        ways.append(_next(space, current, end, left))
    return ways


def _next(space: SearchSpace, current: Params, end: Params, left: Sequence[str]) -> dict[str, Value]:
    """`current` with the first of the changes that are left, or the first few that go together only."""
    for count in range(1, len(left)):
        for names in combinations(left, count):
            changed = space.canonical({**current, **{n: end[n] for n in names}})
            if not space.violation_degree(changed) and changed != dict(current) and _nearer(changed, current, end):
                return changed
    return dict(end)


def _nearer(changed: Params, current: Params, end: Params) -> bool:
    """A change that brings knobs into use which `end` has not would lead away."""
    return _distance(changed, end) < _distance(current, end)


def _distance(one: Params, other: Params) -> int:
    return sum(one.get(n) != other.get(n) for n in {*one, *other})


def attribution_s(
    baseline: TrialResult, winner: TrialResult, ways: Sequence[Params], compiles_lazily: Callable[[Params], bool]
) -> float:
    """How long `attribute` takes: a round of a configuration on the way is halfway between those of the ends."""
    return len(ways) * BLOCKS * sum(round_s(t, compiles_lazily(t.params)) for t in (baseline, winner)) / 2


def attribute(
    executor: Executor,
    objective: Objective,
    ways: Sequence[Params],
    on_block: Callable[[int, int], None] = lambda done, most: None,
) -> tuple[Step, ...]:
    """Measure the configurations of a `path` in interleaved blocks of rotated order, and compare neighbours.

    `on_block` is told how many blocks are done, of how many.
    """
    players = [Player(number, params) for number, params in enumerate(ways)]
    rules = Rules(objective.metric, math.ceil(REPLAYED_SHARE * BLOCKS * len(players)), cold_first=False)
    played = Played()
    for block in range(BLOCKS):
        interrupts.check()
        standing = [p for p in players if p.number not in played.failures]
        played = play_block(played, standing, rules, executor)
        on_block(block + 1, BLOCKS)
    walkers = [
        Candidate(
            TrialResult(p.number, p.params, TrialStatus.OK),
            objective.metric,
            rounds=played.rounds(p.number),
            failure=played.failures.get(p.number, ""),
        )
        for p in players
    ]
    return tuple(_step(before, after, objective) for before, after in pairwise(walkers))


def _step(before: Candidate, after: Candidate, objective: Objective) -> Step:
    old, new = before.trial.params, after.trial.params
    names = [n for n in {**old, **new} if old.get(n) != new.get(n)]
    changed = {n: (old.get(n), new.get(n)) for n in names}
    if failure := before.failure or after.failure:
        return Step(changed, dict(new), None, None, 0, failure)
    test = compared(after, before, objective, PAIRS_LEAST)
    assert test is not None, "neither has failed, so there are as many pairs as blocks"
    return Step(changed, dict(new), test.ratio, test.ci95, test.pairs)
