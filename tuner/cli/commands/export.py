"""`export`: production files from a study's winner."""

from __future__ import annotations

import argparse

from tuner.cli.commands.arguments import add_outputs
from tuner.cli.console import Console

NAME = "export"
HELP = "write the files that production starts from"
EPILOG = """\
STUDY is a name, a folder, `latest`, or the path of a deploy.json.

examples:
  python -m tuner export latest --target python --out src/myservice/ --overwrite
  python -m tuner export outputs/my-study/deploy.json --target python --out serve/
"""


def more_help() -> str:
    """The targets of every engine."""
    from engines.registry import offered

    lines = ["", "targets, by the study's engine:"]
    for engine in offered():
        lines += [f"  {engine.name}", *(f"    {name:<24} {purpose}" for name, purpose in engine.export_targets.items())]
    return "\n".join([*lines, ""])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """STUDY and where to."""
    parser.add_argument("study", metavar="STUDY", help="a name, a folder, `latest`, or a deploy.json")
    parser.add_argument("--target", metavar="NAME", required=True, help="the export target, see below")
    parser.add_argument("--out", metavar="DIR", required=True, help="the folder to write to; created if missing")
    parser.add_argument("--overwrite", action="store_true", help="replace existing files that differ")
    add_outputs(parser)


def run(options: argparse.Namespace, console: Console) -> int:
    """Write the files and tell where they are."""
    from tuner.core.paths import user_path
    from tuner.results.export import export

    exported = export(
        options.study,
        options.target,
        user_path(options.out),
        user_path(options.outputs),
        options.overwrite,
        console.note,
    )
    files = [str(path) for path in exported.paths]
    console.emit({"study": exported.study, "target": options.target, "files": files})
    for file in files:
        console.print(file)
    return 0
