import itertools
import statistics

import pytest

from benchmarks.false_gains import flat_problem
from benchmarks.world import FailedError, Switching, World
from tuner.core.params import key
from tuner.measure.round_metrics import round_metrics


def test_rounds_scatter_around_the_truth_and_take_recorded_time(cpu_problem):
    surface, params = cpu_problem.surface, cpu_problem.optimum.trial.params
    world = World(surface, seed=1)
    loaded = world.load(params)
    trial = surface.known[key(params)].trial
    assert world.now == pytest.approx(trial.start_s + trial.load_s, abs=0.1)
    loaded.round()
    values, before = [], world.now
    for _ in range(400):
        samples, wall_s, noise = loaded.round()
        if not noise.disturbed:
            values.append(round_metrics("llm", samples)["decode_tokens_per_second"])
        assert wall_s > 0
    assert statistics.median(values) == pytest.approx(surface.truth(params, "decode_tokens_per_second"), rel=0.02)
    assert statistics.stdev(values) > 0
    assert (world.now - before) / 400 == pytest.approx(statistics.fmean(r.wall_s for r in trial.rounds), rel=0.2)


def test_disturbed_rounds_come_back_as_often_as_they_were_recorded(cpu_problem):
    world = World(cpu_problem.surface, seed=2)
    loaded = world.load(cpu_problem.space.baseline)
    loaded.round()
    disturbed = sum(loaded.round()[2].disturbed for _ in range(2000)) / 2000
    assert 0.01 < disturbed < 0.08, "recorded with 3 %"


def test_the_same_seed_is_the_same_machine(cpu_problem):
    walls = []
    for _ in range(2):
        loaded = World(cpu_problem.surface, seed=3).load(cpu_problem.space.baseline)
        walls.append([loaded.round()[1] for _ in range(5)])
    assert walls[0] == walls[1]


def test_quality_takes_its_time_once(cpu_problem):
    world = World(cpu_problem.surface, seed=0)
    trial = cpu_problem.optimum.trial
    world.judge(trial)
    first = world.now
    assert first > 0
    world.judge(trial)
    assert world.now == first


def test_a_deadline_ends_a_round_before_its_last_item(cpu_problem):
    loaded = World(cpu_problem.surface, seed=0).load(cpu_problem.space.baseline)
    assert len(loaded.round(deadline_s=0.0)[0]) == 1
    assert len(loaded.round()[0]) == 2


def test_what_does_not_fit_fails_and_costs_its_load(gpu_problem):
    surface = gpu_problem.surface
    failing = next(iter(surface.failing.values()))
    world = World(surface, seed=0)
    with pytest.raises(FailedError, match="failed to allocate"):
        world.load(failing.params)
    assert world.now > failing.load_s
    assert surface.truth(failing.params, "decode_tokens_per_second") is None


def test_a_machine_that_switches_is_felt_with_several_threads_only():
    """As fast on average, a quarter slower for seconds at a time."""
    surface = flat_problem(0.0, switching=Switching(0.125, (5.0, 20.0))).surface
    speeds = {1: [], 2: []}
    for threads, seen in speeds.items():
        world = World(surface, seed=1)
        params = next(k.trial.params for k in surface.known.values() if k.trial.params["n_threads"] == threads)
        loaded = world.load(params)
        for _ in range(1500):
            seen.append(round_metrics("llm", loaded.round()[0])["decode_tokens_per_second"])
    assert statistics.stdev(speeds[1]) / statistics.fmean(speeds[1]) < 0.03
    assert statistics.stdev(speeds[2]) / statistics.fmean(speeds[2]) > 0.1
    assert statistics.geometric_mean(speeds[2]) == pytest.approx(statistics.geometric_mean(speeds[1]), rel=0.05)
    middle = statistics.fmean(speeds[2])
    switches = sum((a > middle) != (b > middle) for a, b in itertools.pairwise(speeds[2]))
    assert 5 < switches < 500, "for seconds, not from round to round"
