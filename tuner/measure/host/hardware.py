"""What this machine is: the part of it that this process may use."""

from __future__ import annotations

import os
import platform
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from engines.machine_limits import memory_limit_bytes, usable_cores
from tuner.measure.host.nvml import ask, devices, text

_GIB = 1024**3
# Memory sizes as they are sold. A kernel and its firmware keep some for themselves, by a few MiB more or less at each
# boot, so that only the next size up is stable.
_SIZES_GIB = (1, *(size for power in range(1, 14) for size in (2**power, 3 * 2 ** (power - 1))))
_TOLERANCE = 1.02
_NOISE_WORDS = re.compile(r"\((?:r|tm)\)|\bcpu\b|\bprocessor\b|\b\d+-core\b|@.*|\bwith\b.*", re.IGNORECASE)


@dataclass(frozen=True)
class Gpu:
    """One device as NVML describes it. `memory_mib` is 0 where it is the host's. `compute_capability` is as `9.0`."""

    name: str
    memory_mib: int
    driver: str
    compute_capability: str


@dataclass(frozen=True)
class HardwareProfile:
    """A machine. `cores` and `memory_gib` are what this process may use (affinity and cgroup respected)."""

    cpu: str
    cores: int
    cores_machine: int
    memory_gib: float
    gpus: tuple[Gpu, ...]
    os: str
    python: str

    @property
    def hardware_class(self) -> str:
        """A slug such as `amd-epyc-2c-24g` or `nvidia-h200`: results of one class can be compared with each other."""
        if self.gpus:
            counted = f"-x{len(self.gpus)}" if len(self.gpus) > 1 else ""
            return _slug(self.gpus[0].name) + counted
        return f"{_slug(_NOISE_WORDS.sub(' ', self.cpu)) or 'cpu'}-{self.cores}c-{nominal_gib(self.memory_gib)}g"

    def to_json(self) -> dict[str, Any]:
        """A JSON document with the class."""
        return {"class": self.hardware_class, **asdict(self), "gpus": [asdict(g) for g in self.gpus]}


def detect_hardware() -> HardwareProfile:
    """The machine that this process runs on. Never raises for want of a device or a counter."""
    return HardwareProfile(
        cpu=_cpu_name(),
        cores=usable_cores(),
        cores_machine=os.cpu_count() or 1,
        memory_gib=round(memory_limit_bytes() / _GIB, 2),
        gpus=_gpus(),
        os=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
    )


def nominal_gib(memory_gib: float) -> int:
    """The size, as memory is sold, that `memory_gib` is what is left of: 23.5 is 24. At least 1."""
    return next((size for size in _SIZES_GIB if memory_gib <= size * _TOLERANCE), round(memory_gib))


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _cpu_name() -> str:
    """The processor's name; the architecture where the system does not tell."""
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as lines:
            fields = dict(line.split(":", 1) for line in lines if ":" in line)
    except OSError:
        fields = {}
    named = {key.strip(): value.strip() for key, value in fields.items()}
    return named.get("model name") or named.get("Model") or _sysctl_name() or platform.processor() or platform.machine()


def _sysctl_name() -> str:
    """macOS keeps the processor's name in a sysctl; empty elsewhere."""
    if platform.system() != "Darwin":
        return ""
    import subprocess

    answer = subprocess.run(["sysctl", "-n", "machdep.cpu.brand_string"], capture_output=True, text=True, check=False)
    return answer.stdout.strip()


def _gpus() -> tuple[Gpu, ...]:
    """The devices that CUDA programs see; none where there is no driver."""
    return tuple(_gpu(handle) for handle in devices())


def _gpu(handle: Any) -> Gpu:
    capability = ask("nvmlDeviceGetCudaComputeCapability", handle)
    memory = ask("nvmlDeviceGetMemoryInfo", handle)
    return Gpu(
        name=text(ask("nvmlDeviceGetName", handle) or "NVIDIA GPU"),
        memory_mib=memory.total // 1024**2 if memory else 0,
        driver=text(ask("nvmlSystemGetDriverVersion") or ""),
        compute_capability="{}.{}".format(*capability) if capability else "",
    )
