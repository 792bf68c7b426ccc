import os

import psutil
import pytest

from engines.machine_limits import memory_limit_bytes, permitted_cpus, usable_cores

GIB = 1024**3


def machine(root, membership, files):
    """A file system with this process's control groups."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(membership)
    for name, content in files.items():
        file = root / "sys/fs/cgroup" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    return root


@pytest.fixture
def many_cores(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(16)), raising=False)


@pytest.fixture
def much_memory(monkeypatch):
    class Memory:
        total = 64 * GIB

    monkeypatch.setattr(psutil, "virtual_memory", lambda: Memory)


V2 = "0::/app\n"
V1 = "5:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n"


@pytest.mark.parametrize(
    ("membership", "files", "cores"),
    [
        (V2, {"app/cpu.max": "400000 100000"}, 4),
        (V2, {"app/cpu.max": "250000 100000"}, 3),
        (V2, {"app/cpu.max": "50000 100000"}, 1),
        (V2, {"app/cpu.max": "max 100000"}, 16),
        (V2, {"app/cpu.max": "max 100000", "cpu.max": "300000 100000"}, 3),
        (V2, {"app/cpu.max": "800000 100000", "cpu.max": "300000 100000"}, 3),
        ("0::/gone/from/here\n", {"cpu.max": "300000 100000"}, 3),
        (V2, {"app/cpu.max": "garbage"}, 16),
        (V2, {"app/cpu.max": "100000 0"}, 16),
        (V1, {"cpu/docker/abc/cpu.cfs_quota_us": "200000", "cpu/docker/abc/cpu.cfs_period_us": "100000"}, 2),
        (V1, {"cpu/docker/abc/cpu.cfs_quota_us": "-1", "cpu/docker/abc/cpu.cfs_period_us": "100000"}, 16),
        (V1, {"cpu/cpu.cfs_quota_us": "200000", "cpu/cpu.cfs_period_us": "50000"}, 4),
        ("", {}, 16),
    ],
)
def test_the_tightest_cpu_quota_counts(tmp_path, many_cores, membership, files, cores):
    assert usable_cores(machine(tmp_path, membership, files)) == cores


def test_affinity_counts_where_it_is_tighter(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3}, raising=False)
    assert usable_cores(machine(tmp_path, V2, {"app/cpu.max": "400000 100000"})) == 1


@pytest.mark.parametrize(
    ("membership", "files", "cpus"),
    [
        (V2, {"app/cpuset.cpus.effective": "0-2,8\n"}, {0, 1, 2, 8}),
        (V2, {"app/cpu.max": "max 100000", "cpuset.cpus.effective": "4"}, {4}),
        ("7:cpuset:/docker/abc\n", {"cpuset/docker/abc/cpuset.effective_cpus": "0,2"}, {0, 2}),
        (V2, {"app/cpuset.cpus.effective": "\n"}, None),
        (V2, {"app/cpuset.cpus.effective": "some"}, None),
        ("", {}, None),
    ],
)
def test_a_thread_may_be_pinned_to_the_cpus_of_the_innermost_cpuset(tmp_path, membership, files, cpus):
    assert permitted_cpus(machine(tmp_path, membership, files)) == cpus


def test_without_control_groups_the_machine_counts(tmp_path, many_cores, much_memory):
    assert usable_cores(tmp_path) == 16
    assert memory_limit_bytes(tmp_path) == 64 * GIB


@pytest.mark.parametrize(
    ("membership", "files", "gib"),
    [
        (V2, {"app/memory.max": str(8 * GIB)}, 8),
        (V2, {"app/memory.max": "max"}, 64),
        (V2, {"app/memory.max": str(100 * GIB)}, 64),
        (V2, {"app/memory.max": str(8 * GIB), "memory.max": str(4 * GIB)}, 4),
        (V1, {"memory/docker/abc/memory.limit_in_bytes": str(8 * GIB)}, 8),
        (V1, {"memory/docker/abc/memory.limit_in_bytes": "9223372036854771712"}, 64),
        (V1, {"memory/memory.limit_in_bytes": str(8 * GIB)}, 8),
    ],
)
def test_the_tightest_memory_limit_counts(tmp_path, much_memory, membership, files, gib):
    assert memory_limit_bytes(machine(tmp_path, membership, files)) == gib * GIB


def test_the_real_machine_has_cores_and_memory():
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)
    assert GIB / 4 < memory_limit_bytes() <= psutil.virtual_memory().total
