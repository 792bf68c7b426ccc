"""What a worker started: an engine may answer from a server, or share its work among processes.

A worker adopts what its own children leave behind, where the system allows it (`adopt_orphans`), so that everything
that it started descends from it. What another program starts for it (a container's daemon) is not found.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

_MIB = 1024 * 1024
_PROC = Path("/proc")
_TICK_S = 1 / os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 0.0
_STAT_BYTES = 1024
_PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True)
class Below:
    """All that runs below a process now, together.

    `cpu_s` is the CPU time that they and those they waited for have taken, in seconds, to a tick (mostly 10 ms) for
    each; 0 where the system does not tell. `peak_mib` adds up the peak resident memory of each: pages that a fork still
    shares count twice.
    """

    cpu_s: float = 0.0
    peak_mib: float = 0.0


def adopt_orphans() -> None:
    """Let this process be the parent of what its children leave behind, where the system can (Linux)."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)


def has_children() -> bool:
    """Whether anything runs below this process, or may: cheap, so that nobody need look in vain."""
    if not hasattr(os, "waitid"):
        return True
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def waited_cpu_s() -> float:
    """CPU seconds of this process's children that have ended and been waited for."""
    times = os.times()
    return times.children_user + times.children_system


def below(root: int) -> Below:
    """What runs below the process `root` now."""
    if not _PROC.joinpath("self", "stat").exists():
        return Below(peak_mib=_peak_mib_elsewhere(root))
    everyone = {p.pid: p for p in _processes()}
    found = [p for p in everyone.values() if _descends(p, root, everyone)]
    return Below(sum(p.cpu_s for p in found), sum(_peak_mib(p.pid) for p in found))


def is_within(pid: int, root: int) -> bool:
    """Whether `pid` is `root` or runs below it. Asks of it and its parents only, so that it may be polled."""
    if not _PROC.joinpath("self", "stat").exists():
        return pid == root or any(child.pid == pid for child in _descendants_elsewhere(root))
    above: int | None = pid
    while above is not None and above > 1 and above != root:
        one = _process(above)
        above = one.parent if one else None
    return above == root


@dataclass(frozen=True)
class _Process:
    """One process, as proc(5) tells of it; its CPU time with that of the children that it waited for."""

    pid: int
    parent: int
    cpu_s: float


def _descends(one: _Process, root: int, everyone: dict[int, _Process]) -> bool:
    above: _Process | None = one
    while above is not None and above.parent != root:
        above = everyone.get(above.parent)
    return above is not None


def _processes() -> Iterator[_Process]:
    for name in os.listdir(_PROC):  # noqa: PTH208 - twice as fast, and there are hundreds
        if name.isdigit() and (one := _process(int(name))) is not None:
            yield one


def _process(pid: int) -> _Process | None:
    """None once it has ended. The name, in parentheses, may hold any character."""
    try:
        with open(f"{_PROC}/{pid}/stat", "rb", buffering=0) as file:  # noqa: PTH123 - for the same reason
            fields = file.read(_STAT_BYTES).rpartition(b")")[2].split(None, 16)
        ticks = sum(int(field) for field in fields[11:15])
        return _Process(pid, int(fields[1]), ticks * _TICK_S)
    except (OSError, ValueError, IndexError):
        return None


def _peak_mib(pid: int) -> float:
    try:
        lines = _PROC.joinpath(str(pid), "status").read_text().splitlines()
        return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")), 0.0)
    except (OSError, ValueError):
        return 0.0


def _descendants_elsewhere(root: int) -> list[psutil.Process]:
    """On systems without /proc."""
    import psutil

    try:
        return list(psutil.Process(root).children(recursive=True))
    except psutil.Error:
        return []


def _peak_mib_elsewhere(root: int) -> float:
    import psutil

    total = 0.0
    for child in _descendants_elsewhere(root):
        try:
            held = child.memory_info()
        except psutil.Error:
            continue
        total += float(getattr(held, "peak_wset", held.rss)) / _MIB
    return total
