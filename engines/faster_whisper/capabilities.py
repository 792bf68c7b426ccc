"""What this machine and this build of CTranslate2 can do."""

from __future__ import annotations

import functools
import re
from importlib import metadata
from pathlib import Path

from engines.base import Capabilities
from engines.cache import binaries_digest
from engines.faster_whisper.library import CPU, CUDA, default_device, faster_whisper, gpu_count
from engines.install import pip_hint
from engines.machine_limits import usable_cores
from search_spaces.parameter import Value

_CUDA_LIBRARIES = "nvidia-cublas-cu12 nvidia-cudnn-cu12"
_NVIDIA = Path("/dev/nvidia0")


def capabilities() -> Capabilities:
    """Facts about cores and GPUs, and which build this is. Raises MissingLibraryError."""
    faster_whisper()
    gpus = gpu_count()
    facts: dict[str, Value] = {
        "cpu_cores": usable_cores(),
        "gpu_count": gpus,
        "devices": f"{CUDA},{CPU}" if gpus else CPU,
        "default_device": default_device(),
    }
    return Capabilities(facts, build_of())


def build_of() -> dict[str, str]:
    """`version` of faster-whisper, CTranslate2's, a digest of its binaries, and advice where a GPU is left unused."""
    faster_whisper()
    build = {
        "version": metadata.version("faster-whisper"),
        "ctranslate2": metadata.version("ctranslate2"),
        "build": _build(),
    }
    if _NVIDIA.exists() and not gpu_count():
        build |= {
            "unused": "the NVIDIA GPU is not used: CTranslate2 finds no driver, or lacks cuBLAS and cuDNN (not tried)",
            "rebuild": pip_hint(_CUDA_LIBRARIES),
        }
    return build


@functools.cache
def _build() -> str:
    files = metadata.files("ctranslate2") or []
    paths = {Path(str(f.locate())) for f in files if re.search(r"\.(so|dylib|dll|pyd)(\.|$)", f.name)}
    return binaries_digest(sorted(p for p in paths if p.is_file() and not p.is_symlink()))
