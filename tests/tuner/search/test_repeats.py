"""Which trials may be measured again, and what that costs."""

from tuner.core.trial import MetricValue, TrialResult, TrialStatus
from tuner.search.repeats import (
    SHARE_MOST,
    SHARE_MOST_AT_THE_END,
    TRIALS_LEAST,
    allowed,
    failed_again,
    just_measured,
    price,
)


def repeat(of, wall_s=0.2, status=TrialStatus.OK):
    metrics = {"rtf": MetricValue(1.5, None, "")} if status is TrialStatus.OK else {}
    return TrialResult(100, {}, status, metrics=metrics, rounds=1, wall_s=wall_s, purpose="repeat", repeat_of=of)


def test_there_are_not_more_than_a_share_of_the_trials():
    assert not allowed(TRIALS_LEAST - 1, 0, complete=False)
    assert allowed(20, int(SHARE_MOST * 20 - 1), complete=False)
    assert not allowed(20, int(SHARE_MOST * 20), complete=False)


def test_once_nothing_is_left_to_try_there_may_be_more_and_not_without_end():
    assert allowed(3, 0, complete=True), "fewer trials than that are all there is"
    assert allowed(20, int(SHARE_MOST * 20), complete=True)
    assert not allowed(20, int(SHARE_MOST_AT_THE_END * 20), complete=True)


def test_what_was_measured_last_is_put_off():
    trials = [TrialResult(n, {}, TrialStatus.OK) for n in range(5)]
    repeats = [repeat(n) for n in (0, 1, 2)]
    assert just_measured(trials, repeats) == {4, 1, 2}
    assert just_measured([], []) == set()


def test_the_price_is_that_of_recent_trials():
    trials = [TrialResult(n, {}, TrialStatus.OK, wall_s=2.0) for n in range(5)]
    assert price(trials, []) == 1
    assert price(trials, [repeat(3, 0.5)]) == 0.25
    assert price(trials, [repeat(3, 9.0)]) == 1
    assert price([TrialResult(0, {}, TrialStatus.OK)], [repeat(0, 9.0)]) == 1


def test_one_without_metrics_has_failed():
    assert failed_again([repeat(3), repeat(4, status=TrialStatus.CRASHED)]) == {4}
