"""How many threads a llama-server takes that is not told: `common_cpu_get_num_math` of llama.cpp's common/common.cpp.

It knows nothing of a quota and nothing of the affinity that it was started with, so it may be more than a process can
use. Decoding and prefill get the same number.
"""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from itertools import count
from pathlib import Path

from engines.machine_limits import listed_cpus, permitted_cpus

CPUS = Path("sys/devices/system/cpu")
EFFICIENCY_UNITS = ("cpu_atom", "cpu_lowpower")
"""Performance counters that Linux has of a hybrid Intel's efficiency cores alone. llama.cpp asks the processor itself
(cpuid), which Python cannot; a virtual machine that hides these counters looks like one without such cores."""


def stock_threads(root: Path = Path("/"), machine: str = platform.machine(), system: str = sys.platform) -> int:
    """The number; `root` is where /sys is looked up, `machine` and `system` are as Python names them."""
    if system == "linux" and machine in ("x86_64", "amd64"):
        return _performance_cores(root) or _physical_cores(root)
    if system == "darwin":
        return _apple_cores() or _few_of(os.cpu_count() or 0)
    if system == "win32":
        return _windows_cores() or _few_of(os.cpu_count() or 0)
    if machine.startswith("ppc"):
        cores = _physical_cores(root)
        return cores * max(1, min(len(_online(root)) // cores, 2))
    return _physical_cores(root)


def _performance_cores(root: Path) -> int:
    """Those of a hybrid Intel; 0 of any other, and where a CPU cannot be pinned to.

    It goes through the CPUs that are online by number and passes over the one after each that counts, taking that for
    its second thread: of performance cores without one it takes half, as llama.cpp does.
    """
    efficient = {cpu for unit in EFFICIENCY_UNITS for cpu in listed_cpus(root / "sys/devices" / unit / "cpus")}
    if not efficient:
        return 0
    online, permitted = _online(root), permitted_cpus(root)
    found, cpu = 0, 0
    while cpu < len(online):
        if cpu not in online or (permitted is not None and cpu not in permitted):
            return 0
        if cpu in efficient:
            cpu += 1
        else:
            found, cpu = found + 1, cpu + 2
    return found


def _physical_cores(root: Path) -> int:
    """The sets of CPUs that share a core, up to the first CPU that tells none (one that is offline)."""
    siblings = set()
    for cpu in count():
        try:
            lines = (root / CPUS / f"cpu{cpu}/topology/thread_siblings").read_text().splitlines()
        except (OSError, UnicodeDecodeError):
            break
        siblings.update(lines[:1])
    return len(siblings) or _few_of(len(_online(root)))


def _few_of(cpus: int) -> int:
    """What is taken where nothing tells which CPUs share a core: half, of more than four."""
    if cpus < 1:
        return 4
    return cpus if cpus <= 4 else cpus // 2


def _online(root: Path) -> frozenset[int]:
    return listed_cpus(root / CPUS / "online") or frozenset(range(os.cpu_count() or 0))


def _apple_cores() -> int:
    """The performance cores, or all of a Mac that has one kind; 0 where it tells neither."""
    return _sysctl("hw.perflevel0.physicalcpu") or _sysctl("hw.physicalcpu")


def _sysctl(name: str) -> int:
    """A number of macOS's; 0 without one of that name."""
    value, size = ctypes.c_int32(), ctypes.c_size_t(4)
    failed = ctypes.CDLL(None).sysctlbyname(name.encode(), ctypes.byref(value), ctypes.byref(size), None, 0)
    return 0 if failed else value.value


def _windows_cores() -> int:
    import psutil

    return int(psutil.cpu_count(logical=False) or 0)
