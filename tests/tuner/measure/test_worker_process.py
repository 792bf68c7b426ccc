"""Real worker processes with the fake engine's scripted faults."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import asdict

import psutil
import pytest

from engines.base import Workload
from engines.fake import FakeEngine
from search_spaces.errors import TunerError
from tuner.core.trial import TrialStatus
from tuner.measure.worker_process import Worker, WorkerFailedError, ask

TIMEOUT_S = 240.0
"""Nothing takes so long: it is what a busy machine may take, and more than what a test may."""


def opened(worker, *faults):
    """Open the fake engine with `faults` on every configuration."""
    engine = FakeEngine()
    model = engine.resolve_model({"script": [{"do": f} for f in faults]}, lambda text: None)
    workload = engine.resolve_workload({}, model, lambda text: None)
    return worker.ask("open", TIMEOUT_S, model=asdict(model), params={}, workload=asdict(workload), evict="")


def failure_of(*faults, timeout_s=TIMEOUT_S):
    with Worker("fake") as worker:
        try:
            opened(worker, *faults)
            worker.ask("round", timeout_s)
        except WorkerFailedError as failure:
            return failure
    pytest.fail(f"{faults} did no harm")


def test_a_round_yields_samples_and_usage():
    with Worker("fake") as worker:
        loaded = opened(worker)
        answer = worker.ask("round", TIMEOUT_S)
    assert loaded["load_s"] >= 0
    assert [s["item_id"] for s in answer["samples"]] == ["item-0", "item-1"]
    assert answer["rss_peak_mib"] > 5


@pytest.mark.parametrize(
    ("fault", "status", "words"),
    [
        ("segfault", TrialStatus.CRASHED, "SIGSEGV; its last words: about to fault"),
        ("kill", TrialStatus.OUT_OF_MEMORY, "SIGKILL"),
        ("exit", TrialStatus.CRASHED, "exit status 3"),
        ("raise", TrialStatus.CRASHED, "RuntimeError: scripted failure"),
        ("garbage", TrialStatus.CRASHED, "garbage"),
        ("out_of_memory", TrialStatus.OUT_OF_MEMORY, "99 GiB"),
        ("unsupported", TrialStatus.UNSUPPORTED, "no such kernel"),
        ("invalid", TrialStatus.INVALID_OUTPUT, "not finite"),
    ],
)
def test_each_fault_has_its_status_and_one_line_of_reason(fault, status, words):
    failure = failure_of(fault)
    assert failure.status is status
    assert words in failure.reason
    assert "\n" not in failure.reason


def test_a_hang_is_ended_within_the_timeout():
    """What hangs would do so for an hour."""
    failure = failure_of("hang", timeout_s=0.5)
    assert failure.status is TrialStatus.TIMED_OUT
    assert "within 0.5 s" in failure.reason


def test_a_death_is_noticed_though_a_child_keeps_the_pipe_open():
    with Worker("fake") as worker:
        opened(worker, "fork", "segfault")
        with pytest.raises(WorkerFailedError, match="SIGSEGV; its last words: about to fault") as caught:
            worker.ask("round", TIMEOUT_S)  # not noticed, it would be a timeout
        with pytest.raises(WorkerFailedError, match="SIGSEGV"):
            worker.ask("round", TIMEOUT_S)  # the child takes the question and will not answer it
    assert caught.value.status is TrialStatus.CRASHED


def test_what_an_engine_prints_cannot_reach_the_answers():
    with Worker("fake") as worker:
        opened(worker, "print")
        assert len(worker.ask("round", TIMEOUT_S)["samples"]) == 2


def test_processes_that_an_engine_started_end_with_its_worker():
    with Worker("fake") as worker:
        opened(worker, "fork")
        children = psutil.Process(worker.pid).children(recursive=True)
    assert children
    assert not [c for c in psutil.wait_procs(children, timeout=60)[1] if c.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_a_worker_dies_with_its_parent(end):
    program = textwrap.dedent("""
        import time
        from tuner.measure.worker_process import Worker
        worker = Worker("fake")
        worker.ask("capabilities", 240)
        print(worker.pid, flush=True)
        time.sleep(600)
    """)
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        pid = int(parent.stdout.readline())
        os.kill(parent.pid, end)
        parent.wait(timeout=60)
        deadline = time.monotonic() + 60
        while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < deadline, "the worker outlived its parent"
            time.sleep(0.05)


def test_outside_a_trial_an_engine_fault_is_one_line_for_the_user():
    with pytest.raises(TunerError, match="unknown fault 'sefgault'") as caught:
        ask("fake", "resolve", TIMEOUT_S, model={"script": [{"do": "sefgault"}]}, workload={})
    assert "did you mean 'segfault'" in caught.value.hint


def test_progress_is_passed_on():
    heard = []
    engine = FakeEngine()
    model = asdict(engine.resolve_model({}, heard.append))
    with Worker("fake", heard.append) as worker:
        worker.ask("prepare", TIMEOUT_S, model=model, params={})
    assert heard == ["nothing to prepare"]


def test_workloads_with_the_same_items_have_the_same_digest():
    engine = FakeEngine()
    model = engine.resolve_model({}, lambda text: None)
    one, two = (engine.resolve_workload({}, model, lambda text: None) for _ in range(2))
    other = engine.resolve_workload({"tokens": 17}, model, lambda text: None)
    assert one.digest == two.digest != other.digest
    assert Workload("renamed", one.items, one.quality).digest == one.digest
