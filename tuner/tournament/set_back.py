"""The winner with changed knobs set back to the default: one at a time, or all of those that matter little."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from search_spaces.domains import contains
from search_spaces.parameter import Params, Value
from search_spaces.space import SearchSpace
from tuner.core.params import key

if TYPE_CHECKING:
    from tuner.search.posterior import Posterior


@dataclass(frozen=True)
class SetBack:
    """`params` are the winner's without one change.

    `changed` maps each knob that goes back with it to (default, winner), None where it is not in use: more than one
    where rules or conditions tie them together.
    """

    changed: Mapping[str, tuple[Value | None, Value | None]]
    params: Params


def set_backs(space: SearchSpace, winner: Params, baseline: Params, order: Sequence[str] = ()) -> list[SetBack]:
    """The winner without each of its changes, in `order`, the others after them in the space's order.

    Where rules forbid one alone, the fewest others that let it go back go too. A knob that cannot go back, because the
    user left its default out of the range to search, is missing; so is what would be the default itself.
    """
    place = {name: at for at, name in enumerate([*order, *(k.name for k in space.knobs if k.name not in order)])}
    changed = sorted(_changed(space, winner, baseline), key=lambda name: place[name])
    found: dict[str, SetBack] = {}
    for name in changed:
        params = next(_without(space, winner, baseline, name, changed), None)
        if params is not None and key(params) != key(baseline):
            found.setdefault(key(params), SetBack(_difference(params, winner), params))
    return list(found.values())


def without(space: SearchSpace, winner: Params, baseline: Params, idle: Sequence[SetBack]) -> list[dict[str, Value]]:
    """What may replace the winner where the changes `idle`, least harm first, matter to nobody; the plainest first.

    Without all of them, and without the first alone: two of which either does the same would both seem idle.
    """
    names = [name for one in idle for name in one.changed]
    single = [dict(one.params) for one in idle[:1]]
    every = space.canonical({**winner, **{n: baseline[n] for n in names if n in baseline}})
    able = not space.violation_degree(every) and key(every) != key(baseline)
    return list({key(params): params for params in [*([every] if able else []), *single]}.values())


def by_harm(space: SearchSpace, posterior: Posterior, winner: Params, baseline: Params) -> list[str]:
    """The changed knobs, that one first without which least is expected to be lost of what the ones before leave."""
    found: list[str] = []
    current = dict(winner)
    while left := _changed(space, current, baseline):
        reverted = [{**current, name: baseline[name]} for name in left]
        lost = [posterior.contrast([current], [other])[0] for other in reverted]
        least = min(range(len(left)), key=lambda at: lost[at])
        found.append(left[least])
        current = reverted[least]
    return found


def _changed(space: SearchSpace, params: Params, baseline: Params) -> list[str]:
    """Changed knobs that may go back on their own account; one that came into use with another may not."""
    searched = {p.name: p.domain for p in space.parameters}
    return [
        name
        for name, value in params.items()
        if name in baseline
        and name in searched
        and value != baseline[name]
        and contains(searched[name], baseline[name])
    ]


def _without(
    space: SearchSpace, winner: Params, baseline: Params, name: str, changed: Sequence[str]
) -> Iterator[dict[str, Value]]:
    """Valid configurations without `name`, those with fewest other changes lost first."""
    others = [other for other in changed if other != name]
    for count in range(len(others) + 1):
        for also in combinations(others, count):
            params = space.canonical({**winner, **{n: baseline[n] for n in (name, *also)}})
            if params.get(name) == baseline[name] and not space.violation_degree(params) and key(params) != key(winner):
                yield params


def _difference(params: Params, winner: Params) -> dict[str, tuple[Value | None, Value | None]]:
    names = [n for n in {**winner, **params} if winner.get(n) != params.get(n)]
    return {n: (params.get(n), winner.get(n)) for n in names}
