"""What a user asks of a space: `params.X=` fixes a knob, `space.X=` sweeps it, `baseline.X=` sets the default.

- A fixed knob is a condition of the user's deployment: it is fixed in the baseline too, unless `baseline.X` says
  otherwise. A swept knob keeps the engine's default in the baseline, which may lie outside of the swept range.
- A knob's legal range may be wider than the searched one: more threads than cores may be asked for, but are not
  searched unless the user does.
- An off knob may be given its default, which changes nothing; anything else is an error with the reason.
- Where the fixed values break a rule together with the engine's defaults, the baseline moves, as little as will do,
  and the space's notes say so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from search_spaces.build import build, never_used
from search_spaces.coercion import check_legal, coerce
from search_spaces.domains import show
from search_spaces.errors import TunerError
from search_spaces.fitting import fit_domain
from search_spaces.parameter import Domain, Parameter, Value
from search_spaces.rules import describe_condition
from search_spaces.space import SearchSpace


def narrow(
    space: SearchSpace,
    params: Mapping[str, Value] | None = None,
    domains: Mapping[str, Domain] | None = None,
    baseline: Mapping[str, Value] | None = None,
) -> SearchSpace:
    """`space` with the user's wishes, each checked. Raises TunerError, one line, for the first that cannot be met."""
    params, domains, baseline = params or {}, domains or {}, baseline or {}
    if both := sorted(set(params) & set(domains)):
        raise TunerError(f"{both[0]} is fixed by params.{both[0]} and swept by space.{both[0]}", "keep one of the two")
    wanted, start = _legal_values(space, params, "params"), _legal_values(space, baseline, "baseline")
    swept = {name: _legal_domain(space, name, domain) for name, domain in domains.items()}
    changed = {n for n, v in wanted.items() if space.fixed.get(n) != v} | set(swept)
    knobs = [replace(k, domain=swept.get(k.name, k.domain), limits=k.legal) for k in space.knobs]
    fixed = {n: v for n, v in space.fixed.items() if n not in swept} | wanted
    waiting = {k.name for k in space.knobs if _waits(space, k)}
    off = {n: reason for n, reason in space.off.items() if n not in changed | waiting}
    before = {n: v for n, v in space.baseline.items() if n not in wanted}
    narrowed = build(space.name, knobs, space.rules, fixed, off, before | start, kept={*fixed, *start})
    _refuse_idle(space, narrowed, {**wanted, **swept})
    _refuse_idle_in_baseline(narrowed, start)
    return narrowed


def withhold(space: SearchSpace, names: Iterable[str], reason: str) -> SearchSpace:
    """`space` without searching the knobs of `names`, which stay as they are in the baseline: off, for `reason`."""
    held = {name: space.baseline.get(name, space.parameter(name).default) for name in names}
    fixed, off = {**space.fixed, **held}, {**space.off, **dict.fromkeys(held, reason)}
    narrowed = build(space.name, space.knobs, space.rules, fixed, off, space.baseline, kept=space.baseline)
    return replace(narrowed, notes=(*space.notes, *narrowed.notes))


def _legal_values(space: SearchSpace, given: Mapping[str, Value], prefix: str) -> dict[str, Value]:
    """The values that change something: those of off knobs that only repeat the default are left out."""
    legal = {}
    for name, value in given.items():
        knob, said = space.parameter(name), f"{prefix}.{name}"
        if _is_absent(space, knob):
            if coerce(knob, value, said) != knob.default:
                raise TunerError(f"{said}={show(value)}: {name} is off here: {space.off[name]}", "leave it out")
        else:
            legal[name] = check_legal(knob, value, said, space.off.get(name, ""))
    return legal


def _legal_domain(space: SearchSpace, name: str, domain: Domain) -> Domain:
    knob = space.parameter(name)
    if _is_absent(space, knob):
        raise TunerError(f"space.{name}: {name} is off here: {space.off[name]}", "leave it out")
    return fit_domain(knob, domain, space.off.get(name, ""))


def _is_absent(space: SearchSpace, knob: Parameter) -> bool:
    return knob.name in space.off and knob.name not in space.fixed and not _waits(space, knob)


def _waits(space: SearchSpace, knob: Parameter) -> bool:
    """Whether it is off only because no searched value of another knob brings it into use: a wish for that one may."""
    others = {n: reason for n, reason in space.off.items() if n != knob.name}
    return knob.name in space.off and space.off[knob.name] == never_used(knob, space.knobs, space.fixed, others)


def _refuse_idle(space: SearchSpace, narrowed: SearchSpace, asked: Iterable[str]) -> None:
    """A wish for a knob that another wish puts out of use is a contradiction."""
    for name in asked:
        if name in narrowed.off and (name not in space.off or _waits(space, space.parameter(name))):
            raise TunerError(f"{name} was set but has no effect: it is {narrowed.off[name]}", "leave one of them out")


def _refuse_idle_in_baseline(narrowed: SearchSpace, start: Mapping[str, Value]) -> None:
    for name in start:
        if name not in narrowed.baseline:
            when = " and ".join(describe_condition(c) for c in narrowed.parameter(name).when)
            raise TunerError(
                f"baseline.{name} has no effect: it is used only when {when}, and the baseline is not so",
                f"set that in the baseline too, or leave baseline.{name} out",
            )
