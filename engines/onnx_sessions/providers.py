"""onnxruntime's execution providers by short names: what computes the graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

CPU, CUDA, TENSORRT = "cpu", "cuda", "tensorrt"
PROVIDERS: Mapping[str, str] = {
    CPU: "CPUExecutionProvider",
    "xnnpack": "XnnpackExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "dnnl": "DnnlExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "directml": "DmlExecutionProvider",
    "rocm": "ROCMExecutionProvider",
    CUDA: "CUDAExecutionProvider",
    TENSORRT: "TensorrtExecutionProvider",
}
"""What sends the graph to another machine is none of them."""
ON_DEVICE = (CUDA, TENSORRT, "rocm", "directml")
"""Providers that keep the weights in a device's memory."""


def available(runtime: Any) -> list[str]:
    """Those of a build of onnxruntime. That one is there does not say that its libraries are: loading tells."""
    built: Sequence[str] = runtime.get_available_providers()
    return [name for name, full in PROVIDERS.items() if full in built]
