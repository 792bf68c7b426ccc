"""The state of this machine for tuning: hardware, engine builds, what is missing and how to get it."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from engines.base import TASKS
from engines.cache import cache_root
from engines.errors import UnusableEngineError
from engines.registry import default_engine, load_engine, of_other_packages
from search_spaces.errors import TunerError
from search_spaces.parameter import Value
from tuner.core.hardware import HardwareProfile
from tuner.core.metrics import check_metrics
from tuner.measure.host.hardware import detect_hardware

_ASK_TIMEOUT_S = 60.0
_WATCH_S = 1.0
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
class Surroundings:
    """What else runs now: cores taken by others and by the hypervisor, processes on the GPUs, and who is busiest.

    The cores are 0 where the system does not tell them (`watched` is false).
    """

    quiet: bool
    others_cores: float
    steal_cores: float
    device_processes: int
    busiest: tuple[str, ...] = ()
    watched: bool = True


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
            if engine.missing and not engine.needed:
                lines.append(f"{engine.name}: {engine.missing}; {engine.remedy}".rstrip("; "))
            if unused := engine.build.get("unused"):
                lines.append(f"{engine.name}: {unused}; rebuild it: {engine.build.get('rebuild', '')}".rstrip(": "))
        if not self.surroundings.quiet:
            busiest = f" (busiest: {', '.join(self.surroundings.busiest)})" if self.surroundings.busiest else ""
            lines.append(f"the machine is busy{busiest}: measurements will be repeated and take longer")
        return lines

    @property
    def healthy(self) -> bool:
        """Whether every task's engine, or those asked for, can run and results can be written."""
        return not any(e.missing and e.needed for e in self.engines) and self.cache.writable and self.outputs.writable


def diagnose(engines: Sequence[str] = ()) -> Diagnosis:
    """Look at everything; `engines` are those of every task, and those of other packages, unless named.

    Takes a second and what the engines take.
    """
    return Diagnosis(
        hardware=detect_hardware(),
        engines=tuple(_engine_state(name) for name in engines) or (*_of_tasks(), *_of_other_packages()),
        cache=_place(cache_root(), measured=True),
        outputs=_place(Path.cwd()),
        surroundings=_surroundings(),
    )


def _of_tasks() -> list[EngineState]:
    return [_engine_state(default_engine(task)) for task in TASKS]


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


def _surroundings() -> Surroundings:
    """Watch the machine for a second, this process asleep."""
    import psutil

    from tuner.measure.host.host_noise import NoiseWatch

    watch = NoiseWatch(os.getpid())
    processes = {p.pid: p for p in psutil.process_iter(["name"]) if p.pid != os.getpid()}
    before = {pid: _cpu_s(p) for pid, p in processes.items()}
    time.sleep(_WATCH_S)
    noise = watch.stop(worker_cpu_s=0.0)
    used = {pid: _cpu_s(p) - before[pid] for pid, p in processes.items()}
    busiest = sorted((pid for pid in used if used[pid] > 0.05 * _WATCH_S), key=lambda pid: -used[pid])[:3]
    return Surroundings(
        quiet=not replace(noise, idle_share=0.0).disturbed,  # a sweep will fill the cores that are idle now
        others_cores=round(noise.others_cores, 3),
        steal_cores=round(noise.steal_cores, 3),
        device_processes=noise.device_processes,
        busiest=tuple(f"{processes[pid].info['name']} ({pid})" for pid in busiest),
        watched=noise.watched,
    )


def _cpu_s(process: Any) -> float:
    """CPU seconds of a process so far; 0 once it is gone."""
    import psutil

    try:
        times = process.cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system)
