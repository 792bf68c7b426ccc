"""Tables for a reader after a command: targets, metrics, what to type next."""

from __future__ import annotations

import io
import shlex
import shutil
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TextIO

from engines.registry import load_engine
from search_spaces.parameter import Params
from tuner.core.targets import TargetVerdict
from tuner.core.trial import MetricValue
from tuner.results.studies import reference_to
from tuner.results.summary import TARGET_HEAD, keep_advice, target_cells
from tuner.results.wording import knob_value, with_interval

if TYPE_CHECKING:
    from tuner.core.events import Outcome

_PLAIN_WIDTH = 140


def print_table(stream: TextIO, head: Sequence[str], rows: Sequence[Sequence[str]], left: Sequence[int] = (0,)) -> None:
    """A table without borders: columns of `left` begin at the left, the others end at the right."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for index, name in enumerate(head):
        table.add_column(name, justify="left" if index in left else "right", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    # Rich would end the process by itself when the reader of a pipe is gone.
    terminal = stream.isatty()
    width = shutil.get_terminal_size().columns if terminal else _PLAIN_WIDTH
    text = io.StringIO()
    Console(file=text, width=width, force_terminal=terminal, highlight=False).print(table)
    stream.write("".join(line.rstrip() + "\n" for line in text.getvalue().splitlines()))


def print_after_sweep(outcome: Outcome, stream: TextIO) -> None:
    """What the display's own summary leaves out: the export command of each target that the engine has.

    Where the default is kept, what to do comes first. A command stands alone on its line: an interactive zsh takes a
    comment behind it for arguments.
    """
    if outcome.deploy is None:
        return
    if advice := keep_advice(outcome.deploy):
        stream.write(f"\n{advice}\n")
    stream.write("\nexport:\n")
    for command, purpose in export_commands(reference_to(outcome.directory), outcome.deploy.engine.name):
        stream.write(f"  {purpose}:\n    {command}\n")


def export_commands(study: str, engine: str) -> list[tuple[str, str]]:
    """(command to type, what it makes) for each of the engine's export targets."""
    targets = load_engine(engine).export_targets
    return [
        (shlex.join(["python", "-m", "tuner", "export", study, "--target", name, "--out", f"serve-{name}"]), purpose)
        for name, purpose in targets.items()
    ]


def print_targets(verdicts: Sequence[TargetVerdict], stream: TextIO) -> None:
    """The table that also ends a sweep: target, wanted, measured, verdict; nothing when there are no targets."""
    if verdicts:
        stream.write("\n")
        print_table(stream, TARGET_HEAD, target_cells(verdicts), left=range(len(TARGET_HEAD)))


def metric_rows(metrics: Mapping[str, MetricValue]) -> list[tuple[str, str]]:
    """Name and `412 ± 3.1 tok/s` of each metric."""
    return [(name, with_interval(metric)) for name, metric in metrics.items()]


def params_line(params: Params) -> str:
    """`n_threads=2 flash_attn=on`."""
    return " ".join(f"{name}={knob_value(value)}" for name, value in params.items())
