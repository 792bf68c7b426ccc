"""The threads of a llama-server that is not told, on made-up machines: what llama.cpp's own code counts there."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from engines.llama_cpp import stock_threads as module
from engines.llama_cpp.stock_threads import stock_threads
from engines.machine_limits import usable_cores
from search_spaces.template import load_template


def machine(root: Path, siblings: Sequence[Sequence[int]], online: str = "", **files: str) -> Path:
    """A file tree with the topology of `siblings`, the CPUs of each core; `files` by their path with `__` for `/`."""
    every = sorted(cpu for core in siblings for cpu in core)
    shown = {"sys/devices/system/cpu/online": online or ",".join(map(str, every))}
    for core in siblings:
        for cpu in core:
            mask = f"{sum(1 << other for other in core):08x}\n"
            shown[f"sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings"] = mask
    for name, text in {**shown, **{name.replace("__", "/"): text for name, text in files.items()}}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def threads(root: Path, architecture: str = "x86_64") -> int:
    return stock_threads(root, architecture, "linux")


EIGHT_CORES_OF_TWO = [(core, core + 8) for core in range(8)]
LAPTOP = [*((cpu, cpu + 1) for cpu in range(0, 12, 2)), *((cpu,) for cpu in range(12, 20))]
"""Six performance cores of two threads, CPUs 0 to 11, and eight efficiency cores."""
ATOMS = {"sys__devices__cpu_core__cpus": "0-11\n", "sys__devices__cpu_atom__cpus": "12-19\n"}


def test_two_threads_of_a_core_are_one(tmp_path: Path) -> None:
    assert threads(machine(tmp_path, EIGHT_CORES_OF_TWO)) == 8


def test_without_a_second_thread_all_count(tmp_path: Path) -> None:
    assert threads(machine(tmp_path, [(cpu,) for cpu in range(12)])) == 12


@pytest.mark.parametrize(("online", "found"), [("0", 1), ("0-1", 2), ("0-3", 4), ("0-4", 2), ("0-15", 8), ("0-6,8", 4)])
def test_half_of_more_than_four_where_nothing_tells_the_cores(tmp_path: Path, online: str, found: int) -> None:
    assert threads(machine(tmp_path, [], online=online)) == found


def test_the_efficiency_cores_of_a_hybrid_do_not_count(tmp_path: Path) -> None:
    assert threads(machine(tmp_path, LAPTOP, **ATOMS)) == 6


def test_those_of_the_lowest_power_do_not_count_either(tmp_path: Path) -> None:
    cores = [*((cpu,) for cpu in range(16))]
    units = {"sys__devices__cpu_atom__cpus": "6-13", "sys__devices__cpu_lowpower__cpus": "14-15"}
    assert threads(machine(tmp_path, cores, **units)) == 3, "of six cores without a second thread it takes three"


def test_only_on_x86_are_there_efficiency_cores(tmp_path: Path) -> None:
    assert threads(machine(tmp_path, LAPTOP, **ATOMS), "aarch64") == 14


@pytest.mark.parametrize("file", ["sys__fs__cgroup__cpuset.cpus.effective", "sys__fs__cgroup__app__cpuset.cpus"])
def test_where_it_may_not_pin_a_thread_to_each_cpu_it_counts_cores(tmp_path: Path, file: str) -> None:
    groups = {"proc__self__cgroup": "0::/app\n", file: "0-3\n"}
    assert threads(machine(tmp_path, LAPTOP, **ATOMS, **groups)) == 14
    assert threads(machine(tmp_path, LAPTOP, **ATOMS, **{**groups, file: "0-19\n"})) == 6


def test_a_cpu_that_is_offline_ends_the_count(tmp_path: Path) -> None:
    """It has no topology; and of a hybrid no thread can be pinned to it."""
    plain = machine(tmp_path / "plain", [(0, 4), (1, 5), (3, 7)], online="0-1,3-5,7")
    assert threads(plain) == 2
    hybrid = machine(tmp_path / "hybrid", [c for c in LAPTOP if c != (13,)], online="0-12,14-19", **ATOMS)
    assert threads(hybrid) == 7


def test_a_quota_does_not_count_for_stock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(16)), raising=False)
    groups = {"proc__self__cgroup": "0::/\n", "sys__fs__cgroup__cpu.max": "300000 100000"}
    root = machine(tmp_path, EIGHT_CORES_OF_TWO, **groups)
    assert (threads(root), usable_cores(root)) == (8, 3)
    facts = {"cpu_cores": 3, "default_n_threads": 8, "default_n_threads_batch": 16, "stock_n_threads": threads(root)}
    space = load_template("llm").bind(facts)
    stock = space.stock_configuration()
    assert (stock["n_threads"], stock["n_threads_batch"]) == (8, 8)


def test_a_power_system_takes_two_threads_of_a_core_at_the_most(tmp_path: Path) -> None:
    cores = [tuple(range(first, first + 4)) for first in (0, 4, 8)]
    assert threads(machine(tmp_path / "four", cores), "ppc64le") == 6
    assert threads(machine(tmp_path / "one", [(0,), (1,), (2,)]), "ppc64le") == 3


@pytest.mark.parametrize(
    ("told", "found"), [({"hw.perflevel0.physicalcpu": 4, "hw.physicalcpu": 8}, 4), ({"hw.physicalcpu": 6}, 6), ({}, 3)]
)
def test_a_mac_takes_its_performance_cores(monkeypatch: pytest.MonkeyPatch, told: dict[str, int], found: int) -> None:
    monkeypatch.setattr(module, "_sysctl", lambda name: told.get(name, 0))
    monkeypatch.setattr(os, "cpu_count", lambda: 6 if found == 3 else 64)
    assert stock_threads(system="darwin") == found


def test_this_machine_has_as_many_as_it_has_cores() -> None:
    import psutil

    assert 1 <= stock_threads() <= psutil.cpu_count()
