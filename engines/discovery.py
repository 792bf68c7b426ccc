"""Where engines come from: the folders beside this file, and other packages that name them in an entry point.

A folder of this package that has an `engine.py` with `ENGINE`, the engine's class, is an engine called like the folder.
Another package names one in its own pyproject.toml:

    [project.entry-points."voice_stack_tuner.engines"]
    mine = "my_package.engine:MyEngine"
"""

from __future__ import annotations

import importlib
import sys
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path

from engines.base import Engine
from engines.declaration import check_engine
from engines.errors import UnusableEngineError
from search_spaces.errors import TunerError

GROUP = "voice_stack_tuner.engines"


@dataclass(frozen=True)
class Source:
    """An engine by its name, not imported yet. `package` is who brings it; "" is this package."""

    name: str
    module: str
    attribute: str
    package: str = ""

    def make(self) -> Engine:
        """A new object of it. Raises UnusableEngineError for one of another package that is of no use."""
        if not self.package:
            return self._made()
        try:
            with redirect_stdout(sys.stderr):  # standard output may be a JSON document
                made = self._made()
            check_engine(made, self.name)
        except TunerError as error:
            raise UnusableEngineError(f"{self.told} is of no use: {error.message}", error.hint) from None
        except (Exception, SystemExit) as error:  # the boundary to code that is not ours
            raise UnusableEngineError(
                f"{self.told} cannot be loaded: {_first_line(error)}",
                f"mend or remove the package; {sys.executable} -c 'import {self.module}' shows the traceback",
            ) from None
        return made

    def _made(self) -> Engine:
        found: object = importlib.import_module(self.module)
        for part in filter(None, self.attribute.split(".")):
            found = getattr(found, part)
        if not isinstance(found, type):
            raise TunerError(f"{self.module}:{self.attribute} is no class", "name the engine's class there")
        engine: Engine = found()
        return engine

    @property
    def told(self) -> str:
        """The engine and its package, for a message."""
        return f"engine {self.name!r} of {self.package}"


@cache
def shipped() -> dict[str, Source]:
    """The engines of this package by name."""
    folders = sorted(file.parent.name for file in Path(__file__).parent.glob("*/engine.py"))
    return {name: Source(name, f"engines.{name}.engine", "ENGINE") for name in folders}


@cache
def installed() -> tuple[Source, ...]:
    """Those of other packages, by name; nothing of theirs is imported."""
    sources = [
        Source(point.name, *_parts(point.value), f"{point.dist.name} {point.dist.version}")
        for point in entry_points(group=GROUP)
        if point.dist is not None
    ]
    return tuple(sorted(set(sources), key=lambda source: (source.name, source.package)))


def _parts(value: str) -> tuple[str, str]:
    """The module and the attribute of `module:attribute [extras]`, whatever else it may be."""
    module, _, attribute = value.partition("[")[0].partition(":")
    return module.strip(), attribute.strip()


def _first_line(error: BaseException) -> str:
    """The kind of an error and what it says, in one line."""
    line = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {line}" if line else type(error).__name__
