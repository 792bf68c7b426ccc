"""What this machine and this build of onnxruntime can do for Piper."""

from __future__ import annotations

from engines.base import Capabilities
from engines.machine_limits import usable_cores
from engines.onnx_sessions.providers import CPU, CUDA, available
from engines.piper.library import build_of, onnxruntime
from search_spaces.parameter import Value

PROVIDERS = (CPU, CUDA)
"""Those that piper-tts knows."""


def capabilities() -> Capabilities:
    """Cores and execution providers; which builds of onnxruntime and piper-tts."""
    providers = [name for name in PROVIDERS if name in available(onnxruntime())]
    facts: dict[str, Value] = {"cpu_cores": usable_cores(), "providers": ",".join(providers)}
    return Capabilities(facts, build_of())
