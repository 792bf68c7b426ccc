"""What of the minutes the search may use."""

import pytest

from tuner.core.trial import TrialResult, TrialStatus
from tuner.search.search_time import SearchTime


def trial(number, wall_s):
    return TrialResult(number, {}, TrialStatus.OK, wall_s=wall_s)


@pytest.fixture
def clock():
    return [100.0]


@pytest.fixture
def time(clock):
    return SearchTime(2.0, lambda: 30.0, [trial(0, 50.0), trial(1, 10.0)], lambda: clock[0])


@pytest.mark.parametrize(
    ("passed_s", "up", "another"), [(0.0, False, True), (80.0, False, True), (81.0, False, False), (91.0, True, False)]
)
def test_a_trial_begins_only_where_it_leaves_the_tournament_its_time(time, clock, passed_s, up, another):
    clock[0] += passed_s
    assert (time.is_up(), time.for_another(first=False)) == (up, another)
    assert time.for_another(first=True) is not up, "where trials take long, a run adds one all the same"


def test_the_first_trial_of_all_may_always_begin(time, clock):
    time.trials.clear()
    clock[0] += 500.0
    assert time.left_s() == -380.0
    assert not time.is_up()


def test_telling_the_best_apart_leaves_the_explanation_its_time(time, clock):
    clock[0] += 75.0
    assert time.for_telling_apart()
    clock[0] += 1.0
    assert not time.for_telling_apart()
