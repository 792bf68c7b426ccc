"""Memory of the host and of the devices: what is free, and the peak that a process reaches."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from types import TracebackType

from engines.machine_limits import memory_available_bytes
from tuner.measure.host.nvml import ask, devices
from tuner.measure.host.process_tree import is_within

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
    """Free memory in MiB over all NVIDIA devices together; None where no device tells."""
    told = [info for handle in devices() if (info := ask("nvmlDeviceGetMemoryInfo", handle)) is not None]
    return sum(float(info.free) for info in told) / _MIB if told else None


class DevicePeak:
    """Polls the device memory that a process and all that it started hold. Use as a context manager.

    Where the driver does not tell processes apart (containers, WSL), the growth of the whole device since the start is
    taken instead, which counts what others allocate meanwhile; the tuner keeps no other process on the device.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._devices = devices()
        self._start = self._device_used()
        self._held = 0.0
        self._growth: float | None = None
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
        """The peak so far; None without a device, and where nothing tells what these processes hold."""
        if self._held:
            return self._held / _MIB
        return self._growth / _MIB if self._growth is not None else None

    def _poll(self) -> None:
        while not self._done.wait(_POLL_S):
            self._held = max(self._held, self._process_used())
            used = self._device_used()
            if used is not None and self._start is not None:
                self._growth = max(self._growth or 0.0, used - self._start)

    def _device_used(self) -> float | None:
        told = [info for handle in self._devices if (info := ask("nvmlDeviceGetMemoryInfo", handle)) is not None]
        return sum(float(info.used) for info in told) if told else None

    def _process_used(self) -> float:
        return sum(
            float(process.usedGpuMemory or 0)
            for handle in self._devices
            for process in ask("nvmlDeviceGetComputeRunningProcesses", handle) or ()
            if is_within(int(process.pid), self._pid)
        )


def device_processes() -> set[int]:
    """The processes that compute on the devices."""
    return {
        int(process.pid)
        for handle in devices()
        for process in ask("nvmlDeviceGetComputeRunningProcesses", handle) or ()
    }
