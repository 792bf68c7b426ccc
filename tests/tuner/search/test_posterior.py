"""What all measurements together say, and what one more would be worth."""

import math
import random

import pytest

from engines import fake
from search_spaces.narrowing import narrow
from search_spaces.template import load_template
from tuner.core.objective import Objective
from tuner.core.trial import MetricValue, TrialResult, TrialStatus
from tuner.measure.pruning import LOADS_DIFFER
from tuner.search.posterior import Posterior

SPEED, LATENCY = Objective("decode_tokens_per_second"), Objective("ftl_ms")


@pytest.fixture
def space():
    return narrow(load_template("fake").bind({"cpu_cores": 8}), {"turbo": False, "scale": 1.0}, {}, {})


def result(number, params, value, status=TrialStatus.OK):
    return TrialResult(
        number, params, status, rounds=2,
        metrics={SPEED.metric: MetricValue(value, None, "tok/s"), LATENCY.metric: MetricValue(1e3 / value, None, "ms")},
    )  # fmt: skip


def measured(space, count, noise, seed=0):
    """By chance; each in a process that differs from others by `noise`."""
    rng = random.Random(seed)
    drawn = [dict(space.baseline), *(space.random(rng) for _ in range(count - 1))]
    return [result(n, p, fake.speed(p) * math.exp(rng.gauss(0, noise))) for n, p in enumerate(drawn)]


def again(trial, value):
    metrics = {} if value is None else {SPEED.metric: MetricValue(value, None, "tok/s")}
    status = TrialStatus.CRASHED if value is None else TrialStatus.OK
    return TrialResult(1000 + trial, {}, status, metrics=metrics, rounds=1, purpose="repeat", repeat_of=trial)


def test_one_lucky_measurement_is_not_believed(space):
    trials = measured(space, 40, 0.02)
    true = fake.speed(trials[7].params)
    lucky = [*trials[:7], result(7, trials[7].params, 1.4 * true), *trials[8:]]
    likely = Posterior(space, SPEED, lucky).likely()[7].value
    assert 0.95 * true < likely < 1.2 * true


def test_a_repeat_counts_as_much_as_the_first_measurement(space):
    trials = measured(space, 40, 0.06)
    true = fake.speed(trials[7].params)
    lucky = [*trials[:7], result(7, trials[7].params, 1.15 * true), *trials[8:]]
    values = [Posterior(space, SPEED, lucky, [again(7, true)] * count).likely()[7].value for count in (0, 2, 8)]
    assert values == sorted(values, reverse=True)
    assert values[2] < 1.05 * true


def test_one_slow_process_does_not_make_all_uncertain(space):
    trials = measured(space, 40, 0.02)
    slow = [*trials[:7], result(7, trials[7].params, 0.4 * fake.speed(trials[7].params)), *trials[8:]]
    assert Posterior(space, SPEED, slow).load_noise == Posterior(space, SPEED, trials).load_noise


@pytest.mark.parametrize("count", [6, 8, 10])
def test_from_few_values_of_a_quiet_machine_processes_are_not_said_to_differ(space, count):
    """Or in few cases. By the mean of all that may be, which is no news, it was so in 100, 90 and 70 % of them."""
    noises = [Posterior(space, SPEED, measured(space, count, 0.01, seed)).load_noise for seed in range(40)]
    assert sum(noise >= LOADS_DIFFER for noise in noises) <= 0.5 * len(noises)


def test_a_repeat_that_failed_says_nothing_of_speed(space):
    trials = measured(space, 20, 0.02)
    failed = again(3, None)
    assert Posterior(space, SPEED, trials, [failed]).likely() == Posterior(space, SPEED, trials).likely()


def test_how_much_processes_differ_is_learned(space):
    trials = measured(space, 40, 0.0)
    assert Posterior(space, SPEED, trials).load_noise == 0.03
    wild = [again(n, fake.speed(trials[n].params) * factor) for n in (5, 6, 7) for factor in (0.85, 1.0, 1.2)]
    assert Posterior(space, SPEED, measured(space, 40, 0.15), wild).load_noise >= 0.1
    assert Posterior(space, SPEED, trials[:3]).load_noise is None


@pytest.mark.parametrize("objective", [SPEED, LATENCY])
def test_a_rival_of_the_best_is_worth_more_than_what_is_known_to_be_slow(space, objective):
    base = dict(space.baseline)
    trials = [result(n, {**base, "threads": t}, fake.speed({"threads": t})) for n, t in enumerate((2, 1, 5, 6, 7))]
    five, seven, one = Posterior(space, objective, trials).knowledge_gradient(
        [{**base, "threads": t} for t in (5, 7, 1)]
    )
    assert min(five, seven) > one >= -1e-12


def test_measuring_is_worth_less_the_more_is_known(space):
    trials = measured(space, 30, 0.1)
    params = [r.params for r in trials]
    known = [again(r.number, fake.speed(r.params)) for r in trials for _ in range(6)]
    before, after = (Posterior(space, SPEED, trials, k).knowledge_gradient(params).sum() for k in ((), known))
    assert after < before


def test_what_several_measurements_are_worth_is_for_each_of_them(space):
    base = dict(space.baseline)
    trials = [result(n, {**base, "threads": t}, 100.0 - 3 * n) for n, t in enumerate((6, 5, 7, 4))]
    known = [again(n, (100.0 - 3 * n) * factor) for n in range(4) for factor in (0.9, 1.0, 1.1)]
    posterior = Posterior(space, SPEED, trials, known)
    once, often = (posterior.knowledge_gradient([{**base, "threads": 5}], times)[0] for times in (1, 2))
    assert once > 0
    assert 0 < often < 2 * once


def test_a_tournament_and_the_search_are_put_together(space):
    """Trials 1 and 2 differ in `mode` alone; few blocks say otherwise, many are believed."""
    base = dict(space.baseline)
    pairs = [{**base, "threads": t, "mode": m} for t in range(1, 9) for m in ("a", "b")]
    pairs = [p for p in pairs if p != base]
    trials = [result(n, p, fake.speed(p)) for n, p in enumerate([base, *pairs])]
    slow, fast = (next(r for r in trials if r.params["threads"] == 6 and r.params["mode"] == m) for m in "ab")
    posterior = Posterior(
        space, SPEED, trials, [again(r.number, r.value(SPEED.metric) * f) for r in trials for f in (0.9, 1.1)]
    )

    def ratio(blocks, factor):
        played = {0: [50.0] * blocks, slow.number: [100.0] * blocks, fast.number: [factor * 100.0] * blocks}
        likely = posterior.judged(played)
        return likely[fast.number] / likely[slow.number]

    assert ratio(8, 1.3) == pytest.approx(1.3, abs=0.05), "the pace of the machine does not matter"
    assert 0.9 < ratio(2, 0.9) < 1.3
    assert ratio(200, 0.9) == pytest.approx(0.9, abs=0.05)


def test_below_a_few_values_the_tournament_decides(space):
    trials = measured(space, 2, 0.0)
    assert Posterior(space, SPEED, trials).judged({0: [100.0, 100.0], 1: [120.0, 120.0]}) == pytest.approx(
        {0: 100.0, 1: 120.0}
    )


def test_of_equals_the_plainer_is_worth_more(space):
    """Each mode does the same, as many trials say; and one nobody has tried may bring something."""
    base = dict(space.baseline)
    known = [{**base, "threads": t, "mode": m} for t in range(1, 7) for m in ("a", "b")]
    trials = [result(n, p, 100.0 * 1.1 ** p["threads"]) for n, p in enumerate(known)]
    faster = {**base, "threads": 7}
    plain, other, unknown = Posterior(space, SPEED, trials).knowledge_gradient([{**faster, "mode": m} for m in "abc"])
    assert unknown > plain > other > 0


def test_what_is_no_time_is_what_it_was(space):
    sizes = [
        TrialResult(n, space.random(random.Random(n)), TrialStatus.OK, rounds=1,
                    metrics={"model_mib": MetricValue(100.0 + n % 3, None, "MiB")})
        for n in range(12)
    ]  # fmt: skip
    likely = Posterior(space, Objective("model_mib"), sizes).likely()
    assert [e.value for e in likely] == [t.value("model_mib") for t in sizes]
