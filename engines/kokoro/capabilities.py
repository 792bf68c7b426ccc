"""What this machine and this build of onnxruntime can do."""

from __future__ import annotations

from importlib import metadata

from engines.base import Capabilities
from engines.kokoro.library import kokoro_onnx, onnxruntime
from engines.machine_limits import usable_cores
from engines.onnx_sessions import library
from engines.onnx_sessions.providers import available
from search_spaces.parameter import Value


def capabilities() -> Capabilities:
    """Cores and execution providers; which builds of onnxruntime and kokoro-onnx."""
    facts: dict[str, Value] = {"cpu_cores": usable_cores(), "providers": ",".join(available(onnxruntime()))}
    return Capabilities(facts, build_of())


def build_of() -> dict[str, str]:
    """`version` of kokoro-onnx, the runtime's, the phonemizer's, and a digest of the runtime's binaries."""
    kokoro_onnx()
    runtime = library.build_of(onnxruntime())
    return {
        "version": metadata.version("kokoro-onnx"),
        "onnxruntime": runtime["onnxruntime"],
        "phonemizer": metadata.version("phonemizer"),
        "build": runtime["build"],
    }
