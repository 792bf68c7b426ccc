"""What this machine is: the part of it that this process may use."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engines.machine_limits import memory_limit_bytes, usable_cores
from tuner.core.hardware import Gpu, HardwareProfile
from tuner.measure.host.nvml import ask, devices, text

_GIB = 1024**3
# Memory sizes as they are sold. A kernel and its firmware keep some for themselves, by a few MiB more or less at each
# boot, so that only the next size up is stable.
_SIZES_GIB = (1, *(size for power in range(1, 14) for size in (2**power, 3 * 2 ** (power - 1))))
_TOLERANCE = 1.02
_NOISE_WORDS = re.compile(r"\((?:r|tm)\)|\bcpu\b|\bprocessor\b|\b\d+-core\b|@.*|\bwith\b.*", re.IGNORECASE)


def detect_hardware() -> HardwareProfile:
    """The machine that this process runs on. Never raises for want of a device or a counter."""
    cpu, cores, memory_gib, gpus = _cpu_name(), usable_cores(), round(memory_limit_bytes() / _GIB, 2), _gpus()
    return HardwareProfile(
        class_=hardware_class(cpu, cores, memory_gib, gpus),
        cpu=cpu,
        cores=cores,
        cores_machine=os.cpu_count() or 1,
        memory_gib=memory_gib,
        gpus=gpus,
        os=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
    )


def hardware_class(cpu: str, cores: int, memory_gib: float, gpus: Sequence[Gpu]) -> str:
    """The slug of a machine: its devices', or where there are none that of the processor, its cores and memory."""
    if gpus:
        counted = f"-x{len(gpus)}" if len(gpus) > 1 else ""
        return _slug(gpus[0].name) + counted
    return f"{_slug(_NOISE_WORDS.sub(' ', cpu)) or 'cpu'}-{cores}c-{nominal_gib(memory_gib)}g"


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
