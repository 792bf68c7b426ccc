"""Space files, and binding them to the facts of a machine, a build and a model."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import resources
from itertools import islice
from pathlib import Path

from search_spaces.build import build
from search_spaces.coercion import check_legal, coerce
from search_spaces.domains import contains, describe, show, values
from search_spaces.errors import TunerError, unknown_name
from search_spaces.facts import Expression, Fact, Facts, checked_facts, listed, number
from search_spaces.fitting import on_grid
from search_spaces.parameter import Choices, Domain, FloatRange, IntRange, Parameter, Pattern, Value
from search_spaces.rules import Rule
from search_spaces.space import SearchSpace
from search_spaces.spec import ChoicesSpec, KnobSpec, KnobType, RangeSpec

_ANY: dict[KnobType, Domain] = {"int": IntRange(0, 0), "float": FloatRange(0, 0), "bool": Choices((False, True))}
"""A range of each type, for what depends on the type alone."""


@dataclass(frozen=True)
class Template:
    """A space file: knobs whose ranges, defaults and availability depend on `facts`."""

    name: str
    help: str
    facts: Mapping[str, Fact]
    knobs: Mapping[str, KnobSpec]
    rules: tuple[Rule, ...]

    @staticmethod
    def from_text(text: str, source: str) -> Template:
        """Read the text of a space file; `source` names it in errors. Raises TunerError."""
        from search_spaces.reader import read

        return Template(*read(text, source))

    def bind(self, facts: Facts) -> SearchSpace:
        """The space on this machine. Undeclared facts are ignored; knobs that lack what they need are off.

        A knob whose one possible value is its default is off too, and fixed at it. Raises TunerError when a fact is
        missing or of a wrong type, and when the baseline is out of range or breaks a rule.
        """
        known = checked_facts(self.name, self.facts, facts)
        knobs, off, fixed = [], dict[str, str](), dict[str, Value]()
        for spec in self.knobs.values():
            if reason := _unmet(spec, known):
                knobs.append(_absent(spec, known))
                off[spec.name] = reason
                continue
            knob = _bound(spec, known)
            knobs.append(knob)
            if spec.only_asked:
                fixed[spec.name] = knob.default
                off[spec.name] = f"searched only where space.{spec.name}=... asks for it: {spec.only_asked}"
            elif list(islice(values(knob.domain), 2)) == [knob.default]:
                fixed[spec.name] = knob.default
                only = f"only one value is possible: {show(fixed[spec.name])}"
                off[spec.name] = _text(spec.single, known) or self._alike_here(spec, known) or only
        return build(self.name, knobs, self.rules, fixed, off)

    def _alike_here(self, spec: KnobSpec, facts: Facts) -> str:
        """Why one value stands for others, where it does; else ""."""
        domain = _domain(spec.type, spec.domain, facts, spec.name)
        alike = _alike(spec, domain, facts) if domain else []
        if len(alike) < 2 or spec.saturates_at is None:
            return ""
        fact = self.facts[spec.saturates_at.fact]
        return f"all values from {show(alike[0])} on do the same here ({fact.help}: {show(facts[fact.name])})"

    def check(self, name: str, value: Value, said: str) -> None:
        """Raise TunerError where `name` is no knob, or no machine takes a value of this type; ranges need `bind`.

        `said` is how the user spelled the knob (`params.n_threads`).
        """
        if name not in self.knobs:
            raise unknown_name("knob", name, self.knobs)
        spec = self.knobs[name]
        if spec.type != "choice":
            default = "the machine's" if spec.default.literal is None else spec.default.literal
            aliases = tuple((alias, alias) for alias, _ in spec.aliases)
            coerce(_parameter(spec, _ANY[spec.type], default, None, aliases), value, said)


def load_template(space: str | Path) -> Template:
    """The template `search_spaces/<space>.yaml`, or that of a file elsewhere.

    Raises TunerError with the nearest match when there is none of the name, or when the file cannot be read.
    """
    if isinstance(space, Path):
        try:
            return Template.from_text(space.read_text(encoding="utf-8"), str(space))
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise TunerError(f"the search space {str(space)!r} cannot be read: {reason}", "install it anew") from None
    if space not in (known := template_names()):
        raise unknown_name("search space", space, known)
    file = resources.files("search_spaces") / f"{space}.yaml"
    template = Template.from_text(file.read_text(encoding="utf-8"), f"{space}.yaml")
    if template.name != space:
        raise TunerError(f"{space}.yaml calls itself {template.name!r}", "make its name that of the file")
    return template


def template_names() -> tuple[str, ...]:
    """The search spaces there are, sorted."""
    files = resources.files("search_spaces").iterdir()
    return tuple(sorted(f.name.removesuffix(".yaml") for f in files if f.name.endswith(".yaml")))


def _unmet(spec: KnobSpec, facts: Facts) -> str:
    """Why the knob is off here, from the first need that is not met; "" when all are."""
    for need in spec.needs:
        if not need.fact.holds(facts):
            return _text("; ".join(t for t in (need.reason, need.fix) if t), facts)
    return ""


def _text(template: str, facts: Facts) -> str:
    shown = defaultdict(lambda: "?", {name: show(value) for name, value in facts.items()})
    return template.format_map(shown)


def _bound(spec: KnobSpec, facts: Facts) -> Parameter:
    domain = _domain(spec.type, spec.domain, facts, spec.name)
    limits = spec.legal if isinstance(spec.legal, Pattern | None) else _span(spec.type, spec.legal, facts, spec.name)
    default = spec.default.value(facts, f"the default of {spec.name}")
    aliases = tuple((a, e.value(facts, f"an alias of {spec.name}")) for a, e in spec.aliases)
    knob = _parameter(spec, domain or Choices((default,)), default, limits, aliases)
    if domain is None and limits is None:
        raise TunerError(f"{spec.name} has no value that is possible here", spec.help)
    default = coerce(knob, default, f"the default of {spec.name}")
    if not contains(knob.domain, default) and not contains(knob.legal, default):
        raise TunerError(
            f"the default of {spec.name}, {show(default)}, is not among its values: {describe(knob.domain)}", spec.help
        )
    distinct = _distinct(spec, knob.domain, default, facts)
    limits = limits if distinct == knob.domain else limits or knob.domain
    initial_value = spec.initial_value.value(facts, f"the first value of {spec.name}") if spec.initial_value else None
    stock = spec.stock.value(facts, f"the stock value of {spec.name}") if spec.stock else None
    bound = _parameter(spec, distinct, default, limits, aliases)
    return replace(
        bound, initial_value=initial_value, stock=None if stock is None else check_legal(bound, stock, "stock")
    )


def _distinct(spec: KnobSpec, domain: Domain, default: Value, facts: Facts) -> Domain:
    """The values that make a difference: of those that are alike the default, or else the least, stands for all."""
    alike = _alike(spec, domain, facts)
    if not alike or not isinstance(domain, Choices):
        return domain
    kept = default if default in alike else alike[0]
    return Choices(tuple(v for v in domain.values if v not in alike or v == kept), domain.ordered)


def _alike(spec: KnobSpec, domain: Domain, facts: Facts) -> list[Value]:
    """The values that all do the same, in order."""
    if spec.saturates_at is None or spec.saturates_at.fact not in facts or not isinstance(domain, Choices):
        return []
    start = number(spec.saturates_at.value(facts, f"the values of {spec.name} that are alike"), spec.name)
    return [v for v in domain.values if number(v, spec.name) >= start]


def _absent(spec: KnobSpec, facts: Facts) -> Parameter:
    """An off knob. Its range is shown where facts allow, but never searched."""
    default = spec.default.value(facts, f"the default of {spec.name}")
    try:
        domain = _domain(spec.type, spec.domain, facts, spec.name)
    except TunerError:
        domain = None
    return _parameter(spec, domain or Choices((default,)), default, None, ())


def _parameter(
    spec: KnobSpec,
    domain: Domain,
    default: Value,
    limits: Domain | Pattern | None,
    aliases: tuple[tuple[Value, Value], ...],
) -> Parameter:
    return Parameter(
        spec.name, domain, default, spec.unit, spec.when, spec.scope, spec.affects, spec.help, limits, aliases
    )


def _domain(kind: KnobType, spec: RangeSpec | ChoicesSpec, facts: Facts, name: str) -> Domain | None:
    """The range here; None when nothing is left of it."""
    if isinstance(spec, RangeSpec):
        return _span(kind, spec, facts, name)
    chosen, ordered = spec.values, spec.ordered
    if spec.fact:
        named = listed(Expression(spec.fact).value(facts, f"the choices of {name}"))
        chosen = (*(v for v in chosen if v in named), *(v for v in named if v not in chosen))
        ordered = ordered and all(v in spec.values for v in named)
    if spec.at_most:
        most = number(spec.at_most.value(facts, f"the choices of {name}"), name)
        chosen = tuple(v for v in chosen if not isinstance(v, str) and v <= most)
    if any(isinstance(v, float) for v in chosen):
        chosen = tuple(v if isinstance(v, str) else float(v) for v in chosen)
    return Choices(chosen, ordered) if chosen else None


def _span(kind: KnobType, spec: RangeSpec, facts: Facts, name: str) -> Domain | None:
    low, high = (number(e.value(facts, f"the range of {name}"), name) for e in (spec.low, spec.high))
    if low > high:
        return None
    return (
        FloatRange(float(low), float(high), spec.log)
        if kind == "float"
        else on_grid(int(low), int(high), spec.step, spec.log)
    )
