"""Trials measured again."""

import pytest

from tests.tuner.fake_executor import SPEED, FakeExecutor
from tuner.core.objective import Constraint
from tuner.core.trial import MetricValue, TrialResult, TrialStatus
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

LIMITS = (Constraint("ftl_ms", 100.0), Constraint("kld", 0.05))


def repeated(script, pace=1.0, **more):
    executor = FakeExecutor(script, **more)
    trial = TrialResult(5, {"n": 5}, TrialStatus.OK, metrics={SPEED: MetricValue(1.0, None, "tok/s")}, rounds=1)
    return measure_again(executor, trial, SPEED, LIMITS, pace, executor.clock), executor


def test_one_round_in_a_process_of_its_own():
    repeat, executor = repeated(lambda number, run: 141.0)
    assert (repeat.trial, repeat.rounds, repeat.reason, repeat.took_s) == (5, 1, "", 1.0)
    assert repeat.value == 141.0
    [(spec, plan)] = executor.runs
    assert (spec.purpose, spec.repeat_of) == ("repeat", 5)
    assert (plan.warm_up, plan.quality, plan.cold_load) == ("first_item", False, False)
    assert plan.repeat_disturbed == "new_process"


def test_what_a_constraint_is_on_is_kept():
    repeat, _ = repeated(lambda number, run: {SPEED: 141.0, "ftl_ms": 11.0}, pace=2.0)
    assert repeat.constrained == {"ftl_ms": 11.0}, "not at another pace"


def test_its_value_is_at_the_machines_first_pace():
    assert repeated(lambda number, run: 100.0, pace=2.0)[0].value == 50.0


def test_one_passing_failure_is_forgiven():
    repeat, executor = repeated(lambda number, run: "out of memory" if run == 0 else 100.0)
    assert (repeat.value, repeat.reason) == (100.0, "")
    assert len(executor.runs) == 2


@pytest.mark.parametrize(
    ("told", "reason"), [("killed by SIGSEGV", "killed by SIGSEGV"), ({"ftl_ms": 1.0}, f"the round tells no {SPEED}")]
)
def test_one_that_fails_has_a_reason_and_no_value(told, reason):
    repeat, _ = repeated(lambda number, run: told)
    assert repeat.value is None
    assert repeat.rounds == 0
    assert repeat.reason == reason


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
