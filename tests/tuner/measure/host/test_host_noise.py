import os
import subprocess
import sys
from contextlib import contextmanager
from types import SimpleNamespace

import psutil
import pytest

from tests.tuner.fake_nvml import GIB, FakeNvml
from tuner.measure.host import host_noise
from tuner.measure.host.host_noise import HostNoise, NoiseWatch, never_quiet, noise_message, summary

NO_SUCH_PID = 2**22 + 1  # Linux numbers processes up to 2^22


@pytest.mark.parametrize(
    ("noise", "disturbed"),
    [
        (HostNoise(), False),
        (HostNoise(others_cores=0.2, idle_share=0.0), True),
        (HostNoise(others_cores=0.2, idle_share=0.2), True),
        (HostNoise(others_cores=0.05, idle_share=0.0), False),
        (HostNoise(others_cores=5.0, idle_share=0.5), False),
        (HostNoise(steal_cores=0.2, idle_share=0.5), True),
        (HostNoise(throttled_share=0.4), False),
        (HostNoise(throttled_share=0.4, others_cores=0.2), True),
        (HostNoise(pressure_share=0.9), False),
        (HostNoise(pressure_share=0.2, others_cores=0.05), True),
        (HostNoise(pressure_share=0.2, others_cores=0.05, idle_share=0.5), False),
        (HostNoise(device_slowed=True, idle_share=0.5), True),
        (HostNoise(suspended_s=3.0, idle_share=0.9), True),
        (HostNoise(suspended_s=0.001, idle_share=0.9), False),
    ],
)
def test_others_disturb_where_there_is_no_room_for_them(noise, disturbed):
    assert noise.disturbed is disturbed


def watched(monkeypatch, tmp_path, cores, busy_s, worker_cpu_s, affinity=None):
    """The noise of a second in which each of `cores` was busy for so many seconds."""

    def write(seconds):
        rows = [("cpu", sum(seconds)), *((f"cpu{number}", s) for number, s in enumerate(seconds))]
        lines = [f"{name} {round(s / host_noise._TICK_S)} 0 0 99 0 0 0 0 0 0" for name, s in rows]
        (tmp_path / "stat").write_text("\n".join([*lines, "intr 1 2 3"]))

    clock = iter([100.0, 101.0])
    own_time = SimpleNamespace(monotonic=lambda: next(clock), process_time=lambda: 0.0)
    monkeypatch.setattr(host_noise, "_STAT", tmp_path / "stat")
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: affinity or set(range(cores)), raising=False)
    write([50.0] * cores)
    with monkeypatch.context() as patched:
        patched.setattr(host_noise, "time", own_time)
        watch = NoiseWatch(os.getpid())
        write([50.0 + s for s in busy_s])
        return watch.stop(worker_cpu_s)


def test_work_of_others_beside_idle_cores_does_not_count(monkeypatch, tmp_path):
    noise = watched(monkeypatch, tmp_path, 8, [1, 1, 1, 0, 0, 0, 0, 0], worker_cpu_s=2.0)
    assert noise.others_cores == pytest.approx(1, abs=0.1)
    assert noise.idle_share == pytest.approx(5 / 8, abs=0.01)
    assert not noise.disturbed


def test_a_little_work_of_others_counts_on_a_full_machine(monkeypatch, tmp_path):
    noise = watched(monkeypatch, tmp_path, 2, [1, 1], worker_cpu_s=1.8)
    assert noise.others_cores == pytest.approx(0.2, abs=0.05)
    assert noise.idle_share == 0
    assert noise.disturbed


def test_only_the_cores_that_this_process_may_use_are_watched(monkeypatch, tmp_path):
    elsewhere = watched(monkeypatch, tmp_path, 4, [1, 1, 0.9, 0.9], worker_cpu_s=1.8, affinity={2, 3})
    assert elsewhere.others_cores < 0.05
    assert not elsewhere.disturbed
    here = watched(monkeypatch, tmp_path, 4, [0, 0, 1, 1], worker_cpu_s=1.8, affinity={2, 3})
    assert here.disturbed


def test_waiting_for_a_core_is_a_share_of_the_round(monkeypatch):
    seconds, clock = iter([7.0, 7.5]), iter([100.0, 102.0])
    monkeypatch.setattr(host_noise, "pressure_seconds", lambda: next(seconds))
    with monkeypatch.context() as patched:
        patched.setattr(host_noise, "time", SimpleNamespace(monotonic=lambda: next(clock), process_time=lambda: 0.0))
        assert NoiseWatch(os.getpid()).stop(0.0).pressure_share == 0.25
    monkeypatch.setattr(host_noise, "pressure_seconds", lambda: None)
    assert NoiseWatch(os.getpid()).stop(0.0).pressure_share is None


def test_a_summary_has_the_parts_that_are_known():
    rounds = [HostNoise(others_cores=0.5, cpu_mhz=2000.0), HostNoise(cpu_mhz=3000.0)]
    found = summary(rounds)
    assert (found["rounds"], found["disturbed_share"], found["cpu_mhz"]) == (2, 0.5, 2500)
    assert "device_mhz" not in found
    assert summary([]) == {}


def test_what_is_said_of_the_noise_at_the_end():
    quiet, loud = {"rounds": 8.0, "disturbed_share": 0.0}, {"rounds": 4.0, "disturbed_share": 0.75}
    assert noise_message([quiet, {}]) == ""
    assert noise_message([quiet, loud]) == (
        "others on this machine disturbed 3 of 12 rounds: 0 were left out of the figures, 3 count in them"
    )
    repeated = {"rounds": 4.0, "disturbed_share": 0.5, "used_disturbed_share": 0.0}
    assert noise_message([quiet, loud, repeated]).endswith(
        "disturbed 5 of 16 rounds: 2 were left out of the figures, 3 count in them"
    )
    assert noise_message([loud]).endswith("never quiet for long, so only what a tournament proves counts")


def test_a_system_without_counters_disturbs_nothing_and_says_that_it_tells_nothing(monkeypatch, tmp_path):
    monkeypatch.setattr(host_noise, "_STAT", tmp_path / "none")
    noise = NoiseWatch(os.getpid()).stop(0.0)
    assert (noise.others_cores, noise.disturbed, noise.watched) == (0, False, False)
    assert summary([noise])["unwatched_share"] == 1
    assert "unwatched_share" not in summary([HostNoise()])
    assert noise_message([summary([noise]), {}]) == host_noise.UNWATCHED


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


def test_a_machine_that_slept_is_seen_by_its_clocks(monkeypatch):
    watch = NoiseWatch(os.getpid())
    real = host_noise._asleep_seconds()
    assert watch.stop(0.0).suspended_s == pytest.approx(0.0, abs=0.01)
    monkeypatch.setattr(host_noise, "_asleep_seconds", lambda: real + 30.0)
    assert watch.stop(0.0).suspended_s == pytest.approx(30.0, abs=0.01)


def test_where_most_rounds_were_disturbed_there_is_no_quiet_to_wait_for():
    loud, quiet = summary([HostNoise(others_cores=1.0)]), summary([HostNoise()])
    assert never_quiet([loud, loud, quiet])
    assert not never_quiet([loud, quiet, quiet])
    assert not never_quiet([])
