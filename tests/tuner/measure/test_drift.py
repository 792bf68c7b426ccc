"""The machine's pace during a search."""

import math
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.core.objective import Objective, at_pace, best, rank_value
from tuner.core.trial import MetricValue, TrialResult, TrialStatus
from tuner.measure.drift import NOISE, PaceWatch, pace, tells_the_pace
from tuner.measure.pruning import _easier

SPEED, LATENCY = Objective("decode_tokens_per_second"), Objective("ftl_ms")


def trial(number, value, pace=1.0, wall_s=4.0):
    metrics = {SPEED.metric: MetricValue(value, None, "tok/s"), "rss_peak_mib": MetricValue(100.0, None, "MiB")}
    return TrialResult(number, {}, TrialStatus.OK, metrics=metrics, pace=pace, wall_s=wall_s)


@pytest.mark.parametrize(
    ("objective", "again", "expected"),
    [
        (SPEED, (100.0, 100.0), 1.0),
        (SPEED, (98.0, 102.0), 1.0),
        (SPEED, (80.0, 80.0), 0.8 * (1 + NOISE)),
        (SPEED, (70.0, 90.0), 0.9 * (1 + NOISE)),
        (SPEED, (120.0, 150.0), 1.2 / (1 + NOISE)),
        (SPEED, (60.0, 130.0), 1.0),
        (LATENCY, (125.0, 125.0), 0.8 * (1 + NOISE)),
    ],
)
def test_what_two_checks_agree_on_beyond_noise_is_the_pace(objective, again, expected):
    assert pace([500.0, *again], objective, 100.0) == pytest.approx(expected)


def test_before_two_checks_or_without_a_first_value_the_pace_is_one():
    assert pace([50.0], SPEED, 100.0) == pace([80.0, 80.0], SPEED, None) == 1.0


def test_on_a_steady_machine_whose_processes_differ_a_pace_is_rarely_seen():
    """One odd first process makes all later checks agree that the pace has changed."""
    rng, load_noise, found = random.Random(2), 0.07, {0.0: 0, 0.07: 0}
    for _ in range(2000):
        first, *again = (100 * math.exp(rng.gauss(0, load_noise)) for _ in range(3))
        for known in found:
            found[known] += pace(again, SPEED, first, known) != 1.0
    assert found[0.0] > 0.35 * 2000, "were nothing known of how much processes differ"
    assert found[0.07] < 0.10 * 2000


def test_a_resumed_study_measures_the_pace_of_the_day_first():
    machine = Machine([80.0] * 9, resumed=True)
    machine.look(12)
    assert machine.checked_after == [11, 11]
    assert machine.watch.now(trial(0, 100.0)) == pytest.approx(0.8 * (1 + NOISE))
    machine.look(13)
    assert len(machine.checked_after) == 2


def test_trials_of_a_slow_hour_are_compared_as_if_the_machine_had_been_steady():
    early, late = trial(1, 100.0), trial(2, 90.0, pace=0.8)
    assert best([early, late], SPEED) is late
    assert rank_value(late, SPEED) == pytest.approx(-112.5)
    assert late.value(SPEED.metric) == 90.0, "what was measured stays as it is"
    assert rank_value(late, Objective("rss_peak_mib")) == 100.0, "memory does not follow the pace"


@given(st.floats(0.1, 1e4), st.floats(0.5, 2.0), st.sampled_from(["decode_tokens_per_second", "ftl_ms", "kld"]))
def test_to_another_pace_and_back(value, factor, name):
    assert at_pace(at_pace(value, name, factor), name, 1 / factor) == pytest.approx(value)


class Machine:
    """A clock that moves with each look, and a baseline that takes two seconds to measure.

    `checked_after` are the numbers of the trials after which it was measured.
    """

    def __init__(self, values, disturbed=0.0, resumed=False):
        self.now, self.checked_after, self._values, self._disturbed = 0.0, [], list(values), disturbed
        self.watch = PaceWatch(SPEED, self.measure, lambda: self.now, resumed)
        self._trials = 0

    def look(self, trials, repeats=0):
        self._trials = trials
        self.watch.look([trial(n, 100.0) for n in range(trials)], repeats)

    def measure(self):
        self.now += 2.0
        self.checked_after.append(self._trials - 1)
        value = self._values.pop(0)
        if value is None:
            return TrialResult(-1, {}, TrialStatus.CRASHED, "gone")
        return replace(trial(-1, value), host_noise={"disturbed_share": self._disturbed})

    def run(self, count, each_s=10.0):
        for number in range(1, count + 1):
            self.now += each_s
            self.look(number)
        return self


def test_the_baseline_is_measured_again_every_few_trials():
    machine = Machine([80.0] * 9).run(30)
    assert machine.checked_after == [8, 16, 24]
    assert machine.watch.now(trial(0, 100.0)) == pytest.approx(0.8 * (1 + NOISE))


def test_it_takes_a_small_share_of_the_time():
    assert not Machine([80.0] * 30).run(30, each_s=1.0).checked_after


def test_an_attempt_that_fails_is_not_repeated_at_once():
    machine = Machine([None, 80.0]).run(18)
    assert machine.checked_after == [8, 16]
    assert machine.watch.now(trial(0, 100.0)) == 1.0, "one of the two told something"


def test_disturbed_checks_and_a_disturbed_first_measurement_tell_nothing():
    disturbed = Machine([80.0] * 5, disturbed=0.5).run(30)
    assert len(disturbed.checked_after) == 3
    assert disturbed.watch.now(trial(0, 100.0)) == 1.0
    assert not tells_the_pace(replace(trial(0, 100.0), host_noise={"disturbed_share": 1.0}))
    assert not tells_the_pace(replace(trial(0, 100.0), status=TrialStatus.INFEASIBLE))
    assert tells_the_pace(trial(0, 100.0))
    machine = Machine([80.0] * 5).run(30)
    assert machine.watch.now(replace(trial(0, 100.0), host_noise={"disturbed_share": 1.0})) == 1.0


def test_a_disturbed_warm_up_does_not_end_the_watch():
    noise = {"disturbed_share": 0.25, "used_disturbed_share": 0.0}
    machine = Machine([80.0] * 5).run(30)
    assert machine.watch.now(replace(trial(0, 100.0), host_noise=noise)) < 1.0
    assert machine.watch.now(replace(trial(0, 100.0), host_noise={**noise, "used_disturbed_share": 1.0})) == 1.0


def test_trials_measured_again_count_as_trials_do():
    machine = Machine([80.0] * 5)
    for repeats in range(30):
        machine.now += 10.0
        machine.look(4, repeats)
    assert len(machine.checked_after) == 3


def test_a_faster_machine_makes_nobody_worse():
    """A pace that is wrong must not cut off an equal of the best: it only ever makes the race easier."""
    assert _easier(100.0, 1.3, SPEED) == 100.0
    assert _easier(100.0, 0.8, SPEED) == pytest.approx(80.0)
    assert _easier(100.0, 1.3, LATENCY) == 100.0
    assert _easier(100.0, 0.8, LATENCY) == pytest.approx(125.0)
