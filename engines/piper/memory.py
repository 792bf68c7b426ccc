"""What a configuration will take: the process, the weights, and what the longest sentence's activations need.

A bound for sentences of up to 12 s, which decides that a configuration cannot fit. Measured on a voice of 60 MiB
(en_US-joe-medium): 139 MiB when loaded, 245 after a sentence of 3.5 s, 527 after one of 12.5 s; without the arena 510
at the peak. Device memory was not measured.
"""

from __future__ import annotations

from engines.base import Capabilities, MemoryPrediction, Model
from engines.onnx_sessions.providers import CPU, ON_DEVICE
from search_spaces.parameter import Params

_PROCESS_MIB = 100.0
"""Python, numpy, the runtime and the phonemizer."""
_ACTIVATIONS_MIB = 400.0
"""About 32 for each second of audio."""
_WEIGHTS_FACTOR = 1.6
"""The weights, and those that the runtime keeps a second time in the order that its kernels like."""
_DEVICE_CONTEXT_MIB = 400.0


def predict_memory(model: Model, params: Params, capabilities: Capabilities) -> MemoryPrediction:
    """The peak of `params` on host and device."""
    file_mib = float(model.facts["file_mib"])
    parts = {"weights": _WEIGHTS_FACTOR * file_mib, "activations": _ACTIVATIONS_MIB}
    on_device = str(params.get("provider", CPU)) in ON_DEVICE
    host = {"process": _PROCESS_MIB, **({"loading": file_mib} if on_device else parts)}
    device = {**parts, "context": _DEVICE_CONTEXT_MIB} if on_device else {}
    return MemoryPrediction(sum(host.values()), sum(device.values()), {**host, **device})
