"""What the exports of every engine share: the choice of the target, and what the files say in their comments."""

from __future__ import annotations

import json
import pprint
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from engines.base import ExportFile
from engines.cache import cache_root
from engines.deploy import Deployment
from search_spaces.errors import unknown_name

Maker = Callable[[Deployment], list[ExportFile]]
"""From a measured configuration to the files of one target."""


def files_of(target: str, deploy: Deployment, makers: Mapping[str, Maker]) -> list[ExportFile]:
    """The files of `target`. Raises TunerError when no maker is called so."""
    if target not in makers:
        raise unknown_name("export target", target, makers)
    return makers[target](deploy)


def place_notes(deploy: Deployment) -> list[str]:
    """What to know of the place that the model's file lies in."""
    if not Path(deploy.path).is_relative_to(cache_root()):
        return []
    return [
        "the model lies in the tuner's cache, and goes when that is cleared: copy it to where production keeps its "
        "models, and name that path instead"
    ]


def filled(template: str, deploy: Deployment, values: Mapping[str, object]) -> str:
    """A Python module: `template` with `{title}`, and with `{values}` as assignments of constants under the notes."""
    assignments = [f"{name} = {pprint.pformat(value, width=100, sort_dicts=False)}" for name, value in values.items()]
    comments = [f"# {note}" for note in place_notes(deploy)]
    return template.format(title=repr(title(deploy)), values="\n".join([*comments, *assignments]))


def command_files(
    program: str, options: Sequence[Sequence[str]], notes: Sequence[str], deploy: Deployment
) -> list[ExportFile]:
    """The command as an argument vector with its notes (PROGRAM.json), and as a script (PROGRAM.sh).

    The script takes further arguments, and another program from an environment variable of its name.
    """
    vector = [program, *(word for option in options for word in option)]
    told = [one_line(text) for text in (title(deploy), *notes)]
    comments = [f"# {text}" for text in told]
    variable = program.upper().replace("-", "_")
    command = [f'exec "${{{variable}:-{program}}}"', *map(shlex.join, options), '"$@"']
    script = "\n".join(["#!/bin/sh", *comments, " \\\n  ".join(command)]) + "\n"
    document = json.dumps({"argv": vector, "notes": told}, indent=2) + "\n"
    return [ExportFile(f"{program}.json", document), ExportFile(f"{program}.sh", script, executable=True)]


def title(deploy: Deployment) -> str:
    """Which configuration of which study it is, and what was proven of it."""
    of = f"{deploy.model} {deploy.quantization}".rstrip()
    return f"{of}, from study {deploy.study}{f': {deploy.proof}' if deploy.proof else ''}."


def one_line(text: str) -> str:
    """Comments end at a line's end: a name may hold any character."""
    return " ".join(text.split())
