import os
import sys
import time

import pytest

from tests.tuner.fake_nvml import GIB, FakeNvml
from tuner.measure.host import memory
from tuner.measure.host.memory import DevicePeak, available_device_mib, device_processes

ME = os.getpid()


@pytest.fixture
def nvml(monkeypatch):
    fake = FakeNvml()
    monkeypatch.setitem(sys.modules, "pynvml", fake)
    monkeypatch.setattr(memory, "_POLL_S", 0.005)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    ask, fake.asked = memory.ask, []
    monkeypatch.setattr(memory, "ask", lambda *question: (fake.asked.append(question), ask(*question))[1])
    return fake


def seen_by_the_poll(nvml):
    """Wait for a look that began after now: each asks two questions of two devices, and one may be under way."""
    enough = len(nvml.asked) + 8
    while len(nvml.asked) < enough:
        time.sleep(0.005)


def peak_while(nvml, change):
    """The peak after `change` has been seen by the poll."""
    with DevicePeak(ME) as peak:
        change()
        seen_by_the_poll(nvml)
    return peak.peak_mib


def test_only_devices_that_cuda_sees_have_free_memory(nvml, monkeypatch):
    assert available_device_mib() == 3072
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert available_device_mib() == 2048
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert available_device_mib() is None


def test_processes_on_devices_that_cuda_does_not_see_are_not_ours_to_judge(nvml, monkeypatch):
    nvml.processes = [[(11, None)], [(12, None), (13, None)]]
    assert device_processes() == {11, 12, 13}
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert device_processes() == {11}


def test_the_peak_of_a_process_is_its_own(nvml):
    def change():
        nvml.used = [GIB, GIB]
        nvml.processes = [[(ME, GIB // 2), (ME + 1, GIB // 2)], []]

    assert peak_while(nvml, change) == 512


@pytest.mark.parametrize("told", [[], [(ME, None)], [(987654321, GIB)]], ids=["none", "no figure", "other pids"])
def test_where_processes_are_not_told_apart_the_growth_of_the_device_counts(nvml, told):
    def change():
        nvml.used = [GIB, 0]
        nvml.processes = [told, []]

    assert peak_while(nvml, change) == 1024


@pytest.mark.parametrize("broken", ["nvmlDeviceGetMemoryInfo", "nvmlDeviceGetComputeRunningProcesses"])
def test_a_question_that_the_device_refuses_ends_nothing(nvml, broken):
    nvml.broken = {broken}

    def change():
        nvml.used = [GIB, 0]
        nvml.processes = [[(ME, GIB // 4)], []]

    refused_memory = broken == "nvmlDeviceGetMemoryInfo"
    assert peak_while(nvml, change) == (256 if refused_memory else 1024)
    assert available_device_mib() == (None if refused_memory else 2048)
    assert device_processes() == ({ME} if refused_memory else set())


def test_a_device_that_begins_to_refuse_does_not_end_the_watch(nvml):
    def change():
        nvml.used = [GIB, 0]
        seen_by_the_poll(nvml)
        nvml.broken = {"nvmlDeviceGetMemoryInfo", "nvmlDeviceGetComputeRunningProcesses"}

    assert peak_while(nvml, change) == 1024


def test_without_a_device_there_is_no_peak(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with DevicePeak(ME) as peak:
        assert peak.peak_mib is None
