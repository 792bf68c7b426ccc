import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_spaces.parameter import Choices, Condition, FloatRange, IntRange, Parameter
from tuner.search.surrogate import Encoder, Surrogate, probability_below_zero

KNOBS = (
    Parameter("threads", IntRange(1, 16), 4),
    Parameter("mode", Choices(("a", "b", "c")), "a"),
    Parameter("turbo", Choices((False, True)), False),
    Parameter("level", IntRange(0, 8), 0, when=(Condition("turbo", (True,)),)),
    Parameter("batch", Choices((32, 64, 128), ordered=True), 64),
    Parameter("scale", FloatRange(0.1, 10.0, log=True), 1.0),
)


def configuration(rng):
    params = {
        "threads": rng.randint(1, 16), "mode": rng.choice("abc"), "turbo": rng.random() < 0.5,
        "batch": rng.choice((32, 64, 128)), "scale": math.exp(rng.uniform(-2, 2)),
    }  # fmt: skip
    return {**params, "level": rng.randint(0, 8)} if params["turbo"] else params


def speed(params):
    """In logarithms; every knob by itself."""
    return (
        0.3 * math.log(params["threads"]) + {"a": 0.0, "b": 0.4, "c": -0.2}[params["mode"]]
        + (0.05 * params.get("level", 0) if params["turbo"] else 0.1) + 0.1 * math.log2(params["batch"] / 64)
    )  # fmt: skip


def learned(count, seed=0):
    rng = random.Random(seed)
    seen = [configuration(rng) for _ in range(count)]
    encoder = Encoder(KNOBS)
    values = np.array([speed(p) + rng.gauss(0, 0.02) for p in seen])
    return encoder, Surrogate(encoder, encoder(seen), values, np.full(count, 0.02)), rng


def test_what_knobs_do_by_themselves_is_learned_from_few_measurements():
    encoder, surrogate, rng = learned(30)
    fresh = [configuration(rng) for _ in range(200)]
    mean, deviation = surrogate.predict(encoder(fresh))
    truth = np.array([speed(p) for p in fresh])
    assert np.corrcoef(mean, truth)[0, 1] > 0.97
    assert np.mean(np.abs(mean - truth) < 2 * deviation) > 0.9


def test_it_is_sure_where_it_has_measured_and_unsure_elsewhere():
    encoder, surrogate, rng = learned(20)
    seen = surrogate.predict(surrogate.rows)[1].max()
    assert seen < 0.05
    assert surrogate.predict(encoder([configuration(rng) for _ in range(50)]))[1].max() > 2 * seen


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=12, unique=True))
def test_the_covariance_is_one(seeds):
    encoder = Encoder(KNOBS)
    rows = encoder([configuration(random.Random(s)) for s in seeds])
    covariance = encoder.covariance(rows, rows)
    assert np.allclose(covariance, covariance.T)
    assert np.linalg.eigvalsh(covariance).min() > -1e-9
    assert np.allclose(np.diag(covariance), encoder.variance)


def test_knobs_out_of_use_are_alike():
    encoder = Encoder(KNOBS[2:4])
    rows = encoder([{"turbo": False}, {"turbo": False}, {"turbo": True, "level": 3}])
    covariance = encoder.covariance(rows, rows)
    assert covariance[0, 1] == pytest.approx(encoder.variance)
    assert covariance[0, 2] < covariance[0, 1]


def test_a_default_outside_of_the_searched_choices_has_a_place():
    encoder = Encoder(KNOBS)
    base = {"threads": 99, "mode": "z", "turbo": False, "batch": 48, "scale": 1.0}
    row = encoder([base])[0]
    assert np.isfinite(np.delete(row, 3)).all()
    assert 0 < row[4] < 0.5, "between 32 and 64"


def test_the_covariance_between_predictions_is_that_of_their_deviations():
    encoder, surrogate, rng = learned(20)
    rows = encoder([configuration(rng) for _ in range(8)])
    covariance = surrogate.covariance(rows, rows)
    assert np.allclose(covariance, covariance.T)
    assert np.allclose(np.sqrt(np.diag(covariance)), surrogate.predict(rows)[1], atol=1e-6)
    assert np.allclose(surrogate.covariance(rows[:3], rows[3:]), covariance[:3, 3:])


def test_the_noise_between_processes_is_told_apart_from_that_of_rounds():
    def more(noise):
        rng = random.Random(0)
        seen = [configuration(rng) for _ in range(12)] * 6
        values = np.array([speed(p) + rng.gauss(0, noise) for p in seen])
        encoder = Encoder(KNOBS)
        return Surrogate(encoder, encoder(seen), values, np.full(len(seen), 0.02))

    learned = [more(noise) for noise in (0.02, 0.1, 0.2)]
    assert [s.likeliest_noise for s in learned] == [0.03, 0.1, 0.15]
    assert [s.more_noise for s in learned] == pytest.approx([0.03, 0.1, 0.15], abs=0.01)


def test_from_few_values_it_is_not_surer_than_it_may_be():
    """Of functions of its own kind: with the likeliest scale and noise alone 94 % lie within, which calls itself 95."""
    within = []
    for seed in range(100):
        rng, chance = random.Random(seed), np.random.default_rng(seed)
        encoder = Encoder(KNOBS)
        rows = encoder([configuration(rng) for _ in range(25)])
        truth = chance.multivariate_normal(np.zeros(25), 0.5**2 * encoder.covariance(rows, rows))
        values = truth[:5] + chance.normal(0, 0.1, 5)
        mean, deviation = Surrogate(encoder, rows[:5], values, np.full(5, 0.02)).predict(rows[5:])
        within.extend(np.abs(mean - truth[5:]) < 1.96 * deviation)
    assert np.mean(within) > 0.96


def test_the_chance_to_be_below_zero():
    assert probability_below_zero(np.array([-2.0, 0.0, 2.0]), np.ones(3)) == pytest.approx(
        [0.977, 0.5, 0.023], abs=0.001
    )
