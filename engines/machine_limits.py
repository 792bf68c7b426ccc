"""How many cores and how much memory this process may use: affinity, control groups (v1, v2), the machine."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

_V1_UNLIMITED = 2**62
"""cgroup v1 writes "no limit" as the largest multiple of the page size below 2^63."""


def usable_cores(root: Path = Path("/")) -> int:
    """Cores of the affinity mask, at most the tightest CPU quota's; at least 1.

    A quota's part of a core counts as a core: as many threads can be of use, and measuring decides whether they are.
    """
    quotas = [quota for folder in _groups(root, "cpu") if (quota := _quota_cores(folder)) is not None]
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([affinity, *(math.ceil(q) for q in quotas)]))


def permitted_cpus(root: Path = Path("/")) -> frozenset[int] | None:
    """The CPUs that this process may pin a thread to: those of its control group's cpuset; None without one.

    An affinity that it was started with does not count, because a process may widen that again.
    """
    for folder in _groups(root, "cpuset"):
        for name in ("cpuset.cpus.effective", "cpuset.effective_cpus", "cpuset.cpus"):
            if found := listed_cpus(folder / name):
                return found
    return None


def listed_cpus(file: Path) -> frozenset[int]:
    """CPUs in the kernel's list format (`0-3,8`), none where the file tells none."""
    found: set[int] = set()
    try:
        for part in file.read_text().strip().split(","):
            first, _, last = part.partition("-")
            found.update(range(int(first), int(last or first) + 1))
    except (OSError, ValueError):
        return frozenset()
    return frozenset(found)


def memory_limit_bytes(root: Path = Path("/")) -> int:
    """The machine's memory, or the tightest control group's limit where that is less."""
    import psutil

    limits = [limit for folder in _groups(root, "memory") if (limit := _limit_bytes(folder)) is not None]
    return min([int(psutil.virtual_memory().total), *limits])


def memory_available_bytes(root: Path = Path("/")) -> int:
    """What a new process can take: the system's estimate, at most what the tightest control group has left.

    A group's usage counts file pages that the kernel gives back on demand; those do not count as taken.
    """
    import psutil

    left = [left for folder in _groups(root, "memory") if (left := _left_bytes(folder)) is not None]
    return max(0, min([int(psutil.virtual_memory().available), *left]))


def _left_bytes(folder: Path) -> int | None:
    limit = _limit_bytes(folder)
    used = _words(folder / "memory.current", 1) or _words(folder / "memory.usage_in_bytes", 1)
    if limit is None or used is None or not used[0].isdigit():
        return None
    return limit - int(used[0]) + _reclaimable_bytes(folder)


def _reclaimable_bytes(folder: Path) -> int:
    try:
        lines = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        return 0
    return int(lines.get("total_inactive_file", lines.get("inactive_file", 0)))


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """The folders of this process's control groups for `controller`, each with all its parents up to the mount.

    In a container the path in /proc/self/cgroup is often one of the host's that does not exist inside: then the mount
    itself, which is the container's own group, is what remains.
    """
    for mount, path in _memberships(root, controller):
        folder = mount / path.lstrip("/")
        while folder != mount:
            if folder.is_dir():
                yield folder
            folder = folder.parent
        yield mount


def _memberships(root: Path, controller: str) -> Iterator[tuple[Path, str]]:
    """(mount point, path below it) from lines `ID:CONTROLLERS:PATH`; no controllers mean version 2 (cgroups(7))."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        if not names:
            yield root / "sys/fs/cgroup", path
        elif controller in names.split(","):
            yield root / "sys/fs/cgroup" / controller, path


def _quota_cores(folder: Path) -> float | None:
    """Cores that the quota of a group amounts to; None without a quota."""
    quota, period = _words(folder / "cpu.max", 2) or (
        *(_words(folder / "cpu.cfs_quota_us", 1) or ("max",)),
        *(_words(folder / "cpu.cfs_period_us", 1) or ("100000",)),
    )
    if not quota.isdigit() or not period.isdigit() or int(period) == 0:
        return None
    return int(quota) / int(period)


def _limit_bytes(folder: Path) -> int | None:
    """The memory limit of a group; None without one."""
    words = _words(folder / "memory.max", 1) or _words(folder / "memory.limit_in_bytes", 1)
    if not words or not words[0].isdigit() or int(words[0]) >= _V1_UNLIMITED:
        return None
    return int(words[0])


def _words(file: Path, count: int) -> tuple[str, ...] | None:
    """The words of a one-line file when there are `count` of them, else None."""
    try:
        words = tuple(file.read_text().split())
    except (OSError, UnicodeDecodeError):
        return None
    return words if len(words) == count else None
