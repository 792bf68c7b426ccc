"""Who meets the default in the tournament."""

import pytest

from tuner.core.objective import Objective
from tuner.core.trial import MetricValue, TrialResult, TrialStatus
from tuner.search.estimate import Estimate
from tuner.search.finalists import affordable, finalists

SPEED = (Objective("decode_tokens_per_second"),)


def trial(number, value, status=TrialStatus.OK, **params):
    return TrialResult(
        number, params, status, metrics={"decode_tokens_per_second": MetricValue(value, None, "tok/s")} if value else {}
    )


def likely(trials):
    return [Estimate(t, t.value(SPEED[0].metric), None, t.feasible) for t in trials]


def numbers(trials):
    return [t.number for t in trials]


def test_the_best_three_that_may_be_deployed():
    trials = [
        trial(0, 99.0), trial(1, 5.0, a=1), trial(2, 9.0, a=2), trial(3, 8.0, a=3), trial(4, 50.0, TrialStatus.PRUNED),
        trial(5, None, TrialStatus.CRASHED), trial(6, 4.0, a=4),
    ]  # fmt: skip
    assert numbers(finalists(likely(trials), SPEED)) == [2, 3, 1]


def test_one_that_changes_less_and_is_nearly_as_good_is_let_in():
    trials = [trial(0, 5.0), *(trial(n, 10.0 - n / 10, a=n, b=n) for n in range(1, 4)), trial(4, 9.6, a=1)]
    assert numbers(finalists(likely(trials), SPEED)) == [1, 4, 2]


def test_what_is_likely_counts_and_not_what_was_measured():
    """Trial 1 was lucky, and trial 2 breaks a limit when it is measured again."""
    measured = [trial(0, 5.0), trial(1, 20.0, a=1), trial(2, 12.0, a=2), trial(3, 9.0, a=3)]
    estimates = likely(measured)
    estimates[1] = Estimate(measured[1], 8.0, 0.05, True)
    estimates[2] = Estimate(measured[2], 12.0, 0.05, False)
    assert numbers(finalists(estimates, SPEED)) == [3, 1]


def test_nobody_is_invited_where_nothing_came_near():
    assert finalists(likely([trial(0, 5.0), trial(1, 1.0, TrialStatus.PRUNED)]), SPEED) == []


@pytest.mark.parametrize(("left_s", "kept"), [(100.0, 3), (25.0, 3), (20.0, 2), (1.0, 1), (-5.0, 1)])
def test_as_many_as_the_time_allows_and_one_at_least(left_s, kept):
    ranked = [trial(n, 10.0 - n, a=n) for n in (1, 2, 3)]
    assert numbers(affordable(ranked, lambda some: 10.0 * len(some), left_s)) == [1, 2, 3][:kept]
