"""What a configuration will take, from the sizes of the weights.

A bound that decides that a configuration cannot fit. The weights stay in 32 bits whatever autocast computes in, and
autocast keeps a copy in 16 bits of those that it uses. Where a GPU is used the weights are read on the host first.
"""

from __future__ import annotations

from engines.base import Capabilities, MemoryPrediction, Model
from engines.cosyvoice.settings import FLOW, Settings
from search_spaces.parameter import Params

_PROCESS_MIB = 900.0
"""Python with torch, transformers and the repository's other imports."""
_CUDA_CONTEXT_MIB = 500.0
_REQUEST_MIB = 300.0
"""Activations and KV cache of a request of ten seconds; order of magnitude."""
_COMPILED_MIB = 1200.0
"""The compiler and the processes that it starts."""


def predict_memory(model: Model, params: Params, capabilities: Capabilities) -> MemoryPrediction:
    """The peak of `params` on host and device."""
    settings = Settings.of(params)
    llm, flow, hift = (float(model.facts[f"{part}_mib"]) for part in ("llm", "flow", "hift"))
    weights = llm + flow + hift
    halves = (llm + flow) / 2 if settings.fp16 or settings.bf16 else 0.0
    parts = {"weights": weights, "requests": settings.concurrency * _REQUEST_MIB, "autocast": halves}
    if settings.load_trt:
        parts["weights"] = weights - flow * (0.5 if settings.fp16 else 0.0)
    host = {"process": _PROCESS_MIB}
    if settings.compiles(FLOW) or settings.compiles("llm"):
        host["compiler"] = _COMPILED_MIB
    if not capabilities.facts.get("cuda"):
        return MemoryPrediction(sum(host.values()) + sum(parts.values()), 0.0, {**host, **parts})
    device = {**parts, "context": _CUDA_CONTEXT_MIB}
    return MemoryPrediction(sum(host.values()) + max(llm, flow), sum(device.values()), {**host, **device})
