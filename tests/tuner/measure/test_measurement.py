import itertools
import json
import math

import pytest

from engines.base import Sample
from engines.errors import InvalidOutputError
from tests.tuner.fake_loader import NOISY, QUIET, Script, sample
from tuner.measure.measurement import Measurer, RepeatAllowance
from tuner.measure.plan import MeasurementPlan, single_round_plan
from tuner.measure.pruning import Pruner, fixed_rounds
from tuner.measure.round_metrics import round_metrics

SPEED = "decode_tokens_per_second"


def measured(
    speeds,
    noises=(),
    best=None,
    least=2,
    most=6,
    allowance=None,
    time_most_s=math.inf,
    late=False,
    time_is_up=lambda: False,
    **plan,
):
    script = Script(speeds, noises)
    pruner = Pruner(True, best, least, most, half_width=0.02, time_most_s=time_most_s)
    allowance = allowance or RepeatAllowance()
    told = []
    measurer = Measurer(script, "llm", SPEED, 1.0, allowance, lambda *round_told: told.append(round_told), time_is_up)
    result = measurer.measure(MeasurementPlan(pruner, **plan), late)
    counted = [r for r in result.rounds if r.kind != "warm_up"]
    assert len(told) == len(counted), "each round after the warm-up is told"
    return result, script


def speed(result):
    return result.metrics()["decode_tokens_per_second"].value


def test_the_first_round_does_not_count():
    result, _ = measured([95.0, 100.0, 100.1])
    assert [r.kind for r in result.rounds] == ["warm_up", "measured", "measured"]
    assert speed(result) == pytest.approx(100.05, rel=1e-4)


def test_warming_up_goes_on_until_two_rounds_agree():
    result, _ = measured([20.0, 60.0, 100.0, 100.0, 100.0])
    assert [r.kind for r in result.rounds] == ["warm_up", "warm_up", "warm_up", "measured", "measured"]


def test_a_disturbed_round_is_measured_again_and_kept_aside():
    result, script = measured([100.0, 100.0, 10.0, 100.1], [QUIET, QUIET, NOISY, QUIET])
    assert [r.kind for r in result.rounds] == ["warm_up", "measured", "disturbed", "measured"]
    assert speed(result) == pytest.approx(100, rel=0.01)
    assert script.passes == 4


def test_on_a_machine_that_is_never_quiet_the_rounds_end_and_count():
    result, script = measured([100.0, 100.0, 90.0, 80.0], itertools.repeat(NOISY))
    assert script.passes < 20
    assert {r.kind for r in result.used} == {"disturbed"}
    assert result.metrics()["decode_tokens_per_second"].ci95 is not None


def test_a_slow_configuration_takes_a_share_of_the_time_and_no_more():
    """A round takes a second here: the warm-up and one that counts, although it was disturbed."""
    for noise in (QUIET, NOISY):
        result, script = measured([100.0, 90.0], itertools.repeat(noise), time_most_s=1.5)
        assert script.passes == 2
        assert speed(result) == pytest.approx(90, rel=0.01)


def test_a_late_trial_does_not_warm_up_further_and_is_cut_where_it_is_hopeless():
    result, script = measured([20.0, 60.0, 100.0], time_most_s=0.5)
    assert [r.kind for r in result.rounds] == ["warm_up", "measured"]
    noisy = itertools.repeat(NOISY)
    result, script = measured([100.0, 40.0], noisy, best=100.0, time_most_s=0.5)
    assert result.pruned
    assert script.passes == 2


def test_a_single_round_is_warmed_up_by_the_first_item_and_taken_as_it_is():
    script = Script([100.0, 90.0, 80.0], [QUIET, NOISY])
    plan = single_round_plan()
    result = Measurer(script, "llm", SPEED, 1.0, RepeatAllowance()).measure(plan)
    assert script.deadlines == [0.0, None], "no further item is begun in the warm-up"
    assert [r.kind for r in result.rounds] == ["disturbed"]
    assert speed(result) == pytest.approx(90.0)


@pytest.mark.parametrize(("warm_up", "late"), [("first_item", True), ("whole_pass", False), ("until_steady", True)])
def test_what_compiles_lazily_and_what_is_told_to_has_a_whole_first_pass(warm_up, late):
    script = Script([5.0, 100.0])
    plan = MeasurementPlan(fixed_rounds(3), warm_up)
    result = Measurer(script, "llm", SPEED, 1.0, RepeatAllowance()).measure(plan, late)
    assert script.deadlines[0] is None
    assert len(result.used) == 3
    assert speed(result) == pytest.approx(100.0)


def test_a_disturbed_round_that_must_not_be_repeated_counts_where_there_is_no_other():
    noises = [QUIET, NOISY, NOISY, QUIET]
    result, script = measured([100.0, 100.0, 10.0, 100.1], noises, most=2, repeat_disturbed="never")
    assert [r.kind for r in result.rounds] == ["warm_up", "disturbed", "disturbed"]
    assert script.passes == 3


def test_once_the_time_is_up_the_round_under_way_is_the_last_one():
    result, script = measured([100.0, 50.0, 70.0], time_is_up=lambda: True)
    assert [r.kind for r in result.rounds] == ["warm_up", "measured"]
    assert script.passes == 2


def test_energy_is_per_unit_where_an_instrument_tells_it():
    script = Script([100.0], energy_j=22.0)
    result = Measurer(script, "llm", SPEED, 1.0, RepeatAllowance()).measure(single_round_plan())
    assert result.metrics()["energy_j_per_unit"].value == pytest.approx(2.0), "of eleven tokens"


def test_repeats_are_rationed_over_the_study():
    allowance = RepeatAllowance()
    allowed = 0
    for _ in range(200):
        allowance.rounds += 1
        allowed += allowance.take()
    assert 15 <= allowed <= 25


def test_a_clearly_slower_configuration_is_cut_off():
    result, script = measured([30.0, 30.0], best=100.0)
    assert result.pruned
    assert script.passes == 1
    assert speed(result) == pytest.approx(30.0)


def test_a_first_pass_that_compiles_is_not_held_against_it():
    result, _ = measured([5.0, 120.0, 121.0], best=100.0, late=True)
    assert not result.pruned
    assert speed(result) > 100
    hopeless, script = measured([5.0, 30.0, 30.0], best=100.0, late=True)
    assert hopeless.pruned
    assert script.passes == 3


def test_a_disturbed_warm_up_cuts_nothing():
    result, _ = measured([12.0, 100.0, 100.0], [NOISY], best=100.0)
    assert not result.pruned
    assert speed(result) == pytest.approx(100.0)


def test_on_a_machine_that_is_never_quiet_what_is_hopeless_is_still_cut():
    allowance = RepeatAllowance(least=0)
    result, script = measured([30.0], itertools.repeat(NOISY), best=100.0, allowance=allowance)
    assert result.pruned
    assert script.passes == 3
    near, _ = measured([70.0], itertools.repeat(NOISY), best=100.0, allowance=RepeatAllowance(least=0))
    assert not near.pruned


def test_the_output_text_is_kept_once():
    result, _ = measured([100.0])
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
        (Sample("a", (0.1,), 0.1, 5, 1, due=8), "there is no pace"),
        (Sample("a", (0.1, 0.1), 0.1, 5, 2), "no decode speed"),
    ],
)
def test_samples_that_no_one_could_deploy_are_refused(broken, words):
    with pytest.raises(InvalidOutputError, match=words):
        round_metrics("llm", [broken])


def test_answers_of_one_token_have_no_speed_and_a_first_token_all_the_same():
    metrics = round_metrics("llm", [Sample("a", (0.2,), 0.2, 5, 1, due=1), Sample("b", (0.4,), 0.4, 5, 1, due=1)])
    assert metrics["response_s"] == pytest.approx(0.3)
    assert not {"decode_tokens_per_second", "itl_ms_p95"} & set(metrics)


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
