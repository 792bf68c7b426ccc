"""What a machine is, as documents tell it; `tuner/measure/host/hardware.py` finds it out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Gpu:
    """One device as NVML describes it. `memory_mib` is 0 where it is the host's. `compute_capability` is as `9.0`."""

    name: str
    memory_mib: int
    driver: str = ""
    compute_capability: str = ""


@dataclass(frozen=True)
class HardwareProfile:
    """A machine. `cores` and `memory_gib` are what this process may use (affinity and cgroup respected).

    `class_` is a slug such as `amd-epyc-2c-24g` or `nvidia-h200`: results of one class can be compared with each other.
    """

    class_: str
    cpu: str
    cores: int
    memory_gib: float
    gpus: tuple[Gpu, ...] = ()
    cores_machine: int | None = None
    os: str = ""
    python: str = ""

    @property
    def text(self) -> str:
        """On one line: processor, cores and memory that are usable, devices, system and class."""
        size = f"{self.cores} cores", f"{self.memory_gib:g} GiB"
        parts = (self.cpu, *size, *(gpu.name for gpu in self.gpus), self.os, f"class {self.class_}")
        return ", ".join(part for part in parts if part)
