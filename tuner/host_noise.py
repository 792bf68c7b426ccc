"""What else the machine did while a round ran, and whether that spoils the round."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tuner.memory import device_processes

OTHERS_LIMIT = 0.10
"""CPU time taken by others, in cores, above which a round counts as disturbed."""
STEAL_LIMIT = 0.05
"""CPU time taken by the hypervisor, in cores, above which a round counts as disturbed."""

_CPU_STAT_FILES = ("/sys/fs/cgroup/cpu.stat", "/sys/fs/cgroup/cpu/cpu.stat")


@dataclass(frozen=True)
class HostNoise:
    """One round's surroundings. CPU shares are in cores: 0.5 is half a core for the whole round."""

    others_cores: float = 0.0
    steal_cores: float = 0.0
    throttled_share: float = 0.0
    device_processes: int = 0

    @property
    def disturbed(self) -> bool:
        """Whether a round with this noise should be measured again."""
        return bool(
            self.others_cores > OTHERS_LIMIT
            or self.steal_cores > STEAL_LIMIT
            or self.throttled_share > 0
            or self.device_processes > 0
        )


class NoiseWatch:
    """Reads the system's counters when made and again at `stop`; the difference is the round's noise.

    Where the system has no such counters (no /proc), every part is 0 and no round counts as disturbed.
    """

    def __init__(self, worker_pid: int) -> None:
        self._worker_pid = worker_pid
        self._begin = time.monotonic()
        self._busy, self._steal = _cpu_seconds()
        self._own = time.process_time()
        self._throttled = _throttled_seconds()

    def stop(self, worker_cpu_s: float) -> HostNoise:
        """The noise since the watch was made; `worker_cpu_s` is the CPU time of the worker in between."""
        wall_s = max(time.monotonic() - self._begin, 1e-3)
        busy, steal = _cpu_seconds()
        others_s = busy - self._busy - worker_cpu_s - (time.process_time() - self._own)
        return HostNoise(
            others_cores=max(0.0, others_s - _TICK_S) / wall_s,
            steal_cores=max(0.0, steal - self._steal - _TICK_S) / wall_s,
            throttled_share=(_throttled_seconds() - self._throttled) / wall_s,
            device_processes=_foreign_device_processes(self._worker_pid),
        )


def summary(rounds: Sequence[HostNoise]) -> Mapping[str, float]:
    """A trial's rounds in numbers: the share that was disturbed and the mean of each part."""
    if not rounds:
        return {}
    return {
        "disturbed_share": sum(r.disturbed for r in rounds) / len(rounds),
        "others_cores": sum(r.others_cores for r in rounds) / len(rounds),
        "steal_cores": sum(r.steal_cores for r in rounds) / len(rounds),
        "throttled_share": sum(r.throttled_share for r in rounds) / len(rounds),
        "device_processes": float(max(r.device_processes for r in rounds)),
    }


_TICK_S = 1 / os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 0.0
"""The counters' resolution, which is taken off so that an idle machine reads as idle."""


def _cpu_seconds() -> tuple[float, float]:
    """Busy and stolen CPU seconds of the whole system since boot, from /proc/stat (proc(5))."""
    try:
        fields = [int(f) for f in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    except (OSError, ValueError):
        return 0.0, 0.0
    user, nice, system, _idle, _iowait, irq, softirq, steal = fields
    return (user + nice + system + irq + softirq) * _TICK_S, steal * _TICK_S


def _foreign_device_processes(worker_pid: int) -> int:
    """How many processes on the devices are neither this one nor started by it, such as a tournament's other workers.

    Inside a container the driver may give the host's numbers: those stand for no process here, and may be ours.
    """
    computing = device_processes()
    if not computing:
        return 0
    import psutil

    ours = {worker_pid, os.getpid(), *(child.pid for child in psutil.Process().children(recursive=True))}
    return sum(psutil.pid_exists(pid) for pid in computing - ours)


def _throttled_seconds() -> float:
    """Seconds for which the cgroup's CPU quota has held this process back (cgroup v2 in µs, v1 in ns)."""
    for file in _CPU_STAT_FILES:
        try:
            lines = dict(line.split() for line in Path(file).read_text().splitlines())
        except (OSError, ValueError):
            continue
        if "throttled_usec" in lines:
            return int(lines["throttled_usec"]) / 1e6
        if "throttled_time" in lines:
            return int(lines["throttled_time"]) / 1e9
    return 0.0
