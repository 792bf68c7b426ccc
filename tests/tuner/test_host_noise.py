import os
import subprocess
import sys
from contextlib import contextmanager

import psutil

from tests.tuner.fake_nvml import GIB, FakeNvml
from tuner.host_noise import HostNoise, NoiseWatch

NO_SUCH_PID = 2**22 + 1  # Linux numbers processes up to 2^22


@contextmanager
def running(program):
    """A child that runs `program`, known to have begun."""
    program = f"import os, subprocess, sys, time; {program}"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as child:
        child.stdout.readline()
        try:
            yield child.pid
        finally:
            for process in [*psutil.Process(child.pid).children(recursive=True), child]:
                process.kill()


def device_noise(monkeypatch, *pids):
    nvml = FakeNvml()
    nvml.processes = [[(pid, GIB) for pid in pids], [(pid, GIB) for pid in pids]]
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return NoiseWatch(os.getpid()).stop(0.0).device_processes


def test_other_workers_of_this_process_are_not_foreign(monkeypatch):
    grandchild = "p = subprocess.Popen(['sleep', '60']); print(p.pid, flush=True); time.sleep(60)"
    with running(grandchild) as worker, running("print(flush=True); time.sleep(60)") as other:
        (below,) = psutil.Process(worker).children()
        assert device_noise(monkeypatch, os.getpid(), worker, below.pid, other) == 0


def test_the_processes_of_others_are_counted_once(monkeypatch):
    assert device_noise(monkeypatch, os.getpid(), os.getppid()) == 1
    assert HostNoise(device_processes=1).disturbed


def test_numbers_of_another_pid_namespace_may_be_ours(monkeypatch):
    assert device_noise(monkeypatch, NO_SUCH_PID) == 0


def test_a_device_that_does_not_list_its_processes_has_none(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml("nvmlDeviceGetComputeRunningProcesses"))
    assert NoiseWatch(os.getpid()).stop(0.0).device_processes == 0
