"""`show`: the knobs here."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from search_spaces.domains import describe, show
from search_spaces.parameter import SCOPES, Domain, Parameter, Params, Scope, Value
from search_spaces.rules import describe_condition
from tuner.cli.commands.arguments import OVERRIDES_HELP, add_task
from tuner.cli.console import Console

if TYPE_CHECKING:
    from tuner.measure.preparation import Prepared

NAME = "show"
HELP = "show the knobs, their ranges on this machine, and which are off and why"
EPILOG = f"""\
{OVERRIDES_HELP}
examples:
  python -m tuner show llm
  python -m tuner show llm model=models/Q4_K_M.gguf 'space.n_threads=range(1,9)'
"""
_COUNTED_MOST = 100_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """TASK and overrides: the model and the user's ranges change what there is to tune."""
    add_task(parser)


def run(options: argparse.Namespace, console: Console) -> int:
    """Ask the engine and show the space."""
    from tuner.cli.config.compose import compose

    config = compose(options.task, options.overrides)

    from tuner.core.documents import dump
    from tuner.measure.preparation import prepare

    prepared = prepare(config, console.note, for_quality=False)
    shown = shown_space(prepared)
    console.emit(dump(shown))
    _print(shown, console)
    return 0


@dataclass(frozen=True)
class ShownKnob:
    """A knob as `show` tells it: `range` in words, `domain` as data, `when` in words, `stock` as what people run."""

    name: str
    range: str
    kind: str
    domain: Domain
    default: Value
    stock: Value
    unit: str
    when: tuple[str, ...]
    scope: Scope
    affects: tuple[str, ...]
    help: str


@dataclass(frozen=True)
class ShownModel:
    """The model that the space was bound to, and the variants that it comes in or can be made in."""

    name: str
    source: str
    variants: tuple[str, ...]
    native: str


@dataclass(frozen=True)
class ShownSpace:
    """What `show --json` prints. `size` is the number of valid configurations, None when they cannot be counted."""

    space: str
    digest: str
    size: int | None
    engine: Mapping[str, str]
    hardware: str
    model: ShownModel
    facts: Mapping[str, Value]
    knobs: tuple[ShownKnob, ...]
    fixed: Params
    off: Mapping[str, str]
    rules: tuple[str, ...]
    notes: tuple[str, ...]


def shown_space(prepared: Prepared) -> ShownSpace:
    """The space on this machine."""
    space, model, stock = prepared.space, prepared.model, prepared.space.stock_configuration()
    return ShownSpace(
        space=space.name,
        digest=space.digest,
        size=space.size(_COUNTED_MOST),
        engine={"name": prepared.engine.name, **prepared.capabilities.build},
        hardware=prepared.hardware.class_,
        model=ShownModel(model.name, model.source, tuple(sorted(model.variants)), model.native),
        facts={**prepared.capabilities.facts, **model.facts},
        knobs=tuple(_knob(parameter, space.baseline, stock) for parameter in space.parameters),
        fixed=space.fixed,
        off=space.off,
        rules=tuple(rule.describe() for rule in space.rules),
        notes=(*prepared.workload.notes, *space.notes),
    )


def _knob(parameter: Parameter, baseline: Params, stock: Params) -> ShownKnob:
    default = baseline.get(parameter.name, parameter.default)
    return ShownKnob(
        name=parameter.name,
        range=describe(parameter.domain),
        kind=type(parameter.domain).__name__,
        domain=parameter.domain,
        default=default,
        stock=stock.get(parameter.name, default),
        unit=parameter.unit,
        when=tuple(describe_condition(condition) for condition in parameter.when),
        scope=parameter.scope,
        affects=tuple(sorted(parameter.affects)),
        help=parameter.help,
    )


def _print(shown: ShownSpace, console: Console) -> None:
    from tuner.results.tables import print_table

    size = "" if shown.size is None else f", {shown.size} configurations"
    console.print(f"{shown.model.name} with {shown.engine['name']} on {shown.hardware}{size}")
    conditional = any(knob.when for knob in shown.knobs)
    other_stock = any(knob.stock != knob.default for knob in shown.knobs)
    rows = [
        (
            knob.name,
            f"{knob.range} {knob.unit}".rstrip(),
            show(knob.default),
            *([show(knob.stock)] if other_stock else []),
            knob.scope,
            ", ".join(knob.affects),
            *(["; ".join(knob.when)] if conditional else []),
            knob.help,
        )
        for knob in shown.knobs
    ]
    heads = (
        "knob", "range", "default", *(["stock"] if other_stock else []), "scope", "affects",
        *(["only when"] if conditional else []), "what it does",
    )  # fmt: skip
    print_table(console.human, heads, rows, left=range(len(heads)))
    told = {"stock": "what people run who tune nothing"} if other_stock else {}
    told |= {f"scope {scope}": SCOPES[scope] for scope in dict.fromkeys(knob.scope for knob in shown.knobs)}
    _section(console, "columns", [f"{column}: {meaning}" for column, meaning in told.items()])
    _section(console, "fixed", [f"{name} = {show(value)}" for name, value in shown.fixed.items()])
    off: dict[str, list[str]] = {}
    for name, reason in shown.off.items():
        off.setdefault(reason, []).append(name)
    _section(console, "off here", [f"{', '.join(names)}: {reason}" for reason, names in off.items()])
    _section(console, "rules", shown.rules)
    _section(console, "notes", shown.notes)


def _section(console: Console, title: str, lines: Sequence[str]) -> None:
    for line in [f"\n{title}", *(f"  {line}" for line in lines)] if lines else ():
        console.print(line)
