"""`sweep`: search, prove, export."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from tuner.cli.commands.arguments import OVERRIDES_HELP, add_task
from tuner.cli.console import Console

if TYPE_CHECKING:
    pass

NAME = "sweep"
HELP = "search for the fastest configuration and prove it against the default"
EPILOG = f"""\
{OVERRIDES_HELP}
examples:
  python -m tuner sweep llm
  python -m tuner sweep llm model=models/f16.gguf objective=ftl_ms constraints.kld=0.02
  python -m tuner sweep llm 'objective=[decode_tokens_per_second,rss_peak_mib]' budget=thorough
  python -m tuner sweep llm params.quantization=Q4_K_M 'space.n_threads=range(1,9)' targets=jane
  python -m tuner sweep stt model=ggml-base.en.bin workload.audio=recordings/ constraints.wer=0.05

A study lives in outputs/NAME/. Rerun the command to resume it; Ctrl-C keeps every finished trial.
"""
EXIT_STATUS = {
    "gain": 0, "keep_default": 0, "only_feasible": 0, "undecided": 1, "no_feasible": 1, "interrupted": 130,
}  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """TASK and overrides."""
    add_task(parser)


def run(options: argparse.Namespace, console: Console) -> int:
    """Run the study to its verdict."""
    from tuner.cli.config.compose import compose

    config = compose(options.task, options.overrides)

    from tuner.core.documents import dump
    from tuner.measure.host.surroundings import look_around
    from tuner.results.display import make_display
    from tuner.results.summary import SweepDocument
    from tuner.results.tables import print_after_sweep
    from tuner.results.tracking import make_tracker
    from tuner.study.study import run_study

    display = make_display(console.human)
    try:
        outcome = run_study(
            config,
            [display, make_tracker(config, display.notice)],
            surroundings=lambda: look_around().warning,
        )
    finally:
        display.close()
    print_after_sweep(outcome, console.human)
    console.emit(dump(SweepDocument.of(outcome)))
    return EXIT_STATUS[outcome.verdict]
