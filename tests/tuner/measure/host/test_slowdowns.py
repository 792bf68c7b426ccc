"""Pressure, clocks and throttling, from files and from a stand-in for NVML."""

import os
import sys

import pytest

from tests.tuner.fake_nvml import FakeNvml
from tuner.measure.host import slowdowns
from tuner.measure.host.slowdowns import cpu_mhz, device_clocks, pressure_seconds


def test_the_time_that_something_waited_for_a_core(monkeypatch, tmp_path):
    file = tmp_path / "cpu"
    monkeypatch.setattr(slowdowns, "_PRESSURE_FILES", (tmp_path / "none", file))
    assert pressure_seconds() is None
    file.write_text("some avg10=52.32 avg60=52.24 avg300=51.28 total=6899552\nfull avg10=0.00 total=7\n")
    assert pressure_seconds() == pytest.approx(6.899552)
    file.write_text("nothing of the kind")
    assert pressure_seconds() is None


def test_the_clock_is_of_the_cores_in_use_or_untold(monkeypatch, tmp_path):
    monkeypatch.setattr(slowdowns, "_CPU", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 2}, raising=False)
    assert cpu_mhz() is None
    for number, khz in enumerate((2_000_000, 1_000_000, 3_000_000)):
        folder = tmp_path / f"cpu{number}" / "cpufreq"
        folder.mkdir(parents=True)
        (folder / "scaling_cur_freq").write_text(f"{khz}\n")
    assert cpu_mhz() == 2500


@pytest.fixture
def nvml(monkeypatch):
    stand_in = FakeNvml()
    monkeypatch.setitem(sys.modules, "pynvml", stand_in)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return stand_in


@pytest.mark.parametrize(
    ("reasons", "slowed"),
    [(0x0, False), (0x1, False), (0x4, False), (0x8, True), (0x20, True), (0x40, True), (0x80, True), (0x24, True)],
)
def test_heat_slows_a_device_down_and_a_power_cap_is_its_own(nvml, reasons, slowed):
    nvml.reasons = [0, reasons]
    assert device_clocks() == (1410, slowed)


def test_a_device_that_tells_nothing_is_not_slowed(nvml):
    nvml.broken = {"nvmlDeviceGetClockInfo", "nvmlDeviceGetCurrentClocksThrottleReasons"}
    assert device_clocks() == (None, False)
