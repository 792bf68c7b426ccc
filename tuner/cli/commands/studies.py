"""`studies`: what has been run here."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from search_spaces.errors import TunerError
from tuner.cli.commands.arguments import DEFAULT_OUTPUTS, add_outputs
from tuner.cli.console import Console

if TYPE_CHECKING:
    from tuner.results.studies import StudySummary

NAME = "studies"
HELP = "list what has been run here"
EPILOG = """\
examples:
  python -m tuner studies
  python -m tuner studies --outputs /data/outputs --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--outputs."""
    add_outputs(parser)


def run(options: argparse.Namespace, console: Console) -> int:
    """One line per study, the newest first."""
    from tuner.core.documents import dump
    from tuner.core.paths import user_path
    from tuner.results.studies import list_studies

    found = list_studies(_existing(user_path(options.outputs), options.outputs == DEFAULT_OUTPUTS))
    console.emit([dump(study) for study in found])
    if found:
        _print(found, console)
    else:
        console.print(f"no studies in {options.outputs!r}; `python -m tuner sweep llm` makes one")
    return 0


def _existing(outputs: Path, by_default: bool) -> Path:
    """The folder; the default one is made by the first sweep, any other must be there."""
    if not outputs.is_dir() and not by_default:
        raise TunerError(f"there is no folder {str(outputs)!r}", "name the outputs=DIR of a sweep with --outputs")
    return outputs


def _print(found: list[StudySummary], console: Console) -> None:
    from tuner.results.tables import print_table
    from tuner.results.wording import metric_text, named

    rows = [
        (
            study.name,
            study.model,
            ", ".join(f"{count} {status}" for status, count in study.statuses.items()) or "none",
            "" if study.best is None else named(study.objective, metric_text(study.objective, study.best)),
            "" if study.ratio is None else f"×{study.ratio:.2f}",
            study.verdict or "open",
            study.created_at.replace("T", " ")[:16],
        )
        for study in found
    ]
    print_table(console.human, ("study", "model", "trials", "best", "gain", "verdict", "begun"), rows, left=(0, 1, 2))
