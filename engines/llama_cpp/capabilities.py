"""What this machine and this build of llama.cpp can do."""

from __future__ import annotations

import functools
import os
import sys
from pathlib import Path
from typing import Any

from engines.base import Capabilities
from engines.cache import binaries_digest
from engines.llama_cpp.library import gpu_free_mib, library
from engines.llama_cpp.stock_threads import stock_threads
from engines.machine_limits import usable_cores
from search_spaces.parameter import Value

_CAP_IPC_LOCK = 14
"""Bit of linux/capability.h: a process that has it may lock any amount of memory."""


def capabilities() -> Capabilities:
    """Facts about cores, memory locking and GPUs, and which build this is.

    `stock_n_threads` is what a llama-server takes that is not told, for decoding and prefill.
    `default_n_threads` and `default_n_threads_batch` are what llama-cpp-python takes when it is not told: from the
    machine's cores, whatever share of them the process may use. `mlock` says that locking is supported and that the
    limit is not so low as to make it pointless; a model's own `mlock` fact compares the limit with its size.
    `gpu_free_mib` is what is free on each GPU, in llama.cpp's order.
    """
    llama_cpp, cores, free_mib = library(), os.cpu_count() or 1, gpu_free_mib()
    facts: dict[str, Value] = {
        "cpu_cores": usable_cores(),
        "numa_nodes": numa_nodes(),
        "gpu_count": len(free_mib),
        "gpu_free_mib": ",".join(f"{free:.0f}" for free in free_mib),
        "gpu_offload": bool(llama_cpp.llama_supports_gpu_offload()),
        "mmap": bool(llama_cpp.llama_supports_mmap()),
        "mlock": mlock_permitted(1),
        "default_n_threads": max(cores // 2, 1),
        "default_n_threads_batch": cores,
        "stock_n_threads": stock_threads(),
    }
    return Capabilities(facts, build_of(llama_cpp))


def build_of(llama_cpp: Any) -> dict[str, str]:
    """`version` of the binding, `llama_cpp` of the library, its CPU features, and `build`, a digest of its binaries."""
    return {
        "version": str(llama_cpp.__version__),
        "llama_cpp": llama_cpp.llama_version().decode(),
        "features": llama_cpp.llama_print_system_info().decode().strip(" |\n"),
        "build": _binaries_digest(Path(llama_cpp.__file__).parent / "lib"),
    }


@functools.cache
def _binaries_digest(folder: Path) -> str:
    """That of the shared libraries in `folder`."""
    return binaries_digest(file for file in sorted(folder.iterdir()) if file.is_file() and not file.is_symlink())


def numa_nodes() -> int:
    """How many memory nodes the machine has; 1 where the system does not tell."""
    return max(1, len(list(Path("/sys/devices/system/node").glob("node[0-9]*"))))


def mlock_permitted(size_bytes: int) -> bool:
    """True when the library can lock memory and the process may lock `size_bytes` of it."""
    if not library().llama_supports_mlock():
        return False
    if sys.platform == "win32" or _may_lock_any_amount():
        return True
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    return limit == resource.RLIM_INFINITY or limit >= max(size_bytes, _LEAST_USEFUL_LOCK_BYTES)


_LEAST_USEFUL_LOCK_BYTES = 64 * 1024 * 1024
"""Linux grants everybody a few MiB for keys and passwords; no model fits into that."""


def _may_lock_any_amount() -> bool:
    """True for a Linux process with the capability to lock memory."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return False
    effective = next((int(line.split()[1], 16) for line in lines if line.startswith("CapEff:")), 0)
    return bool(effective >> _CAP_IPC_LOCK & 1)
