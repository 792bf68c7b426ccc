from __future__ import annotations

from engines.base import Capabilities, Model
from engines.kokoro.memory import predict_memory

CPU = Capabilities({"cpu_cores": 2, "providers": "cpu,cuda"}, {})


def test_a_smaller_variant_takes_less(model: Model) -> None:
    full, small = (predict_memory(model, {"quantization": q}, CPU).parts_mib["weights"] for q in ("fp32", "int8"))
    assert 0 < small < full


def test_on_a_gpu_the_weights_are_on_the_device(model: Model) -> None:
    on_cpu, on_gpu = predict_memory(model, {}, CPU), predict_memory(model, {"provider": "cuda"}, CPU)
    assert on_cpu.device_mib == 0
    assert on_gpu.device_mib > on_gpu.parts_mib["weights"]
    assert on_gpu.host_mib < on_cpu.host_mib
