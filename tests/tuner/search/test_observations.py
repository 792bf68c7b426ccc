"""What all measurements of a study say together."""

import random
from dataclasses import replace

import pytest

from engines import fake
from search_spaces.template import load_template
from tuner.core.objective import Constraint, Objective
from tuner.core.trial import MetricValue, TrialResult, TrialStatus
from tuner.search.observations import Observations

SPEED = Objective("decode_tokens_per_second")
SPACE = load_template("fake").bind({"cpu_cores": 8})


def trial(number, params, times=1.0):
    metrics = {SPEED.metric: MetricValue(times * fake.speed(params), None, "tok/s")}
    return TrialResult(number, params, TrialStatus.OK, rounds=1, metrics=metrics)


def again(number, value, at=500, **others):
    """A repeat; one that failed where there is no value."""
    metrics = {} if value is None else {SPEED.metric: value, **others}
    metrics = {name: MetricValue(v, None, "") for name, v in metrics.items()}
    status = TrialStatus.OK if metrics else TrialStatus.CRASHED
    return TrialResult(at, {}, status, metrics=metrics, rounds=1, purpose="repeat", repeat_of=number)


@pytest.fixture
def observations():
    drawn = [dict(SPACE.baseline), *(SPACE.random(random.Random(n)) for n in range(11))]
    return Observations(SPACE, [SPEED], [trial(n, p) for n, p in enumerate(drawn)])


def test_a_trial_and_a_repeat_change_what_is_believed_and_nothing_else_does(observations):
    first = observations.posterior
    assert observations.posterior is first
    observations.add(trial(12, SPACE.random(random.Random(99))))
    second = observations.posterior
    assert second is not first
    leader = observations.leader()
    for _ in range(4):
        observations.add(again(leader.number, 0.5 * leader.value))
    assert observations.posterior is not second
    now = next(t for t in observations.likely() if t.number == leader.number)
    assert now.value < 0.8 * leader.value, "one lucky value against four"


def test_each_result_is_sorted_in_by_its_purpose(observations):
    trials = len(observations.trials)
    observations.add(again(3, 50.0))
    observations.add(replace(trial(500, {}), purpose="drift", repeat_of=0))
    assert (len(observations.trials), [r.repeat_of for r in observations.repeats]) == (trials, [3])


def test_numbers_are_no_places(observations):
    """Between the trials of a search Optuna numbers repeats and drift checks."""
    apart = [replace(t, number=10 * t.number) for t in observations.trials]
    spread = Observations(SPACE, [SPEED], apart)
    assert [t.number for t in spread.finalists()] == [10 * t.number for t in observations.finalists()]
    assert spread.leader().number == 10 * observations.leader().number


def test_a_repeat_counts_at_the_machines_first_pace(observations):
    leader = observations.leader()
    twice_as_fast = [replace(again(leader.number, 2 * leader.value), pace=2.0) for _ in range(4)]
    now = Observations(SPACE, [SPEED], observations.trials, twice_as_fast).likely()
    assert next(e for e in now if e.number == leader.number).value == pytest.approx(leader.value, rel=0.05)


def test_finalists_come_with_what_was_measured(observations):
    measured = {t.number: t.value(SPEED.metric) for t in observations.trials}
    assert observations.finalists()
    assert all(t.value(SPEED.metric) == measured[t.number] for t in observations.finalists())


def test_of_several_objectives_there_is_no_one_belief(observations):
    both = Observations(SPACE, [SPEED, Objective("ftl_ms")], observations.trials)
    assert both.posterior is None
    assert [t.number for t in both.likely()] == list(range(12))
    assert both.load_noise() == 0.0
    assert [t.number for t in both.leaders(1)] == [both.leader().number]


def test_what_failed_when_measured_again_neither_leads_nor_plays(observations):
    leader = observations.leader()
    observations.add(again(leader.number, None))
    assert observations.leader().number != leader.number
    assert leader.number not in [t.number for t in observations.finalists()]
    assert observations.finalists()


def test_what_passed_a_constraint_by_luck_neither_leads_nor_plays():
    """At 198 of 200 ms when it was tried, and at 204 and 205 when it was measured again."""
    ftl = {"ftl_ms": MetricValue(198.0, None, "ms")}
    trials = [trial(n, SPACE.random(random.Random(n)), 1.0 + n) for n in range(8)]
    trials = [replace(t, metrics={**t.metrics, **ftl}, violations={"ftl_ms": -0.01}) for t in trials]
    limit = [Constraint("ftl_ms", 200.0)]
    leader = Observations(SPACE, [SPEED], trials, constraints=limit).leader()

    def seen(*values):
        repeats = [again(leader.number, leader.value, ftl_ms=v) for v in values]
        return Observations(SPACE, [SPEED], trials, repeats, limit)

    assert seen(204.0).leader().number != leader.number
    assert next(t for t in seen(204.0).posterior.results if t.number == leader.number).feasible, (
        "it may be measured again"
    )
    assert not next(t for t in seen(204.0, 205.0).posterior.results if t.number == leader.number).feasible
    assert leader.number not in [t.number for t in seen(204.0, 205.0).finalists()]
    assert seen(204.0, 190.0).leader().number == leader.number, "the middle of the three keeps the limit"
