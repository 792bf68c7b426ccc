"""Configurations of the fake engine in real workers, and what is read of the host meanwhile."""

from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from engines.fake.engine import SERVER_CPU_S, SERVER_MIB, FakeEngine
from engines.judgement import Judgement
from tuner.core.trial import TrialStatus
from tuner.measure import worker_loader
from tuner.measure.host.host_noise import HostNoise
from tuner.measure.loaded import RunFailedError
from tuner.measure.worker_loader import WorkerLoader

PARAMS = {"threads": 2, "mode": "a", "turbo": False, "scale": 1.0, "precision": "high"}
TIMEOUT_S = 60.0
ITEMS = 2


def loader(*faults):
    engine = FakeEngine()
    model = engine.resolve_model({"script": [{"do": fault} for fault in faults]}, lambda text: None)
    workload = engine.resolve_workload({}, model, lambda text: None)
    return WorkerLoader(engine, model, workload, TIMEOUT_S)


def test_a_configuration_runs_and_is_judged_in_a_process_of_its_own():
    loads, pids = loader(), []
    for _ in range(2):
        with loads.load(PARAMS, cold=False) as loaded:
            measured = loaded.run_pass(TIMEOUT_S)
            first = loaded.run_pass(TIMEOUT_S, 0.0)
            assert (len(measured.samples), len(first.samples)) == (ITEMS, 1)
            assert measured.rss_peak_mib > 5
            assert not loaded.has_children
            assert loaded.quality({}, TIMEOUT_S) == Judgement({"kld": 0.0, "top1_agreement": 1.0, "perplexity": 10.0})
            assert loaded.inspect("in_force", TIMEOUT_S) == {"mode": "a"}
            assert list(loaded.inspect("profile", TIMEOUT_S)) == ["pipeline_profile.json"]
            assert loaded.load_s < loaded.engine_s
            pids.append(loaded.worker.pid)
        assert not psutil.pid_exists(pids[-1])
    assert len(set(pids)) == 2
    assert loads.engine_s > 0


def test_a_load_that_fails_says_why_and_its_time_counts():
    loads = loader("out_of_memory")
    with pytest.raises(RunFailedError, match="99 GiB") as raised, loads.load(PARAMS, cold=False):
        pass
    assert raised.value.status is TrialStatus.OUT_OF_MEMORY
    assert loads.engine_s > 0


@contextmanager
def watched(monkeypatch):
    """The CPU seconds that each watch is told were the worker's and of what runs below it."""
    told = []

    class Watch:
        def __init__(self, pid):
            pass

        def stop(self, worker_cpu_s):
            told.append(worker_cpu_s)
            return HostNoise()

    monkeypatch.setattr(worker_loader, "NoiseWatch", Watch)
    yield told


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only /proc tells the CPU time of other processes")
def test_a_server_that_an_engine_starts_is_measured_with_it(monkeypatch):
    """It holds 100 MiB and computes for each item; none of that is work of others."""
    with loader().load(PARAMS, cold=False) as alone:
        alone_mib = alone.run_pass(TIMEOUT_S).rss_peak_mib
    with watched(monkeypatch) as told, loader("server").load(PARAMS, cold=False) as loaded:
        assert loaded.has_children
        passes = [loaded.run_pass(TIMEOUT_S) for _ in range(2)]
        server = psutil.Process(loaded.worker.pid).children()[0]
    assert all(p.rss_peak_mib > alone_mib + SERVER_MIB for p in passes)
    assert all(cpu_s >= ITEMS * SERVER_CPU_S - 0.05 for cpu_s in told), "less what the counters cannot resolve"
    assert all(cpu_s < ITEMS * SERVER_CPU_S + 0.5 for cpu_s in told), "and none of what it took before the pass"
    assert not server.is_running()
