import itertools
import json
import math
from types import SimpleNamespace

import pytest

from engines.base import Sample
from engines.errors import InvalidOutputError
from tuner.measure import measurement
from tuner.measure.host.host_noise import HostNoise
from tuner.measure.measurement import Measurer, RepeatAllowance
from tuner.measure.pruning import Pruner
from tuner.measure.round_metrics import round_metrics

QUIET, NOISY = HostNoise(), HostNoise(others_cores=1.0)


def sample(rate, tokens=11, first=0.1):
    times = tuple(first + i / rate for i in range(tokens))
    return Sample("a", times, times[-1], 20.0, tokens, "text")


class Script:
    """A worker that decodes at the scripted speeds, one a round."""

    pid = 0

    def __init__(self, speeds):
        self._speeds = iter(speeds)
        self.rounds = 0

    def ask(self, operation, timeout_s, deadline_s=None):
        self.rounds += 1
        taken = sample(next(self._speeds))
        document = {**vars(taken), "output_times_s": list(taken.output_times_s)}
        return {"samples": [document], "wall_s": 1.0, "cpu_s": 1.0, "rss_peak_mib": 10.0}


def measured(
    monkeypatch, speeds, noises=(), best=None, least=2, most=6, allowance=None, time_most_s=math.inf, late=False
):
    noise = itertools.chain(noises, itertools.repeat(QUIET))
    monkeypatch.setattr(measurement, "NoiseWatch", lambda pid: SimpleNamespace(stop=lambda cpu_s: next(noise)))
    worker = Script(itertools.chain(speeds, itertools.repeat(speeds[-1])))
    pruner = Pruner(True, best, least, most, half_width=0.02, time_most_s=time_most_s)
    measurer = Measurer("llm", "decode_tokens_per_second", 1.0, allowance or RepeatAllowance())
    return measurer.measure(worker, pruner, late), worker


def speed(result):
    return result.metrics()["decode_tokens_per_second"].value


def test_the_first_round_does_not_count(monkeypatch):
    result, _ = measured(monkeypatch, [95.0, 100.0, 100.1])
    assert [r.kind for r in result.rounds] == ["warm_up", "measured", "measured"]
    assert speed(result) == pytest.approx(100.05, rel=1e-4)


def test_warming_up_goes_on_until_two_rounds_agree(monkeypatch):
    result, _ = measured(monkeypatch, [20.0, 60.0, 100.0, 100.0, 100.0])
    assert [r.kind for r in result.rounds] == ["warm_up", "warm_up", "warm_up", "measured", "measured"]


def test_a_disturbed_round_is_measured_again_and_kept_aside(monkeypatch):
    result, worker = measured(monkeypatch, [100.0, 100.0, 10.0, 100.1], [QUIET, QUIET, NOISY, QUIET])
    assert [r.kind for r in result.rounds] == ["warm_up", "measured", "disturbed", "measured"]
    assert speed(result) == pytest.approx(100, rel=0.01)
    assert worker.rounds == 4


def test_on_a_machine_that_is_never_quiet_the_rounds_end_and_count(monkeypatch):
    result, worker = measured(monkeypatch, [100.0, 100.0, 90.0, 80.0], itertools.repeat(NOISY))
    assert worker.rounds < 20
    assert {r.kind for r in result.used} == {"disturbed"}
    assert result.metrics()["decode_tokens_per_second"].ci95 is not None


def test_a_slow_configuration_takes_a_share_of_the_time_and_no_more(monkeypatch):
    """A round takes a second here: the warm-up and one that counts, although it was disturbed."""
    for noise in (QUIET, NOISY):
        result, worker = measured(monkeypatch, [100.0, 90.0], itertools.repeat(noise), time_most_s=1.5)
        assert worker.rounds == 2
        assert speed(result) == pytest.approx(90, rel=0.01)


def test_a_late_trial_does_not_warm_up_further_and_is_cut_where_it_is_hopeless(monkeypatch):
    result, worker = measured(monkeypatch, [20.0, 60.0, 100.0], time_most_s=0.5)
    assert [r.kind for r in result.rounds] == ["warm_up", "measured"]
    noisy = itertools.repeat(NOISY)
    result, worker = measured(monkeypatch, [100.0, 40.0], noisy, best=100.0, time_most_s=0.5)
    assert result.pruned
    assert worker.rounds == 2


def test_repeats_are_rationed_over_the_study():
    allowance = RepeatAllowance()
    allowed = 0
    for _ in range(200):
        allowance.rounds += 1
        allowed += allowance.take()
    assert 15 <= allowed <= 25


def test_a_clearly_slower_configuration_is_cut_off(monkeypatch):
    result, worker = measured(monkeypatch, [30.0, 30.0], best=100.0)
    assert result.pruned
    assert worker.rounds == 1
    assert speed(result) == pytest.approx(30.0)


def test_a_first_pass_that_compiles_is_not_held_against_it(monkeypatch):
    result, _ = measured(monkeypatch, [5.0, 120.0, 121.0], best=100.0, late=True)
    assert not result.pruned
    assert speed(result) > 100
    hopeless, worker = measured(monkeypatch, [5.0, 30.0, 30.0], best=100.0, late=True)
    assert hopeless.pruned
    assert worker.rounds == 3


def test_a_disturbed_warm_up_cuts_nothing(monkeypatch):
    result, _ = measured(monkeypatch, [12.0, 100.0, 100.0], [NOISY], best=100.0)
    assert not result.pruned
    assert speed(result) == pytest.approx(100.0)


def test_on_a_machine_that_is_never_quiet_what_is_hopeless_is_still_cut(monkeypatch):
    allowance = RepeatAllowance(least=0)
    result, worker = measured(monkeypatch, [30.0], itertools.repeat(NOISY), best=100.0, allowance=allowance)
    assert result.pruned
    assert worker.rounds == 3
    near, _ = measured(monkeypatch, [70.0], itertools.repeat(NOISY), best=100.0, allowance=RepeatAllowance(least=0))
    assert not near.pruned


def test_the_output_text_is_kept_once(monkeypatch):
    result, _ = measured(monkeypatch, [100.0])
    document = json.loads(json.dumps(result.to_json()))
    outputs = [s.get("output") for r in document["rounds"] for s in r["samples"]]
    assert outputs == ["text"] + [None] * (len(outputs) - 1)


def test_llm_metrics_of_a_known_round():
    fast, slow = sample(100.0, tokens=11, first=0.2), sample(50.0, tokens=11, first=0.4)
    metrics = round_metrics("llm", [fast, slow])
    assert metrics["decode_tokens_per_second"] == pytest.approx(20 / 0.3)
    assert metrics["prefill_tokens_per_second"] == pytest.approx(40 / 0.6)
    assert metrics["ftl_ms"] == pytest.approx(300)
    assert metrics["ftl_ms_p95"] == pytest.approx(390)
    assert metrics["itl_ms_p95"] == pytest.approx(20)
    assert metrics["response_s"] == pytest.approx(0.45)
    assert "engine_decode_tokens_per_second" not in metrics


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (Sample("a", (), 0.1, 5, 0), "no output"),
        (Sample("a", (0.1, float("nan")), 0.2, 5, 2), "not a finite number"),
        (Sample("a", (0.2, 0.1), 0.3, 5, 2), "backwards"),
        (Sample("a", (0.1, 0.2), 0.15, 5, 2), "backwards"),
        (Sample("a", (0.1,), 0.1, 5, 1), "no decode speed"),
    ],
)
def test_samples_that_no_one_could_deploy_are_refused(broken, words):
    with pytest.raises(InvalidOutputError, match=words):
        round_metrics("llm", [broken])


def spoken(first, done, seconds, **more):
    return Sample("a", (first, done), done, 10.0, seconds, "pattern", **more)


def test_the_metrics_of_speech_synthesis_pool_over_the_texts():
    metrics = round_metrics("tts", [spoken(0.1, 1.0, 2.0, stall_s=0.2), spoken(0.3, 2.0, 8.0), spoken(0.2, 1.0, 2.0)])
    assert metrics["ftl_ms"] == pytest.approx(200)
    assert metrics["rtf"] == pytest.approx(4 / 12)
    assert metrics["throughput_x"] == pytest.approx(12 / 4)
    assert metrics["synthesis_s"] == pytest.approx(4 / 3)
    assert metrics["stall_ms"] == pytest.approx(200)


def test_a_text_takes_until_its_last_audio_and_the_engine_until_it_is_done():
    metrics = round_metrics("tts", [Sample("a", (0.1, 0.2), 0.5, 10.0, 2.0)])
    assert (metrics["rtf"], metrics["synthesis_s"]) == (pytest.approx(0.1), pytest.approx(0.2))
    assert metrics["throughput_x"] == pytest.approx(4)


def test_audio_that_is_no_work_done_does_not_count():
    """Longer than the reference's, or out of a cache: neither makes an engine faster."""
    plain = spoken(0.1, 1.0, 2.0)
    assert round_metrics("tts", [spoken(0.1, 1.0, 3.0, due=2.0)])["rtf"] == round_metrics("tts", [plain])["rtf"]
    with_hit = round_metrics("tts", [plain, spoken(0.0, 0.0, 2.0, due=0.0)])
    assert with_hit["rtf"] == pytest.approx(0.5)
    assert with_hit["throughput_x"] == pytest.approx(2)
    assert round_metrics("tts", [spoken(0.0, 0.5, 2.0, due=0.0)])["rtf"] == pytest.approx(0.25)


def test_requests_at_once_each_have_their_own_time_and_share_the_wall_clock():
    metrics = round_metrics("tts", [spoken(0.1, 2.0, 12.0, requests=4, requests_s=7.0)])
    assert metrics["rtf"] == pytest.approx(7 / 12)
    assert metrics["synthesis_s"] == pytest.approx(7 / 4)
    assert metrics["throughput_x"] == pytest.approx(6)
