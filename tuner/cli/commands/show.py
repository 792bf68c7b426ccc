"""`show`: the knobs here."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tuner.cli.commands.arguments import OVERRIDES_HELP, add_task
from tuner.cli.console import Console

if TYPE_CHECKING:
    from search_spaces.parameter import Parameter, Params
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

    from tuner.measure.preparation import prepare

    prepared = prepare(config, console.note, for_quality=False)
    document = space_document(prepared)
    console.emit(document)
    _print(document, console)
    return 0


def space_document(prepared: Prepared) -> dict[str, Any]:
    """What `show --json` prints. `size` is the number of valid configurations, null when they cannot be counted."""
    space, model = prepared.space, prepared.model
    return {
        "space": space.name,
        "digest": space.digest,
        "size": space.size(_COUNTED_MOST),
        "engine": {"name": prepared.engine.name, **prepared.capabilities.build},
        "hardware": prepared.hardware.class_,
        "model": {
            "name": model.name,
            "source": model.source,
            "variants": sorted(model.variants),
            "native": model.native,
        },
        "facts": {**prepared.capabilities.facts, **model.facts},
        "knobs": [_knob(parameter, space.baseline) for parameter in space.parameters],
        "fixed": dict(space.fixed),
        "off": dict(space.off),
        "rules": [rule.describe() for rule in space.rules],
        "notes": list(space.notes),
    }


def _knob(parameter: Parameter, baseline: Params) -> dict[str, Any]:
    from search_spaces.domains import describe
    from search_spaces.rules import describe_condition

    return {
        "name": parameter.name,
        "range": describe(parameter.domain),
        "domain": {"kind": type(parameter.domain).__name__, **asdict(parameter.domain)},
        "default": baseline.get(parameter.name, parameter.default),
        "unit": parameter.unit,
        "when": [describe_condition(condition) for condition in parameter.when],
        "scope": parameter.scope,
        "affects": sorted(parameter.affects),
        "help": parameter.help,
    }


def _print(document: Mapping[str, Any], console: Console) -> None:
    from search_spaces.domains import show
    from tuner.results.tables import print_table

    size = "" if document["size"] is None else f", {document['size']} configurations"
    console.print(f"{document['model']['name']} with {document['engine']['name']} on {document['hardware']}{size}")
    conditional = any(knob["when"] for knob in document["knobs"])
    rows = [
        (
            knob["name"],
            f"{knob['range']} {knob['unit']}".rstrip(),
            show(knob["default"]),
            knob["scope"],
            ", ".join(knob["affects"]),
            *(["; ".join(knob["when"])] if conditional else []),
            knob["help"],
        )
        for knob in document["knobs"]
    ]
    heads = ("knob", "range", "default", "scope", "affects", *(["only when"] if conditional else []), "what it does")
    print_table(console.human, heads, rows, left=range(len(heads)))
    _section(console, "fixed", [f"{name} = {show(value)}" for name, value in document["fixed"].items()])
    _section(console, "off here", [f"{name}: {reason}" for name, reason in document["off"].items()])
    _section(console, "rules", document["rules"])
    _section(console, "notes", document["notes"])


def _section(console: Console, title: str, lines: Sequence[str]) -> None:
    for line in [f"\n{title}", *(f"  {line}" for line in lines)] if lines else ():
        console.print(line)
