"""`bench`: measure one configuration."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from search_spaces.errors import TunerError
from tuner.cli.commands.arguments import OVERRIDES_HELP, add_task
from tuner.cli.console import Console

if TYPE_CHECKING:
    from tuner.measure.bench import Bench, BenchDocument

NAME = "bench"
HELP = "measure one configuration: the default, params.KNOB=VALUE, or deploy=FILE"
EPILOG = f"""\
{OVERRIDES_HELP}  deploy=FILE                             the model and parameters of a deploy.json
  budget.minutes=2                        stop after this long, however few rounds there were
  report=true                             write report.md and bench.json to a folder in outputs
  profile=true                            the same, with a profile: stage times and kernels, if the engine reports them

examples:
  python -m tuner bench llm
  python -m tuner bench llm params.n_threads=4 params.flash_attn=true targets=jane
  python -m tuner bench llm deploy=outputs/latest/deploy.json --json

exit status 1: the configuration cannot be measured here; the reason is in the output
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """TASK and overrides."""
    add_task(parser)


def run(options: argparse.Namespace, console: Console) -> int:
    """Measure once and show it."""
    from tuner.cli.config.compose import compose

    overrides, wanted = files_wanted(options.overrides)
    config = compose(options.task, resolve_deploy(overrides))

    from tuner.core.documents import dump
    from tuner.core.trial import TrialStatus
    from tuner.measure.bench import run_bench
    from tuner.results.display import make_display

    display = make_display(console.progress)
    try:
        bench = run_bench(config, [display], wanted == PROFILE)
    finally:
        display.close()
    _note_another_workload(overrides, bench.document.study.workload.digest, console)
    files = _write(config.outputs, bench, console) if wanted else []
    console.emit({**dump(bench.document), "files": files})
    _print(bench.document, console)
    return 0 if bench.document.status is TrialStatus.OK else 1


REPORT, PROFILE = "report", "profile"


def files_wanted(overrides: Sequence[str]) -> tuple[list[str], str]:
    """The overrides without `report=` and `profile=`, and what they ask for: PROFILE, REPORT or ""."""
    asked = {REPORT: False, PROFILE: False}
    others = []
    for text in overrides:
        name, equals, value = text.partition("=")
        if equals and name in asked:
            asked[name] = _switch(name, value)
        else:
            others.append(text)
    return others, PROFILE if asked[PROFILE] else REPORT if asked[REPORT] else ""


def _switch(name: str, value: str) -> bool:
    if value.strip().lower() not in ("true", "false"):
        raise TunerError(f"{name}={value} is neither true nor false", f"write {name}=true")
    return value.strip().lower() == "true"


def _write(outputs: Path, bench: Bench, console: Console) -> list[str]:
    from tuner.results.report.bench import write_bench

    written = write_bench(outputs / f"bench-{bench.document.study.name}", bench)
    for file in written:
        console.note(f"wrote {file}")
    return [str(file) for file in written]


def resolve_deploy(overrides: Sequence[str]) -> list[str]:
    """The overrides with `deploy=FILE` replaced by those that the file stands for, first so that others win."""
    from tuner.cli.config.replay import replay

    file = _deploy_file(overrides)
    others = [text for text in overrides if not text.startswith("deploy=")]
    if file is None:
        return others
    own_model = any(text.startswith("model=") for text in others)
    return [*replay(file, with_model=not own_model), *others]


def _deploy_file(overrides: Sequence[str]) -> Path | None:
    from tuner.cli.config.overrides import unquote
    from tuner.core.paths import user_path

    given = [text.partition("=")[2] for text in overrides if text.startswith("deploy=")]
    return user_path(unquote(given[-1])) if given else None


def _note_another_workload(overrides: Sequence[str], digest: str, console: Console) -> None:
    """Say so when the figures of a deploy.json are of another workload than the one measured now."""
    from tuner.results.export.document import read_deploy

    file = _deploy_file(overrides)
    if file is not None and (theirs := read_deploy(file).workload.digest) != digest:
        console.note(
            f"note: this workload ({digest}) is not the one that {str(file)!r} was measured on ({theirs}): "
            "its figures cannot be compared with these"
        )


def _print(measured: BenchDocument, console: Console) -> None:
    from tuner.core.trial import TrialStatus
    from tuner.measure.host.host_noise import noise_message
    from tuner.results.tables import metric_rows, params_line, print_table, print_targets

    console.print(params_line(measured.params))
    if measured.status is not TrialStatus.OK:
        console.print(f"{measured.status}: {measured.reason}")
    rows = metric_rows({**measured.metrics, **measured.quality})
    if rows:
        print_table(console.human, ("metric", "value"), rows)
    print_targets(measured.targets, console.human)
    if noise := noise_message([measured.host_noise]):
        console.print(f"noise: {noise}")
