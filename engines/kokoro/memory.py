"""What a configuration will take: the process, the weights, and what a text's activations need.

A bound for texts of up to 15 s that are synthesised whole, which decides that a configuration cannot fit. Measured on
the shape of 82 M parameters: 1150 MiB in fp32 for 16 s, 700 for 5 s, and 490 in int8 for 5 s. Device memory was not
measured.
"""

from __future__ import annotations

from engines.base import Capabilities, MemoryPrediction, Model
from engines.onnx_sessions.providers import CPU, ON_DEVICE
from search_spaces.parameter import Params

_PROCESS_MIB = 150.0
"""Python, numpy, the runtime and the phonemizer."""
_ACTIVATIONS_MIB = 500.0
"""About 30 for each second of audio."""
_WEIGHTS_FACTOR = 1.6
"""The weights, and those that the runtime keeps a second time in the order that its kernels like."""
_DEVICE_CONTEXT_MIB = 400.0


def predict_memory(model: Model, params: Params, capabilities: Capabilities) -> MemoryPrediction:
    """The peak of `params` on host and device."""
    quantization = str(params.get("quantization", model.native))
    file_mib = float(model.facts.get(f"file_mib_{quantization}", model.facts[f"file_mib_{model.native}"]))
    parts = {"weights": _WEIGHTS_FACTOR * file_mib, "activations": _ACTIVATIONS_MIB}
    on_device = str(params.get("provider", CPU)) in ON_DEVICE
    host = {"process": _PROCESS_MIB, **({"loading": file_mib} if on_device else parts)}
    device = {**parts, "context": _DEVICE_CONTEXT_MIB} if on_device else {}
    return MemoryPrediction(sum(host.values()), sum(device.values()), {**host, **device})
