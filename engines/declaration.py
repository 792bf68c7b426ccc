"""Whether an object is an engine, by what it declares. What it does is for `tests/conformance` to try."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from engines.base import TASKS, Engine, Metric
from search_spaces.errors import TunerError, unknown_name
from search_spaces.template import template_names

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*\Z")
_MEMBERS = sorted({*Engine.__annotations__, *(name for name in vars(Engine) if not name.startswith("_"))})
_CONTRACT = "engines/base.py says what an engine has"


def check_engine(made: Engine, name: str) -> None:
    """Raises TunerError with the first thing that is missing or wrong of what was found under `name`."""
    if lacking := list(_lacking(made)):
        raise TunerError(f"it is no engine: {type(made).__name__} lacks {', '.join(lacking)}", _CONTRACT)
    if made.name != name or not _NAME.match(name):
        raise TunerError(
            f"it calls itself {made.name!r}", "name it alike in both places, with letters, digits, '-' and '_'"
        )
    if made.task not in TASKS:
        raise unknown_name("task", str(made.task), TASKS)
    _check_space(made.space)
    if not isinstance(made.conf, Path):
        raise TunerError(f"its conf is {made.conf!r}, and no Path", _CONTRACT)
    file = made.conf / "engine" / f"{name}.yaml"
    if not file.is_file():
        raise TunerError(f"its configuration is not there: {file}", _CONTRACT)
    for option in made.files:
        if option.partition(".")[0] not in ("model", "workload"):
            raise TunerError(f"the file option {option!r} is none of a model or a workload", _CONTRACT)
    for metric in made.metrics:
        if not isinstance(metric, Metric):
            raise TunerError(f"it declares the metric {metric!r}, which is no Metric", _CONTRACT)


def _lacking(made: object) -> Iterator[str]:
    """Members of the protocol that are not there, or that are inherited from it as they stand."""
    for member in _MEMBERS:
        own = getattr(type(made), member, None)
        if not hasattr(made, member) or (own is not None and own is vars(Engine).get(member)):
            yield member


def _check_space(space: str | Path) -> None:
    if isinstance(space, Path):
        if not space.is_file():
            raise TunerError(f"its search space is not there: {space}", "pack the file with the engine")
    elif space not in (known := template_names()):
        raise unknown_name("search space", space, known)
