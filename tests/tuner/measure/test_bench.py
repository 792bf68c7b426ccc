"""One configuration of the fake engine, measured without a search."""

import json

import pytest

from tests.tuner.fake_study import Recorder, fake_config
from tuner.core.documents import dump, load
from tuner.measure.bench import BenchDocument, run_bench
from tuner.measure.host.host_noise import HostNoise, NoiseWatch


@pytest.fixture(autouse=True)
def _quiet_machine(monkeypatch):
    """Whatever else runs here."""
    monkeypatch.setattr(NoiseWatch, "stop", lambda self, worker_cpu_s: HostNoise())


def test_a_bench_has_both_loads_and_what_a_report_shows(tmp_path):
    recorder = Recorder()
    config = fake_config(tmp_path, constraints={"ftl_ms": 0.001})
    bench = run_bench(config, [recorder], with_profile=True)
    document = bench.document
    assert (document.status, document.reason) == ("ok", ""), "limits bind nothing here"
    assert {"load_s", "load_cached_s", "rss_peak_mib", "decode_tokens_per_second"} <= set(document.metrics)
    assert document.metrics["decode_tokens_per_second"].value == pytest.approx(100 * 2**0.5, rel=1e-3)
    assert document.quality["kld"].value == 0.0
    assert (document.host_noise["rounds"], len(document.iterations)) == (6, 5), "the warm-up is no iteration"
    assert document.in_force == {"mode": "a"}
    assert list(bench.profiles) == ["pipeline_profile.json"]
    assert document.stages.bottleneck in document.stages.stages
    assert load(BenchDocument, json.loads(json.dumps(dump(document)))) == document
    assert [told[:2] for told in recorder.named("round_finished")] == [(-1, rounds) for rounds in range(1, 6)]
    assert ("profiling",) in recorder.named("progress")


def test_one_that_does_not_run_says_why(tmp_path):
    document = run_bench(fake_config(tmp_path, model={"script": [{"do": "segfault"}]}), []).document
    assert document.status == "crashed"
    assert "SIGSEGV" in document.reason
    assert document.metrics == {}
    assert document.iterations == ()
