"""Energy that the machine says it has used: NVIDIA devices by NVML, Intel and AMD packages by RAPL where readable."""

from __future__ import annotations

from pathlib import Path

from tuner.measure.host.nvml import ask, devices

_RAPL = Path("/sys/class/powercap")


def energy_joules() -> float | None:
    """Joules since some fixed moment, of all that can be read; None where nothing can. Wraps around now and then."""
    parts = [*_device_joules(), *_package_joules()]
    return sum(parts) if parts else None


def _device_joules() -> list[float]:
    """NVML counts millijoules since the driver was loaded, on Volta and later; a part of the devices says nothing."""
    handles = devices()
    told = [j for handle in handles if (j := ask("nvmlDeviceGetTotalEnergyConsumption", handle)) is not None]
    return [millijoules / 1e3 for millijoules in told] if len(told) == len(handles) else []


def _package_joules() -> list[float]:
    """Linux' powercap counts microjoules per package (intel-rapl:0, …), often readable by root only."""
    found = []
    for file in _RAPL.glob("intel-rapl:[0-9]*/energy_uj"):
        if file.parent.name.count(":") == 1:
            try:
                found.append(int(file.read_text()) / 1e6)
            except (OSError, ValueError):
                continue
    return found
