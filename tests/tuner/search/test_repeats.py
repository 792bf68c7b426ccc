"""Trials measured again in new processes of the fake engine."""

import pytest

from tests.tuner.fake_study import fake_config
from tuner.core.trial import MetricValue, TrialResult, TrialStatus
from tuner.measure.preparation import prepare
from tuner.search.repeats import (
    SHARE_MOST,
    SHARE_MOST_AT_THE_END,
    TRIALS_LEAST,
    Repeat,
    allowed,
    just_measured,
    measure_again,
    price,
)

SPEED = "decode_tokens_per_second"


def repeated(tmp_path, pace=1.0, script=()):
    prepared = prepare(fake_config(tmp_path, model={"script": list(script)}), lambda text: None)
    params = dict(prepared.space.baseline)
    trial = TrialResult(5, params, TrialStatus.OK, metrics={SPEED: MetricValue(1.0, None, "tok/s")}, rounds=1)
    return measure_again(prepared.runner(), trial, SPEED, pace)


def test_one_round_in_a_process_of_its_own(tmp_path):
    repeat = repeated(tmp_path)
    assert (repeat.trial, repeat.rounds, repeat.reason) == (5, 1, "")
    assert repeat.value == pytest.approx(100 * 2**0.5, rel=1e-3)
    assert repeat.took_s > 0


def test_what_a_constraint_is_on_is_kept(tmp_path):
    config = fake_config(tmp_path, constraints={"ftl_ms": 100.0, "kld": 0.05})
    prepared = prepare(config, lambda text: None)
    repeat = measure_again(prepared.runner(), TrialResult(5, dict(prepared.space.baseline), TrialStatus.OK), SPEED, 2.0)
    assert repeat.constrained == {"ftl_ms": pytest.approx(1e3 * 15 / (1000 * 2**0.5), rel=1e-2)}, "not at another pace"


def test_its_value_is_at_the_machines_first_pace(tmp_path):
    assert repeated(tmp_path, pace=2.0).value == pytest.approx(50 * 2**0.5, rel=1e-3)


def test_one_that_fails_has_a_reason_and_no_value(tmp_path):
    repeat = repeated(tmp_path, script=[{"when": {}, "do": "segfault"}])
    assert repeat.value is None
    assert repeat.rounds == 0
    assert "SIGSEGV" in repeat.reason


def test_it_is_written_and_read_back():
    repeat = Repeat(3, 1.5, 1, 0.2, "2026-01-01T00:00:00+00:00")
    assert Repeat.from_json(repeat.to_json()) == repeat
    with pytest.raises(TypeError):
        Repeat.from_json({"trial": 3})


def test_there_are_not_more_than_a_share_of_the_trials():
    one = Repeat(3, 1.5, 1, 0.2, "")
    assert not allowed(TRIALS_LEAST - 1, [], complete=False)
    assert allowed(20, [one] * int(SHARE_MOST * 20 - 1), complete=False)
    assert not allowed(20, [one] * int(SHARE_MOST * 20), complete=False)


def test_once_nothing_is_left_to_try_there_may_be_more_and_not_without_end():
    one = Repeat(3, 1.5, 1, 0.2, "")
    assert allowed(3, [], complete=True), "fewer trials than that are all there is"
    assert allowed(20, [one] * int(SHARE_MOST * 20), complete=True)
    assert not allowed(20, [one] * int(SHARE_MOST_AT_THE_END * 20), complete=True)


def test_what_was_measured_last_is_put_off():
    trials = [TrialResult(n, {}, TrialStatus.OK) for n in range(5)]
    repeats = [Repeat(n, 1.5, 1, 0.2, "") for n in (0, 1, 2)]
    assert just_measured(trials, repeats) == {4, 1, 2}
    assert just_measured([], []) == set()


def test_the_price_is_that_of_recent_trials():
    trials = [TrialResult(n, {}, TrialStatus.OK, wall_s=2.0) for n in range(5)]
    assert price(trials, []) == 1
    assert price(trials, [Repeat(3, 1.5, 1, 0.5, "")]) == 0.25
    assert price(trials, [Repeat(3, 1.5, 1, 9.0, "")]) == 1
    assert price([TrialResult(0, {}, TrialStatus.OK)], [Repeat(0, 1.5, 1, 9.0, "")]) == 1
