"""Values of any sign and spread on one scale, and several objectives as one."""

import random

import pytest

from tuner.core.objective import Objective
from tuner.core.trial import MetricValue, TrialResult, TrialStatus
from tuner.search.chebyshev import ChebyshevScale, random_weights
from tuner.search.scale import SPREAD, FittedScale, LogScale, scale_of

LATENCY, SPEED = Objective("ftl_ms"), Objective("decode_tokens_per_second")
LOSS, GAIN = Objective("loss", "minimize"), Objective("gain", "maximize")


def results(objective, *values):
    return [
        TrialResult(
            n, {}, TrialStatus.OK, metrics={objective.metric: MetricValue(v, None, "")} if v is not None else {}
        )
        for n, v in enumerate(values)
    ]


@pytest.mark.parametrize("objective", [LATENCY, SPEED])
def test_speeds_are_compared_by_ratios(objective):
    some = results(objective, 100.0, 110.0, 0.0, None)
    scale = scale_of(objective, some)
    assert isinstance(scale, LogScale)
    good = [scale.goodness(r) for r in some]
    assert abs(good[1] - good[0]) == pytest.approx(0.0953, abs=1e-4)
    assert (good[1] > good[0]) == objective.maximize
    assert good[2:] == [None, None]
    assert scale.value(good[1]) == pytest.approx(110.0)


@pytest.mark.parametrize("objective", [LOSS, GAIN])
@pytest.mark.parametrize("values", [(-300.0, 0.0, 5.0, 700.0), (1e-6, 1e-3, 0.1, 40.0), (3.0, 3.1, 3.2, 3.3)])
def test_a_quantity_of_ones_own_gets_a_fitting_scale(objective, values):
    some = results(objective, *values)
    scale = scale_of(objective, some)
    good = [scale.goodness(r) for r in some]
    assert sorted(good, reverse=not objective.maximize) == good
    assert 0.5 * SPREAD < sum((g - sum(good) / 4) ** 2 for g in good) ** 0.5 / 2 < 2 * SPREAD
    assert [scale.value(g) for g in good] == pytest.approx(values)


def test_values_that_are_all_the_same_are_no_error():
    some = results(LOSS, -2.0, -2.0)
    assert [FittedScale.of(LOSS, some).goodness(r) for r in some] == [0.0, 0.0]


def test_weights_are_shares():
    rng = random.Random(0)
    drawn = [random_weights(3, rng) for _ in range(100)]
    assert all(sum(weights) == pytest.approx(1.0) and min(weights) >= 0 for weights in drawn)
    assert len({round(weights[0], 3) for weights in drawn}) > 50


def test_each_weighing_prefers_another_part_of_the_front():
    pairs = [(10.0, 1.0), (20.0, 2.0), (40.0, 4.0), (15.0, 4.0)]
    some = [
        TrialResult(
            n, {}, TrialStatus.OK,
            metrics={LATENCY.metric: MetricValue(a, None, "ms"), SPEED.metric: MetricValue(b, None, "tok/s")},
        )
        for n, (a, b) in enumerate(pairs)
    ]  # fmt: skip

    def best(*weights):
        scale = ChebyshevScale((LATENCY, SPEED), some, weights)
        return max(range(4), key=lambda n: scale.goodness(some[n]))

    assert (best(0.95, 0.05), best(0.05, 0.95), best(0.5, 0.5)) == (0, 3, 3)
    assert ChebyshevScale((LATENCY, SPEED), some, (0.5, 0.5)).goodness(results(LATENCY, 10.0)[0]) is None
