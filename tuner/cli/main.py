"""The command line: parse, run one command, and turn whatever happens into an exit status and at most two lines.

Nothing heavy is imported here or at the top of a command's module, so that help costs next to nothing.
"""

from __future__ import annotations

import argparse
import errno
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import NoReturn

from search_spaces.errors import EnvironmentLackingError, TunerError, unknown_name
from tuner.cli.commands import bench, doctor, export, models, show, studies, sweep, ui
from tuner.cli.console import Console
from tuner.core import interrupts

COMMANDS = {module.NAME: module for module in (sweep, bench, show, studies, export, models, doctor, ui)}
INTERRUPTED = 130
DEFECT = 70

_EPILOG = """\
examples:
  python -m tuner sweep llm                              the model that ships
  python -m tuner sweep llm model=path/to/f16.gguf       your own model
  python -m tuner export latest --target python --out serve/
  python -m tuner COMMAND --help                         options of a command

exit status: 0 done, 1 the answer is no, 2 the input is wrong, 3 the environment lacks something,
  70 a defect in the tuner, 130 interrupted
"""
_ELSEWHERE = {"report": "every sweep writes its report: outputs/latest/report.html, or that of outputs/STUDY"}
"""What is looked for as a command and is none."""
_FULL = (errno.ENOSPC, errno.EDQUOT)
_LACKING = (*_FULL, errno.EACCES, errno.EPERM, errno.EROFS)


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose complaints are TunerErrors. `more` is help that is put together when it is asked for."""

    more: Callable[[], str] | None = None

    def format_help(self) -> str:
        """The help, with what is put together now at its end."""
        return super().format_help() + (self.more() if self.more else "")

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the usage."""
        raise TunerError(message, f"see `{self.prog} --help`")


def make_parser() -> Parser:
    """The whole command line."""
    parser = Parser(
        prog="python -m tuner",
        description="Find, prove and export the fastest configuration of a voice stack's engines on this machine.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)
    for name, module in COMMANDS.items():
        command = commands.add_parser(
            name,
            help=module.HELP,
            description=module.HELP,
            epilog=module.EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        module.add_arguments(command)
        command.more = getattr(module, "more_help", None)
        command.add_argument("--json", action="store_true", help="one JSON document on standard output, nothing else")
        command.set_defaults(command=name)
    return parser


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The parsed command line; options may stand between overrides. Raises TunerError."""
    first = next((word for word in arguments if not word.startswith("-")), None)
    if first is not None and first not in COMMANDS:
        error = unknown_name("command", first, COMMANDS)
        raise TunerError(error.message, _ELSEWHERE.get(first, error.hint))
    options, rest = make_parser().parse_known_args(list(arguments))
    strange = [word for word in rest if word.startswith("-") or not hasattr(options, "overrides")]
    if strange:
        raise TunerError(f"unknown argument {strange[0]!r}", _hint_on(strange[0], options))
    if rest:
        options.overrides += rest
    return options


def _hint_on(strange: str, options: argparse.Namespace) -> str:
    """What to write in its place where it is an override with dashes, and else where to look."""
    from tuner.cli.config.overrides import KEYS

    key, _, value = strange.lstrip("-").partition("=")
    if hasattr(options, "overrides") and key.partition(".")[0] in KEYS:
        return f"write {key}={value or 'VALUE'}, without dashes"
    return f"see `python -m tuner {options.command} --help`"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    console = Console(json_wanted="--json" in words)
    interrupts.install()
    with console:
        try:
            options = parse(words)
            status: int = COMMANDS[options.command].run(options, console)
            return status
        except TunerError as error:
            console.fail(error)
            return error.exit_status
        except KeyboardInterrupt:
            console.fail(TunerError("interrupted"))
            return INTERRUPTED
        except BrokenPipeError:
            # Whoever read the output has had enough, as `head` does; what is left must not fail again at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        except OSError as error:
            if error.errno not in _LACKING:
                return _defect(console)
            full = error.errno in _FULL
            hint = "free space, or use another folder" if full else "use a folder that may be written, or allow it"
            lacking = EnvironmentLackingError(f"{error.strerror}: {error.filename!r}", hint)
            console.fail(lacking)
            return lacking.exit_status
        except Exception:
            return _defect(console)


def _defect(console: Console) -> int:
    """An error that the tool did not expect: the traceback is what a report of it needs."""
    traceback.print_exc(file=sys.stderr)
    kind, error, _ = sys.exc_info()
    name = kind.__name__ if kind else "error"
    console.fail(TunerError(f"defect in the tuner: {name}: {error}", "report it with the traceback above"))
    return DEFECT
