"""The machine's pace during a search."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.drift import NOISE, PaceCheck, PaceWatch, is_due, pace
from tuner.objective import Objective, at_pace, best, rank_value
from tuner.trial import MetricValue, TrialResult, TrialStatus

SPEED, LATENCY = Objective("decode_tokens_per_second"), Objective("ftl_ms")


def check(value, after=8):
    return PaceCheck(after, value, 2.0, "")


def trial(number, value, pace=1.0, wall_s=4.0):
    metrics = {SPEED.metric: MetricValue(value, None, "tok/s"), "rss_peak_mib": MetricValue(100.0, None, "MiB")}
    return TrialResult(number, {}, TrialStatus.OK, metrics=metrics, pace=pace, wall_s=wall_s)


@pytest.mark.parametrize(
    ("objective", "again", "expected"),
    [
        (SPEED, 100.0, 1.0),
        (SPEED, 102.0, 1.0),
        (SPEED, 80.0, 0.8 * (1 + NOISE)),
        (SPEED, 120.0, 1.2 / (1 + NOISE)),
        (LATENCY, 125.0, 0.8 * (1 + NOISE)),
    ],
)
def test_a_change_beyond_noise_is_the_pace(objective, again, expected):
    assert pace([check(50.0), check(again)], objective, 100.0) == pytest.approx(expected)


def test_without_a_check_or_a_first_value_the_pace_is_one():
    assert pace([], SPEED, 100.0) == pace([check(80.0)], SPEED, None) == 1.0


def test_trials_of_a_slow_hour_are_compared_as_if_the_machine_had_been_steady():
    early, late = trial(1, 100.0), trial(2, 90.0, pace=0.8)
    assert best([early, late], SPEED) is late
    assert rank_value(late, SPEED) == pytest.approx(-112.5)
    assert late.value(SPEED.metric) == 90.0, "what was measured stays as it is"
    assert rank_value(late, Objective("rss_peak_mib")) == 100.0, "memory does not follow the pace"


@given(st.floats(0.1, 1e4), st.floats(0.5, 2.0), st.sampled_from(["decode_tokens_per_second", "ftl_ms", "kld"]))
def test_to_another_pace_and_back(value, factor, name):
    assert at_pace(at_pace(value, name, factor), name, 1 / factor) == pytest.approx(value)


def test_the_baseline_is_measured_again_every_few_trials_and_takes_a_small_share():
    assert not is_due(5, [], 2.0, 1000.0)
    assert is_due(9, [], 2.0, 1000.0)
    assert not is_due(9, [], 60.0, 1000.0), "it would take more than its share"
    assert not is_due(12, [check(1.0, after=8)], 2.0, 1000.0)
    assert is_due(17, [check(1.0, after=8)], 2.0, 1000.0)


def test_the_watch_keeps_what_it_measures_and_outlives_a_failure():
    kept, values = [], iter([None, 80.0])
    watch = PaceWatch(SPEED, [], lambda: next(values), kept.append)
    trials = [trial(n, 100.0) for n in range(9)]
    watch.look(trials, 1000.0)
    assert kept == []
    watch.look(trials, 1000.0)
    assert [c.after_trial for c in kept] == [8]
    assert watch.now(trials[0]) == pytest.approx(0.8 * (1 + NOISE))
    assert PaceWatch(SPEED, kept, lambda: None, kept.append).now(trials[0]) == watch.now(trials[0])
