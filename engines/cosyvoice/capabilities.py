"""What this machine, its torch and the optional accelerators can do, and why some of it is off."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import platform
import shutil
from collections.abc import Collection
from importlib import metadata
from pathlib import Path
from typing import Any

from engines.base import Capabilities
from engines.errors import MissingLibraryError
from engines.install import pip_hint
from engines.machine_limits import usable_cores
from search_spaces.parameter import Value

_TENSORRT = ("tensorrt", "tensorrt-cu12", "tensorrt-cu13", "tensorrt-cu11")
"""Distributions that bring the module `tensorrt`."""
_BUILD = ("torch", "transformers", "diffusers", "x-transformers", "vllm", "flash-attn", "onnxruntime")
"""Distributions whose versions make another engine, beside TensorRT's."""
_AMPERE = (8, 0)
_BF16_FLAGS = {"avx512_bf16", "amx_bf16"}
CPU_MODES = "off,default"
CUDA_MODES = "off,default,reduce-overhead,max-autotune"
"""Of torch.compile. Without CUDA graphs reduce-overhead is the default mode again, and on a CPU max-autotune compiles
several C++ kernels for each matrix product and times them, which takes longer than a trial may."""
CPU_KERNELS = "auto,math,flash"
CUDA_KERNELS = "auto,math,flash,efficient,cudnn"


def torch_module() -> Any:
    """The torch that is installed. Raises MissingLibraryError with the install command."""
    try:
        import torch
    except (ImportError, OSError) as error:
        raise MissingLibraryError(
            f"torch cannot be used: {str(error).splitlines()[0]}",
            f"{pip_hint('torch --index-url https://download.pytorch.org/whl/cpu')}, or https://pytorch.org for CUDA",
        ) from error
    return torch


def capabilities() -> Capabilities:
    """Facts about cores, the GPU, and which accelerators are installed; the build is a digest of all versions."""
    torch = torch_module()
    cuda = bool(torch.cuda.is_available())
    generation = tuple(torch.cuda.get_device_capability()) if cuda else (0, 0)
    tensorrt = tensorrt_version()
    facts: dict[str, Value] = {
        "cpu_cores": usable_cores(),
        "default_n_threads": int(torch.get_num_threads()),
        "gpu_count": int(torch.cuda.device_count()) if cuda else 0,
        "cuda": cuda,
        "bf16": generation >= _AMPERE if cuda else bool(_BF16_FLAGS & cpu_flags()),
        "tf32": generation >= _AMPERE,
        "tensorrt_version": tensorrt or "none",
        "tensorrt_major": major(tensorrt),
        "vllm": installed("vllm"),
        "flash_attn": installed("flash_attn"),
        "flash_attn_gpu": generation >= _AMPERE,
        "compiler": has_compiler(cuda),
        "compile_modes": CUDA_MODES if cuda else CPU_MODES,
        "sdpa_kernels": CUDA_KERNELS if cuda else CPU_KERNELS,
    }
    return Capabilities(facts, build_of(torch, cuda))


def build_of(torch: Any, cuda: bool) -> dict[str, str]:
    """`version` is torch's; `build` a digest of the versions of everything that computes, and of the GPU's name."""
    versions = {name: version for name in _BUILD if (version := version_of((name,)))}
    device = str(torch.cuda.get_device_name()) if cuda else platform.machine()
    parts = {**versions, "torch": str(torch.__version__), "tensorrt": tensorrt_version(), "device": device}
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
    told = {name.replace("-", "_"): version for name, version in versions.items() if name != "torch"}
    return {"version": str(torch.__version__), "build": digest, "cuda": str(torch.version.cuda or "none"), **told}


def tensorrt_version() -> str:
    """TensorRT's version by its distribution, or "": importing it takes a second and a GPU."""
    return version_of(_TENSORRT) if installed("tensorrt") or version_of(_TENSORRT) else ""


def version_of(distributions: Collection[str]) -> str:
    """The version of the first distribution that is installed, or ""."""
    for name in distributions:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return ""


def major(version: str) -> int:
    """The first number of a version; 0 of none."""
    first = version.partition(".")[0]
    return int(first) if first.isdigit() else 0


def installed(module: str) -> bool:
    """Whether `module` could be imported, without doing it."""
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def has_compiler(cuda: bool) -> bool:
    """Whether torch.compile can generate code: by Triton on a GPU, by a C++ compiler on a CPU."""
    if cuda:
        return installed("triton")
    return any(shutil.which(name) for name in (os.environ.get("CXX") or "g++", "g++", "clang++", "c++"))


def cpu_flags(cpuinfo: Path = Path("/proc/cpuinfo")) -> set[str]:
    """What the processor can do, in Linux's words; empty elsewhere."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return set()
    return set(next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), []))
