"""The state of this machine for tuning: hardware, engine builds, what is missing and how to get it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from engines.base import TASKS
from engines.cache import cache_root
from engines.discovery import shipped
from engines.errors import UnusableEngineError
from engines.registry import default_engine, load_engine, of_other_packages, offered
from search_spaces.errors import TunerError
from search_spaces.parameter import Value
from tuner.core.hardware import HardwareProfile
from tuner.core.metrics import check_metrics
from tuner.measure.host.hardware import detect_hardware
from tuner.measure.host.surroundings import Surroundings, look_around

_ASK_TIMEOUT_S = 60.0
_GIB = 1024**3
_LOW_DISK_GIB = 5.0
"""A language model of a few billion parameters with its variants takes as much."""


@dataclass(frozen=True)
class EngineState:
    """One engine: its build and what it can do here, or what is missing and how to get it.

    `package` is the other package that brings it. Without what is not `needed` every sweep still runs; the `task` of an
    engine that cannot be loaded is "".
    """

    name: str
    task: str
    package: str = ""
    needed: bool = True
    build: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Value] = field(default_factory=dict)
    missing: str = ""
    remedy: str = ""


@dataclass(frozen=True)
class Place:
    """A folder that the tuner writes to. `used_gib` is of the cache only."""

    path: str
    writable: bool
    free_gib: float
    used_gib: float | None = None


@dataclass(frozen=True)
class Diagnosis:
    """Everything that `doctor` tells. `warnings` do not keep a sweep from running; what is missing does."""

    hardware: HardwareProfile
    engines: tuple[EngineState, ...]
    cache: Place
    outputs: Place
    surroundings: Surroundings

    @property
    def warnings(self) -> list[str]:
        """One line each, with what to do."""
        lines = []
        for what, place, remedy in (
            ("cache", self.cache, "set TUNER_CACHE"),
            ("working directory", self.outputs, "give another folder with outputs=DIR"),
        ):
            if not place.writable:
                lines.append(f"the {what} {place.path!r} cannot be written: {remedy}")
            elif place.free_gib < _LOW_DISK_GIB:
                lines.append(
                    f"the {what} {place.path!r} has only {place.free_gib:.1f} GiB free: free space or {remedy}"
                )
        for engine in self.engines:
            if engine.missing and engine.package:
                lines.append(f"{engine.name}: {engine.missing}; {engine.remedy}".rstrip("; "))
            if unused := engine.build.get("unused"):
                lines.append(f"{engine.name}: {unused}; rebuild it: {engine.build.get('rebuild', '')}".rstrip(": "))
        return [*lines, *filter(None, [self.surroundings.warning])]

    @property
    def remarks(self) -> list[str]:
        """What is left to each: one line for each engine whose build could be another, which may not pay."""
        return [f"{engine.name}: {engine.build['remark']}" for engine in self.engines if "remark" in engine.build]

    @property
    def healthy(self) -> bool:
        """Whether every task's engine, or those asked for, can run and results can be written."""
        return not any(e.missing and e.needed for e in self.engines) and self.cache.writable and self.outputs.writable


def diagnose(engines: Sequence[str] = ()) -> Diagnosis:
    """Look at everything; `engines` are all there are unless named, and of these every task's own is needed.

    Takes a second and what the engines take.
    """
    return Diagnosis(
        hardware=detect_hardware(),
        engines=tuple(_engine_state(name) for name in engines) or (*_shipped(), *_of_other_packages()),
        cache=_place(cache_root(), measured=True),
        outputs=_place(Path.cwd()),
        surroundings=look_around(),
    )


def _shipped() -> list[EngineState]:
    """Those that the tasks use unless told otherwise, and then the others, without which every sweep still runs."""
    needed = [default_engine(task) for task in TASKS]
    others = [e.name for e in offered() if e.name in shipped() and e.name not in needed]
    return [replace(_engine_state(name), needed=name in needed) for name in (*needed, *others)]


def _of_other_packages() -> list[EngineState]:
    """None of them is needed. One that cannot be loaded is named with the reason."""
    states = []
    for source, error in of_other_packages():
        if error is None:
            states.append(replace(_engine_state(source.name), package=source.package, needed=False))
        else:
            states.append(EngineState(source.name, "", source.package, False, missing=error.message, remedy=error.hint))
    return states


def _engine_state(name: str) -> EngineState:
    """What the engine tells of itself in a worker. Raises TunerError for one that is not there."""
    from tuner.measure.worker_process import ask

    try:
        task = load_engine(name).task
    except UnusableEngineError as error:
        return EngineState(name, "", missing=error.message, remedy=error.hint)
    try:
        check_metrics(name)
        answer = ask(name, "capabilities", _ASK_TIMEOUT_S)
    except TunerError as error:
        return EngineState(name, task, missing=error.message, remedy=error.hint)
    return EngineState(name, task, build=dict(answer["build"]), facts=dict(answer["facts"]))


def _place(path: Path, measured: bool = False) -> Place:
    """The folder, or the nearest parent that exists where it would be made."""
    standing = next(p for p in (path, *path.parents) if p.exists())
    used = sum(_size(f) for f in path.rglob("*")) / _GIB if measured and path.is_dir() else 0.0 if measured else None
    return Place(
        str(path),
        _writable(standing),
        round(shutil.disk_usage(standing).free / _GIB, 2),
        None if used is None else round(used, 3),
    )


def _writable(folder: Path) -> bool:
    """By trying, because permissions alone do not tell (a read-only mount, root)."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _size(file: Path) -> int:
    try:
        return file.stat().st_size if file.is_file() and not file.is_symlink() else 0
    except OSError:
        return 0
