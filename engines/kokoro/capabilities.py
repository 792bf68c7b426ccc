"""What this machine and this build of onnxruntime can do."""

from __future__ import annotations

import functools
import re
from importlib import metadata
from pathlib import Path

from engines.base import Capabilities
from engines.cache import binaries_digest
from engines.kokoro.library import kokoro_onnx, onnxruntime
from engines.kokoro.providers import available
from engines.machine_limits import usable_cores

_RUNTIMES = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml", "onnxruntime-openvino", "onnxruntime-rocm")
"""Distributions that install the module onnxruntime."""


def capabilities() -> Capabilities:
    """Cores and execution providers; which builds of onnxruntime and kokoro-onnx."""
    return Capabilities({"cpu_cores": usable_cores(), "providers": ",".join(available())}, build_of())


def build_of() -> dict[str, str]:
    """`version` of kokoro-onnx, the runtime's, the phonemizer's, and a digest of the runtime's binaries."""
    return dict(_build())


@functools.cache
def _build() -> tuple[tuple[str, str], ...]:
    kokoro_onnx()
    folder = Path(str(onnxruntime().__file__)).parent / "capi"
    binaries = sorted(f for f in folder.iterdir() if re.search(r"\.(so|dylib|dll|pyd)(\.|$)", f.name) and f.is_file())
    return (
        ("version", metadata.version("kokoro-onnx")),
        ("onnxruntime", _runtime_version()),
        ("phonemizer", metadata.version("phonemizer")),
        ("build", binaries_digest(binaries)),
    )


def _runtime_version() -> str:
    for name in _RUNTIMES:
        try:
            return f"{name} {metadata.version(name)}"
        except metadata.PackageNotFoundError:
            continue
    return str(onnxruntime().__version__)
