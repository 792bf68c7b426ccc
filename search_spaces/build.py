"""Making a search space from its parts, checked: order, knobs that can never be in use, rules, baseline."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain

from search_spaces.domains import contains, describe, show
from search_spaces.errors import TunerError, unknown_name
from search_spaces.parameter import Parameter, Params, Value
from search_spaces.rules import Rule, describe_condition
from search_spaces.space import SearchSpace
from search_spaces.tree import can_hold, contradiction, telling


def build(
    name: str,
    knobs: Iterable[Parameter],
    rules: Sequence[Rule] = (),
    fixed: Mapping[str, Value] | None = None,
    off: Mapping[str, str] | None = None,
    baseline: Mapping[str, Value] | None = None,
    *,
    kept: Iterable[str] | None = None,
) -> SearchSpace:
    """A checked space. `baseline` overrides the knobs' defaults in the baseline.

    Where the baseline breaks a rule, knobs other than `kept` (None: all are kept) are moved, as few as will do, and
    the space's notes say so. Raises TunerError for conditions that go in a circle, rules that leave no configuration,
    and a baseline that breaks rules for good.
    """
    ordered = in_dependency_order(name, knobs)
    fixed, off = dict(fixed or {}), dict(off or {})
    for knob in ordered:
        if (knob.name not in off or knob.name in fixed) and (reason := never_used(knob, ordered, fixed, off)):
            off[knob.name] = reason
            fixed.pop(knob.name, None)
    space = SearchSpace(name, ordered, tuple(rules), fixed, {}, off)
    if core := contradiction(space.used, rules, fixed):
        raise TunerError(_nothing_left(space, core), "widen one of these ranges, or fix another value")
    start = {k.name: k.default for k in space.used if k.name not in fixed} | dict(baseline or {})
    proposed = space.canonical({n: v for n, v in start.items() if n in {k.name for k in space.used}})
    movable = set() if kept is None else {p.name for p in space.used} - set(kept)
    settled = _repaired(space, proposed, movable)
    if settled is None:
        raise TunerError(
            f"the baseline breaks a rule: {space.violations(proposed)[0]}", "set baseline.KNOB=VALUE so that it holds"
        )
    return SearchSpace(name, ordered, tuple(rules), fixed, settled, off, _moves(space, proposed, settled))


def in_dependency_order(name: str, knobs: Iterable[Parameter]) -> tuple[Parameter, ...]:
    """The knobs with each after those that its conditions name; otherwise in the order given."""
    waiting = list(knobs)
    known = {k.name for k in waiting}
    for condition in (c for k in waiting for c in k.when):
        if condition.name not in known:
            raise unknown_name(f"knob in a condition of space {name}:", condition.name, known)
    placed: dict[str, Parameter] = {}
    while waiting:
        ready = next((k for k in waiting if all(c.name in placed for c in k.when)), None)
        if ready is None:
            circle = ", ".join(k.name for k in waiting)
            raise TunerError(f"the conditions of space {name} go in a circle: {circle}", "remove one of them")
        placed[ready.name] = ready
        waiting.remove(ready)
    return tuple(placed.values())


def never_used(knob: Parameter, knobs: Sequence[Parameter], fixed: Params, off: Mapping[str, str]) -> str:
    """Why no value of other knobs brings `knob` into use; "" when some does."""
    by_name = {k.name: k for k in knobs}
    for condition in knob.when:
        parent = by_name[condition.name]
        wanted = f"used only when {describe_condition(condition)}"
        if parent.name in off and parent.name not in fixed:
            return f"{wanted}, and {parent.name} is off"
        if not can_hold(condition, parent, fixed):
            have = f"fixed at {show(fixed[parent.name])}" if parent.name in fixed else describe(parent.domain)
            return f"{wanted}, and {parent.name} is {have}"
    return ""


def _nothing_left(space: SearchSpace, core: Sequence[Rule]) -> str:
    """The contradiction in one line: the rules and what each of their knobs may be."""
    names = dict.fromkeys(chain.from_iterable(r.names for r in core))
    ranges = [
        f"{k.name}={show(space.fixed[k.name]) if k.name in space.fixed else describe(k.domain)}"
        for k in space.used
        if k.name in names
    ]
    return f"no valid configuration is left: {'; '.join(r.describe() for r in core)}; but {', '.join(ranges)}"


def _repaired(space: SearchSpace, params: Params, movable: set[str]) -> dict[str, Value] | None:
    """`params` with the fewest movable knobs changed so that no rule is broken; None when that cannot be."""
    for changes in range(len(movable) + 1):
        if (found := next(_with_changes(space, params, movable, changes), None)) is not None:
            return found
    return None


def _moves(space: SearchSpace, proposed: Params, settled: Params) -> tuple[str, ...]:
    """A line for each knob of the baseline that had to move, with the rule that moved it."""
    moved = [n for n, v in settled.items() if n in proposed and v != proposed[n]]
    why = {n: next((t for r in space.rules if n in r.names and (t := r.violation(proposed))), "") for n in moved}
    return tuple(
        f"baseline: {n}={show(settled[n])} instead of {show(proposed[n])}" + (f", because {why[n]}" if why[n] else "")
        for n in moved
    )


def _with_changes(space: SearchSpace, params: Params, movable: set[str], changes: int) -> Iterator[dict[str, Value]]:
    broken = next((r for r in space.rules if r.degree(params)), None)
    if broken is None:
        yield dict(params)
    elif changes:
        for name in broken.names:
            if name in params and name in movable:
                for value in _closest_first(space, broken, params, name):
                    changed = space.canonical({**params, name: value})
                    if broken.degree(changed) < broken.degree(params):
                        yield from _with_changes(space, changed, movable - {name}, changes - 1)


def _closest_first(space: SearchSpace, rule: Rule, params: Params, name: str) -> list[Value]:
    """Values to move a knob to: what the rule's other knobs have where that is legal, then its own by distance."""
    knob, current = space.parameter(name), params[name]
    others = [params[n] for n in rule.names if n != name and n in params and contains(knob.legal, params[n])]
    own = telling(knob, rule.conditions)
    if not isinstance(current, str) and not any(isinstance(v, str) for v in own):
        own = sorted(own, key=lambda v: abs(float(v) - current))
    return [*others, *own]
