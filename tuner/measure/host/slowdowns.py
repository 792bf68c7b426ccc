"""What slows a machine down without taking CPU time: waiting for a core, lower clocks, a device that is held back."""

from __future__ import annotations

import os
from pathlib import Path
from statistics import fmean

from tuner.measure.host.nvml import ask, devices

_PRESSURE_FILES = (Path("/sys/fs/cgroup/cpu.pressure"), Path("/proc/pressure/cpu"))
_CPU = Path("/sys/devices/system/cpu")
_BAD_REASONS = 0x8 | 0x20 | 0x40 | 0x80
"""Of NVML's clock event reasons: hardware slowdown, software and hardware thermal slowdown, power brake. A power cap
is none of them: a device that works hard runs into it whenever it does."""


def pressure_seconds() -> float | None:
    """Seconds for which some task of this control group, or else of the machine, has waited for a core; None if untold.

    Pressure stall information of Linux (Documentation/accounting/psi.rst).
    """
    for file in _PRESSURE_FILES:
        try:
            some = next(line for line in file.read_text().splitlines() if line.startswith("some"))
            return int(some.rpartition("total=")[2]) / 1e6
        except (OSError, ValueError, StopIteration):
            continue
    return None


def cpu_mhz() -> float | None:
    """The mean clock of the cores that this process may use, now; None where the system does not tell."""
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else ()
    clocks = []
    for number in allowed:
        try:
            clocks.append(int((_CPU / f"cpu{number}" / "cpufreq" / "scaling_cur_freq").read_text()) / 1e3)
        except (OSError, ValueError):
            return None
    return round(fmean(clocks), 1) if clocks else None


def device_clocks() -> tuple[float | None, bool]:
    """(MHz of the slowest visible device's processors, whether one is slowed down by heat or a failing supply)."""
    handles = devices()
    if not handles:
        return None, False
    clocks = [mhz for handle in handles if (mhz := ask("nvmlDeviceGetClockInfo", handle, 1)) is not None]  # 1: SM
    reasons = [ask("nvmlDeviceGetCurrentClocksThrottleReasons", handle) or 0 for handle in handles]
    return (float(min(clocks)) if clocks else None), any(bits & _BAD_REASONS for bits in reasons)
