"""The engines by name, and which of them a task uses unless told otherwise. No list to edit: `discovery.py` finds them.

What ships goes before what other packages bring: they cannot replace an engine, nor a task's default.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from engines.base import TASKS, Engine, ForTests
from engines.discovery import Source, installed, shipped
from engines.errors import UnusableEngineError
from search_spaces.errors import TunerError, unknown_name


def engine_names() -> list[str]:
    """All that are there, whether they can be used or not: those that ship first."""
    return list(dict.fromkeys([*shipped(), *(source.name for source in installed())]))


def load_engine(name: str) -> Engine:
    """A new object of the engine called `name`.

    Raises TunerError with the nearest match when there is none, UnusableEngineError where another package's is broken,
    or two packages use the name.
    """
    return (shipped().get(name) or _only(name)).make()


def engines_of(task: str) -> list[Engine]:
    """Those that serve a task and can be used."""
    return [engine for engine in _usable(engine_names()) if engine.task == task]


def offered() -> list[Engine]:
    """Those that a user is told of: all that can be used, but for what ships for tests."""
    found = [engine for task in TASKS for engine in engines_of(task)]
    return [engine for engine in found if not (isinstance(engine, ForTests) and engine.name in shipped())]


def default_engine(task: str) -> str:
    """The engine that says it is the default of a task. Raises TunerError where none does, or two do."""
    ours = set(shipped())
    for names in (ours, set(engine_names()) - ours):
        claims = [e.name for e in _usable(sorted(names)) if e.task == task and e.default_for_task]
        if len(claims) == 1:
            return claims[0]
        if claims:
            raise TunerError(f"{' and '.join(claims)} each say that {task} uses them", "choose with engine=NAME")
    raise TunerError(f"no engine is the default of {task}", "choose with engine=NAME")


def of_other_packages() -> Iterator[tuple[Source, UnusableEngineError | None]]:
    """Each engine that another package brings, and why it cannot be used. All that can be are made once."""
    for source in installed():
        try:
            _only(source.name)
            if source.name in shipped():
                raise UnusableEngineError(
                    f"{source.told} is never used: an engine of that name ships with the tool", "give it another name"
                )
            source.make()
        except UnusableEngineError as error:
            yield source, error
        else:
            yield source, None


def _only(name: str) -> Source:
    """The one of other packages that is called so."""
    found = [source for source in installed() if source.name == name]
    if not found:
        raise unknown_name("engine", name, [engine.name for engine in offered()])
    if len(found) > 1:
        raise UnusableEngineError(
            f"two engines are called {name!r}: of {' and of '.join(source.package for source in found)}",
            "remove one of the packages",
        )
    return found[0]


def _usable(names: Iterable[str]) -> Iterator[Engine]:
    for name in names:
        try:
            yield load_engine(name)
        except UnusableEngineError:
            continue
