"""Tables for a reader after a command: targets, metrics, what to type next."""

from __future__ import annotations

import io
import shlex
import shutil
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from engines.registry import load_engine
from tuner.report.wording import knob_value, number

if TYPE_CHECKING:
    from tuner.events import Outcome

_PLAIN_WIDTH = 140
_MET = {True: "met", False: "missed"}


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
    """What the display's own summary leaves out: the export command of each target that the engine has."""
    if outcome.deploy is None:
        return
    stream.write("\nexport:\n")
    for command, purpose in export_commands(outcome.deploy["study"], outcome.deploy["engine"]["name"]):
        stream.write(f"  {command}  # {purpose}\n")


def export_commands(study: str, engine: str) -> list[tuple[str, str]]:
    """(command to type, what it makes) for each of the engine's export targets."""
    targets = load_engine(engine).export_targets
    return [
        (shlex.join(["python", "-m", "tuner", "export", study, "--target", name, "--out", f"serve-{name}"]), purpose)
        for name, purpose in targets.items()
    ]


def print_targets(verdicts: Sequence[Mapping[str, Any]], stream: TextIO) -> None:
    """Measured, target, met or not, the factor missing; nothing when there are no targets."""
    if not verdicts:
        return
    rows = [
        (
            v["metric"],
            v["wanted"],
            measured_text(v["value"], v["unit"]),
            met_text(v),
            gap_text(v["gap"]),
            v["source"],
        )
        for v in verdicts
    ]
    stream.write("\n")
    print_table(stream, ("target for", "wanted", "measured", "", "missing", "in its words"), rows, left=(0, 5))


def met_text(verdict: Mapping[str, Any]) -> str:
    """`met`, `missed`, or why that is open: the metric, or the default to compare with, was not measured."""
    if verdict["met"] is None:
        return "not measured" if verdict["value"] is None else "no default to compare with"
    return _MET[verdict["met"]]


def gap_text(gap: float | None) -> str:
    """`3.77x`: by how much the value would have to improve."""
    return "" if gap is None else f"{number(gap, 3 if gap < 10 else 2)}x"


def measured_text(value: float | None, unit: str) -> str:
    """A bare value with its unit, or `—`."""
    return "—" if value is None else f"{number(value)} {unit}".rstrip()


def metric_rows(metrics: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Name and `412 ± 3.1 tok/s` of each metric document `{value, ci95, unit}`."""
    rows = []
    for name, document in metrics.items():
        ci95 = document["ci95"]
        half = "" if ci95 is None else f" ± {number((ci95[1] - ci95[0]) / 2, 2)}"
        rows.append(
            (
                name,
                "—" if document["value"] is None else f"{number(document['value'])}{half} {document['unit']}".rstrip(),
            )
        )
    return rows


def params_line(params: Mapping[str, Any]) -> str:
    """`n_threads=2 flash_attn=on`."""
    return " ".join(f"{name}={knob_value(value)}" for name, value in params.items())
