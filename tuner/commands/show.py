"""`show`: the knobs here."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tuner.commands.arguments import OVERRIDES_HELP, add_task
from tuner.console import Console

if TYPE_CHECKING:
    from engines.base import Capabilities, Model
    from search_spaces.parameter import Domain, Parameter
    from search_spaces.space import SearchSpace

NAME = "show"
HELP = "show the knobs, their ranges on this machine, and which are off and why"
EPILOG = f"""\
{OVERRIDES_HELP}
examples:
  python -m tuner show llm
  python -m tuner show llm model=models/Q4_K_M.gguf 'space.n_threads=range(1,9)'
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """TASK and overrides: the model and the user's ranges change what there is to tune."""
    add_task(parser)


def run(options: argparse.Namespace, console: Console) -> int:
    """Ask the engine and show the space."""
    from tuner.config import compose

    config = compose(options.task, options.overrides)

    from tuner.study import open_space

    space, capabilities, model = open_space(config)
    console.emit(space_document(space, capabilities, model))
    _print(space, model, console)
    return 0


def space_document(space: SearchSpace, capabilities: Capabilities, model: Model) -> dict[str, Any]:
    """What `show --json` prints."""
    return {
        "space": space.name,
        "digest": space.digest,
        "model": {"name": model.name, "variants": sorted(model.variants), "native": model.native},
        "build": dict(capabilities.build),
        "facts": {**capabilities.facts, **model.facts},
        "knobs": [_knob(parameter, space) for parameter in _parameters(space)],
        "off": [{"name": name, "reason": reason} for name, reason in space.off.items()],
    }


def _parameters(space: SearchSpace) -> Iterator[Parameter]:
    yield from space.parameters


def _knob(parameter: Parameter, space: SearchSpace) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "name": parameter.name,
        "kind": type(parameter.domain).__name__,
        **asdict(parameter.domain),
        "default": space.baseline.get(parameter.name, parameter.default),
        "unit": parameter.unit,
        "when": [{"name": c.name, "values": list(c.values)} for c in parameter.when],
        "scope": parameter.scope,
        "affects": sorted(parameter.affects),
        "help": parameter.help,
    }


def _print(space: SearchSpace, model: Model, console: Console) -> None:
    from tuner.report.wording import knob_value
    from tuner.summary import print_table

    console.print(f"{space.name}: the knobs for {model.name} on this machine")
    rows = [
        (
            parameter.name,
            domain_text(parameter.domain) + f" {parameter.unit}".rstrip(),
            knob_value(space.baseline.get(parameter.name, parameter.default)),
            parameter.scope,
            ", ".join(sorted(parameter.affects)),
            _when_text(parameter),
            parameter.help,
        )
        for parameter in _parameters(space)
    ]
    print_table(
        console.human, ("knob", "range", "default", "scope", "affects", "only when", ""), rows, left=(0, 1, 3, 4, 5, 6)
    )
    if space.off:
        console.print("\noff here:")
        print_table(console.human, ("knob", "because"), list(space.off.items()), left=(0, 1))


def domain_text(domain: Domain) -> str:
    """`1 … 8`, `32 … 4096 (log)`, `off, on`."""
    from search_spaces.parameter import Choices, FloatRange
    from tuner.report.wording import knob_value

    if isinstance(domain, Choices):
        return ", ".join(knob_value(value) for value in domain.values)
    step = "" if isinstance(domain, FloatRange) or domain.step == 1 else f" step {domain.step}"
    return f"{knob_value(domain.low)} … {knob_value(domain.high)}{step}{' (log)' if domain.log else ''}"


def _when_text(parameter: Parameter) -> str:
    from tuner.report.wording import knob_value

    return "; ".join(f"{c.name} is {' or '.join(knob_value(v) for v in c.values)}" for c in parameter.when)
