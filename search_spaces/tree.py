"""Walking the tree of configurations: knobs in dependency order, a knob only where its conditions hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from search_spaces.domains import contains, count, nearest, values
from search_spaces.parameter import Choices, Condition, Domain, Parameter, Params, Value
from search_spaces.rules import Rule

_LISTED_MOST = 4096
"""Ranges up to this size are tried out whole when it is asked whether rules leave anything."""

Options = Callable[[Parameter], Iterable[Value]]


def walk(knobs: Sequence[Parameter], rules: Sequence[Rule], options: Options) -> Iterator[dict[str, Value]]:
    """Every configuration of `options` that breaks no rule, active knobs only, in the order of the options.

    A branch is left as soon as it breaks a rule: at the last knob that the rule speaks of.
    """
    at = {knob.name: i for i, knob in enumerate(knobs)}
    due: list[list[Rule]] = [[] for _ in knobs]
    for rule in rules:
        if places := [at[n] for n in rule.names if n in at]:
            due[max(places)].append(rule)

    def below(depth: int, params: dict[str, Value]) -> Iterator[dict[str, Value]]:
        if depth == len(knobs):
            yield params
            return
        knob = knobs[depth]
        if all(c.holds(params) for c in knob.when):
            branches: Iterable[dict[str, Value]] = ({**params, knob.name: v} for v in options(knob))
        else:
            branches = (params,)
        for branch in branches:
            if not any(rule.degree(branch) for rule in due[depth]):
                yield from below(depth + 1, branch)

    return below(0, {})


def contradiction(knobs: Sequence[Parameter], rules: Sequence[Rule], fixed: Params) -> list[Rule]:
    """The fewest rules that together leave no configuration; empty when there is one."""
    if _satisfiable(knobs, rules, fixed):
        return []
    core = list(rules)
    for rule in rules:
        rest = [r for r in core if r is not rule]
        if not _satisfiable(knobs, rest, fixed):
            core = rest
    return core


def _satisfiable(knobs: Sequence[Parameter], rules: Sequence[Rule], fixed: Params) -> bool:
    """Knobs that no rule depends on are left out: they cannot make a rule hold or break."""
    by_name = {k.name: k for k in knobs}
    relevant, queue = set[str](), [n for r in rules for n in r.names if n in by_name]
    while queue:
        name = queue.pop()
        if name not in relevant:
            relevant.add(name)
            queue += [c.name for c in by_name[name].when if c.name in by_name]
    conditions = [c for r in rules for c in r.conditions]
    conditions += [c for k in knobs for c in k.when]

    def options(knob: Parameter) -> Iterable[Value]:
        return (fixed[knob.name],) if knob.name in fixed else telling(knob, conditions)

    return next(walk([k for k in knobs if k.name in relevant], rules, options), None) is not None


def telling(knob: Parameter, conditions: Iterable[Condition]) -> list[Value]:
    """The values of a knob that can make a difference to `conditions` and orderings: all, or ends and bounds."""
    size = count(knob.domain)
    if size is not None and size <= _LISTED_MOST:
        return list(values(knob.domain))
    found = list(ends(knob.domain))
    for condition in (c for c in conditions if c.name == knob.name):
        bounds = [b for b in (condition.at_least, condition.at_most) if b is not None]
        found += [
            v for v in (*condition.values, *(nearest(knob.domain, b) for b in bounds)) if contains(knob.domain, v)
        ]
    return list(dict.fromkeys(found))


def ends(domain: Domain) -> tuple[Value, ...]:
    """The lowest and highest value of a range; all choices."""
    return domain.values if isinstance(domain, Choices) else tuple(dict.fromkeys((domain.low, domain.high)))


def can_hold(condition: Condition, knob: Parameter, fixed: Mapping[str, Value]) -> bool:
    """Whether some value that `knob` may take meets the condition."""
    if knob.name in fixed:
        return condition.admits(fixed[knob.name])
    return any(condition.admits(v) for v in telling(knob, [condition]))
