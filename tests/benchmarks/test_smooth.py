import random
import statistics

import numpy as np
import pytest

from benchmarks.problem import Problem
from benchmarks.smooth import fit
from benchmarks.synthetic import cpu_like
from benchmarks.world import Bias, Surface, World
from tuner.core.objective import Objective
from tuner.measure.round_metrics import round_metrics

SPEED = Objective("decode_tokens_per_second")


def test_effects_of_knobs_and_of_pairs_are_found_again():
    rng = random.Random(0)
    grid = [{"a": a, "b": b, "c": c} for a in range(6) for b in "xyz" for c in (True, False) for _ in range(4)]

    def true(p):
        return 0.1 * p["a"] + 0.3 * (p["b"] == "y") * p["c"] - 0.2 * (p["b"] == "z")

    noisy = np.array([[true(p) + rng.gauss(0, 0.1)] for p in grid])
    found = fit(grid, noisy)
    error = found.fitted[:, 0] - np.array([true(p) for p in grid])
    assert np.std(error) < 0.07
    assert np.std(found.left) == pytest.approx(0.1, rel=0.15), "as wide as the noise, in spite of the fit"


@pytest.fixture(scope="module")
def noisy():
    return Surface(cpu_like(load_noise=0.08))


def test_where_loads_differ_the_truth_is_not_the_luck_of_one_load(noisy, cpu_problem):
    problem = Problem(noisy, SPEED, {"kld": 0.05})
    assert cpu_problem.regret(problem.optimum.trial.params) < 0.08, "truly among the best"
    errors = [
        noisy.truth(t.params, SPEED.metric) / cpu_problem.surface.truth(t.params, SPEED.metric) - 1
        for t in noisy.recording.trials
    ]
    raw = [
        t.value(SPEED.metric) / cpu_problem.surface.truth(t.params, SPEED.metric) - 1 for t in noisy.recording.trials
    ]
    assert statistics.pstdev(errors) < 0.6 * statistics.pstdev(raw)


def test_loads_of_one_configuration_differ_as_they_did(noisy, cpu_problem):
    params, values = cpu_problem.optimum.trial.params, []
    for seed in range(300):
        loaded = World(noisy, seed).load(params)
        loaded.round()
        samples, _, noise = loaded.round()
        if not noise.disturbed:
            values.append(round_metrics("llm", samples)[SPEED.metric])
    spread = statistics.pstdev(np.log(values))
    assert 0.05 < spread < 0.25


def test_where_loads_agree_single_measurements_stand(cpu_problem):
    trial = cpu_problem.optimum.trial
    assert cpu_problem.surface.truth(trial.params, SPEED.metric) == pytest.approx(trial.value(SPEED.metric), rel=0.01)


def test_as_measured_the_one_process_that_was_recorded_is_the_truth(noisy):
    plain = Surface(noisy.recording, smoothed=False)
    trial = noisy.recording.trials[5]
    assert plain.truth(trial.params, SPEED.metric) == pytest.approx(trial.value(SPEED.metric), rel=0.01)
    assert noisy.truth(trial.params, SPEED.metric) != pytest.approx(trial.value(SPEED.metric), rel=0.001)
    assert {bias for biases in plain.biases.values() for bias in biases} == {Bias()}
