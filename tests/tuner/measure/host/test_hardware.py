import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tuner.fake_nvml import FakeNvml
from tuner.core.documents import dump, load
from tuner.core.hardware import Gpu, HardwareProfile
from tuner.measure.host.hardware import detect_hardware, hardware_class, nominal_gib

H200 = Gpu("NVIDIA H200", 143771, "570.1", "9.0")


def profile(cpu="AMD EPYC", cores=2, memory_gib=23.54, gpus=()):
    return hardware_class(cpu, cores, memory_gib, gpus)


@pytest.mark.parametrize(
    ("hardware", "slug"),
    [
        (profile(), "amd-epyc-2c-24g"),
        (profile("AMD EPYC 7B13 64-Core Processor"), "amd-epyc-7b13-2c-24g"),
        (profile("Intel(R) Xeon(R) CPU @ 2.20GHz", 8, 31.3), "intel-xeon-8c-32g"),
        (profile("13th Gen Intel(R) Core(TM) i9-13900K", 24, 62.6), "13th-gen-intel-core-i9-13900k-24c-64g"),
        (profile("AMD Ryzen 7 7840U with Radeon 780M Graphics", 16, 27.2), "amd-ryzen-7-7840u-16c-32g"),
        (profile("Apple M4", 10, 16), "apple-m4-10c-16g"),
        (profile("", 4, 8), "cpu-4c-8g"),
        (profile(gpus=[H200]), "nvidia-h200"),
        (profile(gpus=[H200, H200]), "nvidia-h200-x2"),
        (
            profile(gpus=[Gpu("NVIDIA GeForce RTX 4090 Laptop GPU", 16376, "1", "8.9")]),
            "nvidia-geforce-rtx-4090-laptop-gpu",
        ),
    ],
)
def test_hardware_class(hardware, slug):
    assert hardware == slug


@given(st.sampled_from([1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 256, 384, 512, 1024, 2048]), st.floats(0.95, 1.01))
def test_what_a_kernel_keeps_for_itself_does_not_change_the_class(size, share):
    assert nominal_gib(size * share) == size


def test_this_machine():
    hardware = detect_hardware()
    assert hardware.cpu
    assert 1 <= hardware.cores <= hardware.cores_machine
    document = json.loads(json.dumps(dump(hardware)))
    assert document["class"] == hardware.class_
    assert load(HardwareProfile, document) == hardware
    assert detect_hardware() == hardware


def with_nvml(monkeypatch, nvml):
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    return detect_hardware().gpus


def test_gpus_by_nvml(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert with_nvml(monkeypatch, FakeNvml()) == (
        Gpu("NVIDIA H200", 1024, "570.1", "9.0"),
        Gpu("NVIDIA L4", 2048, "570.1", "9.0"),
    )


def test_gpus_that_are_hidden_from_cuda_do_not_count(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert [gpu.name for gpu in with_nvml(monkeypatch, FakeNvml())] == ["NVIDIA L4"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert with_nvml(monkeypatch, FakeNvml()) == ()


def test_a_driver_that_does_not_answer_means_no_gpu(monkeypatch):
    assert with_nvml(monkeypatch, FakeNvml("nvmlInit")) == ()


@pytest.mark.parametrize(
    ("broken", "gpu"),
    [
        ("nvmlDeviceGetCudaComputeCapability", Gpu("NVIDIA H200", 1024, "570.1", "")),
        ("nvmlDeviceGetMemoryInfo", Gpu("NVIDIA H200", 0, "570.1", "9.0")),
        ("nvmlSystemGetDriverVersion", Gpu("NVIDIA H200", 1024, "", "9.0")),
    ],
)
def test_what_a_device_does_not_tell_is_left_out(monkeypatch, broken, gpu):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert with_nvml(monkeypatch, FakeNvml(broken)) == (gpu,)


def test_without_the_nvml_package_there_is_no_gpu(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert detect_hardware().gpus == ()
