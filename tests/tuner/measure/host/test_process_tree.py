"""What runs below a process."""

import os
import subprocess
import sys
import textwrap
import time

import psutil
import pytest

from tests.tuner.fake_nvml import GIB, FakeNvml
from tuner.measure.host import memory, process_tree
from tuner.measure.host.host_noise import NoiseWatch
from tuner.measure.host.memory import DevicePeak
from tuner.measure.host.process_tree import below, has_children, is_within

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")

BUSY_S, HELD_MIB = 0.3, 50
CHILD = f"""
import sys, time
held = b"x" * ({HELD_MIB} << 20)
while time.process_time() < {BUSY_S}:
    pass
print("ready", flush=True)
sys.stdin.readline()
"""


def started(code, *arguments):
    """A Python program that has printed a line, and waits for one; with the line."""
    program = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
    )  # fmt: skip
    return program, program.stdout.readline().strip()


def ended(program):
    program.communicate("\n", timeout=60)


def test_cpu_time_and_memory_of_a_child_and_of_one_that_has_ended():
    before, own_children = below(os.getpid()), has_children()
    program, _ = started(CHILD)
    during = below(os.getpid())
    assert has_children()
    assert is_within(program.pid, os.getpid())
    assert is_within(os.getpid(), os.getpid())
    assert not is_within(os.getpid(), program.pid)
    ended(program)
    assert during.cpu_s - before.cpu_s >= BUSY_S - 0.05
    assert during.peak_mib - before.peak_mib >= HELD_MIB
    assert below(os.getpid()).peak_mib <= before.peak_mib + HELD_MIB / 2
    assert has_children() is own_children
    assert not is_within(program.pid, os.getpid())


PARENT = """
import os, subprocess, sys
from tuner.measure.host.process_tree import adopt_orphans, has_children, waited_cpu_s
before = has_children(), waited_cpu_s()
adopt_orphans()
# A child that starts one of its own in a session of its own, and leaves it behind.
quiet = "stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True"
start = f"import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', sys.argv[1]], {quiet}).pid)"
told = subprocess.run([sys.executable, "-c", start, sys.argv[1]], capture_output=True, text=True, check=True)
print(*before, has_children(), waited_cpu_s(), told.stdout, flush=True)
sys.stdin.readline()
"""
ORPHAN = "import time; time.sleep(600)"


def test_what_a_child_leaves_behind_is_still_found():
    program, line = started(PARENT, ORPHAN)
    had, waited_before, has, waited, pid = line.split()
    assert (had, has) == ("False", "True")
    assert float(waited_before) == 0 < float(waited)
    orphan = psutil.Process(int(pid))
    try:
        assert is_within(orphan.pid, program.pid)
        assert orphan.ppid() == program.pid
        assert orphan.pid in {p.pid for p in psutil.Process(program.pid).children(recursive=True)}
    finally:
        orphan.kill()
        ended(program)


def test_a_name_may_hold_anything(tmp_path, monkeypatch):
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "stat").write_text("7 (a) b (1 2)) S 5 7 7 1 1 1 1 1 1 1 100 50 25 25 20 0 1")
    monkeypatch.setattr(process_tree, "_PROC", tmp_path)
    one = process_tree._process(7)
    assert (one.pid, one.parent) == (7, 5)
    assert one.cpu_s == pytest.approx(200 * process_tree._TICK_S)


def test_without_proc_memory_is_told_and_cpu_time_is_not(monkeypatch, tmp_path):
    program, _ = started(CHILD)
    monkeypatch.setattr(process_tree, "_PROC", tmp_path)
    told = below(os.getpid())
    inside = is_within(program.pid, os.getpid())
    ended(program)
    assert told.cpu_s == 0
    assert told.peak_mib >= HELD_MIB
    assert inside


def test_device_memory_of_a_child_is_the_workers_and_no_work_of_others(monkeypatch):
    program, _ = started(CHILD)
    nvml = FakeNvml()
    nvml.processes = [[(os.getpid(), GIB), (program.pid, 2 * GIB), (os.getppid(), 4 * GIB)], []]
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    monkeypatch.setattr(memory, "_POLL_S", 0.001)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    with DevicePeak(os.getpid()) as peak:
        while peak.peak_mib is None:
            time.sleep(0.001)
    told = NoiseWatch(program.pid).stop(0.0).device_processes
    ended(program)
    assert peak.peak_mib == 3 * 1024
    assert told == 1, "the parent of this process, and neither this one nor its child"
