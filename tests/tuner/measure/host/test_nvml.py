import sys

import pytest

from tests.tuner.fake_nvml import FakeNvml
from tuner.measure.host import energy
from tuner.measure.host.energy import energy_joules
from tuner.measure.host.nvml import ask, devices, visible_devices


@pytest.mark.parametrize(
    ("variable", "chosen"),
    [
        (None, [0, 1, 2]),
        ("", []),
        ("-1", []),
        ("1", [1]),
        ("2,0", [2, 0]),
        ("0, 1", [0, 1]),
        ("0,7,1", [0]),
        ("GPU-bb", [1]),
        ("GPU-cc,GPU-aa", [2, 0]),
        ("GPU-zz", []),
    ],
)
def test_visible_devices(variable, chosen):
    assert visible_devices(["GPU-aaaa", "GPU-bbbb", "GPU-cccc"], variable) == chosen


def test_only_devices_that_cuda_sees_are_looked_at(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml())
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert devices() == [1]
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert devices() == [0, 1]


@pytest.mark.parametrize("broken", ["nvmlInit", "nvmlDeviceGetCount", "nvmlDeviceGetHandleByIndex"])
def test_a_driver_that_does_not_answer_means_no_device(monkeypatch, broken):
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml(broken))
    assert devices() == []


def test_a_refusal_is_no_answer(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml("nvmlDeviceGetMemoryInfo"))
    assert ask("nvmlDeviceGetMemoryInfo", 0) is None
    assert ask("nvmlDeviceGetUUID", 0) == "GPU-0"


def test_energy_is_of_all_devices_or_of_none(monkeypatch, tmp_path):
    monkeypatch.setattr(energy, "_RAPL", tmp_path)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml())
    assert energy_joules() == 3
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml("nvmlDeviceGetTotalEnergyConsumption"))
    assert energy_joules() is None
