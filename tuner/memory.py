"""Memory of the host and of the devices: what is free, and the peak that a process reaches."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

from tuner.machine_limits import memory_available_bytes

_MIB = 1024 * 1024
_POLL_S = 0.05


def own_peak_mib() -> float:
    """The peak resident memory of this process in MiB.

    On Linux VmHWM, because getrusage's maximum survives exec and would count the parent's memory.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    import psutil

    on_windows = getattr(psutil.Process().memory_info(), "peak_wset", None)
    if on_windows is not None:
        return float(on_windows) / _MIB
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (_MIB if sys.platform == "darwin" else 1024)


def available_host_mib() -> float:
    """Memory in MiB that a new process can take."""
    return memory_available_bytes() / _MIB


def available_device_mib() -> float | None:
    """Free memory in MiB over all NVIDIA devices together, or None without one."""
    handles = devices()
    if not handles:
        return None
    import pynvml

    return sum(float(pynvml.nvmlDeviceGetMemoryInfo(h).free) for h in handles) / _MIB


class DevicePeak:
    """Polls the device memory that one process holds; `peak_mib` is None on a machine without a device.

    Where the driver does not tell processes apart (containers), the growth of the whole device since the start is
    taken instead, which counts what others allocate meanwhile.
    """

    def __init__(self, pid: int, exclusive: bool = True) -> None:
        self._pid = pid
        self._exclusive = exclusive
        self._devices = devices()
        self._start = self._device_used()
        self._peak = 0.0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._poll, daemon=True)

    def __enter__(self) -> DevicePeak:
        if self._devices:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        if self._devices:
            self._thread.join()

    @property
    def peak_mib(self) -> float | None:
        """The peak so far."""
        return self._peak / _MIB if self._devices else None

    def _poll(self) -> None:
        while not self._done.wait(_POLL_S):
            held = self._process_used()
            self._peak = max(self._peak, held if held else self._device_used() - self._start)

    def _device_used(self) -> float:
        if not self._devices:
            return 0.0
        import pynvml

        return sum(float(pynvml.nvmlDeviceGetMemoryInfo(h).used) for h in self._devices)

    def _process_used(self) -> float:
        import pynvml

        return sum(
            float(process.usedGpuMemory or 0)
            for handle in self._devices
            for process in pynvml.nvmlDeviceGetComputeRunningProcesses(handle)
            if process.pid == self._pid
        )


def device_processes(ours: Iterable[int]) -> int:
    """How many processes other than `ours` compute on the devices."""
    handles = devices()
    if not handles:
        return 0
    import pynvml

    known = set(ours)
    return sum(p.pid not in known for h in handles for p in pynvml.nvmlDeviceGetComputeRunningProcesses(h))


def devices() -> list[Any]:
    """NVML handles of all NVIDIA devices; empty without the driver."""
    try:
        import pynvml

        pynvml.nvmlInit()
        return [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(pynvml.nvmlDeviceGetCount())]
    except (ImportError, OSError):
        return []
    except pynvml.NVMLError:
        return []
