"""What else runs on this machine now, before anything is measured."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from typing import Any

_WATCH_S = 1.0


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

    @property
    def warning(self) -> str:
        """That the machine is busy, with whom, and what comes of it; "" where it is quiet."""
        busiest = f" (busiest: {', '.join(self.busiest)})" if self.busiest else ""
        text = f"the machine is busy{busiest}: measurements will be repeated, and may take many times longer"
        return "" if self.quiet else text


def look_around() -> Surroundings:
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
