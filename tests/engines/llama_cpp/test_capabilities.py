from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from engines.base import Capabilities
from engines.llama_cpp import LlamaCppEngine, capabilities
from engines.llama_cpp.capabilities import mlock_permitted
from engines.llama_cpp.stock_threads import stock_threads
from engines.machine_limits import usable_cores


def test_the_facts_that_bind_the_search_space(capabilities: Capabilities) -> None:
    facts = capabilities.facts
    assert facts["cpu_cores"] == usable_cores() >= 1
    assert facts["numa_nodes"] >= 1
    assert (facts["gpu_count"] > 0) == facts["gpu_offload"]
    assert facts["stock_n_threads"] == stock_threads()
    assert {type(facts[name]) for name in ("gpu_offload", "mmap", "mlock")} == {bool}


def test_the_defaults_are_the_librarys_own(capabilities: Capabilities, engine: LlamaCppEngine, tiny_file: Path) -> None:
    from engines.llama_cpp.loading import load

    llama = load(str(tiny_file), {}, 256)
    try:
        assert capabilities.facts["default_n_threads"] == llama.n_threads
        assert capabilities.facts["default_n_threads_batch"] == llama.n_threads_batch
    finally:
        llama.close()


def test_the_build_is_identified(capabilities: Capabilities) -> None:
    assert capabilities.build["version"] == "0.3.36"
    assert capabilities.build["llama_cpp"]
    assert len(capabilities.build["build"]) == 12
    assert "CPU" in capabilities.build["features"]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs affinity")
def test_cores_follow_the_affinity() -> None:
    code = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n" \
           "from engines.llama_cpp.capabilities import capabilities as of; print(of().facts['cpu_cores'])"  # fmt: skip
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "1\n"


def test_locking_memory_needs_a_limit_above_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capabilities, "_may_lock_any_amount", lambda: False)
    monkeypatch.setattr(resource, "getrlimit", lambda which: (1 << 30, 1 << 30))
    assert mlock_permitted(1 << 29)
    assert not mlock_permitted(1 << 31)
    monkeypatch.setattr(resource, "getrlimit", lambda which: (8 << 20, 8 << 20))
    assert not mlock_permitted(1 << 20)
    monkeypatch.setattr(resource, "getrlimit", lambda which: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert mlock_permitted(1 << 40)
    monkeypatch.setattr(capabilities, "_may_lock_any_amount", lambda: True)
    monkeypatch.setattr(resource, "getrlimit", lambda which: (0, 0))
    assert mlock_permitted(1 << 40)
