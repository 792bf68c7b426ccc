"""NVIDIA devices by NVML: those that CUDA programs see, asked so that a refusal is never an error."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any


def devices() -> list[Any]:
    """NVML handles of the devices that CUDA_VISIBLE_DEVICES leaves; empty without the driver."""
    try:
        import pynvml
    except ImportError:
        return []
    try:
        pynvml.nvmlInit()
        handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
        uuids = [text(pynvml.nvmlDeviceGetUUID(handle)) for handle in handles]
    except (OSError, pynvml.NVMLError):
        return []
    return [handles[index] for index in visible_devices(uuids, os.environ.get("CUDA_VISIBLE_DEVICES"))]


def ask(question: str, *arguments: Any) -> Any | None:
    """The answer of the NVML function `question`, mostly about a device's handle.

    None where the device does not tell: memory that it shares with the host, a slice of it (MIG), WSL, a lost device.
    """
    import pynvml

    try:
        return getattr(pynvml, question)(*arguments)
    except pynvml.NVMLError:
        return None


def visible_devices(uuids: Sequence[str], variable: str | None) -> list[int]:
    """Indices of the devices that CUDA programs see: all, or those that CUDA_VISIBLE_DEVICES lists up to a bad one.

    The variable holds indices or (prefixes of) UUIDs; anything else, such as -1, ends the list (CUDA C++ Programming
    Guide, environment variables).
    """
    if variable is None:
        return list(range(len(uuids)))
    chosen: list[int] = []
    for word in variable.split(","):
        name = word.strip()
        if name.isdigit() and int(name) < len(uuids):
            chosen.append(int(name))
        elif matches := [i for i, uuid in enumerate(uuids) if name and not name.isdigit() and uuid.startswith(name)]:
            chosen.append(matches[0])
        else:
            break
    return chosen


def text(value: str | bytes) -> str:
    """A name as NVML gives it; older bindings give bytes."""
    return value.decode() if isinstance(value, bytes) else value
