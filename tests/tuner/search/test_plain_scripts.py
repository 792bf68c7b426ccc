"""The sampler in studies that know nothing of the tuner: no space, no results, Optuna's own calls."""

import doctest
import itertools
import math
import pickle
import statistics
import warnings

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from tuner.search import sampler as module
from tuner.search.sampler import STARTUP_TRIALS, TunerSampler

optuna.logging.set_verbosity(optuna.logging.ERROR)


def study(seed=0, **how):
    return optuna.create_study(sampler=TunerSampler(seed=seed), **how)


def test_the_example_of_the_module_runs():
    ran = doctest.testmod(module)
    assert ran.attempted > 4
    assert ran.failed == 0


def branin(trial):
    x, y = trial.suggest_float("x", -5, 10), trial.suggest_float("y", 0, 15)
    parabola = y - 5.1 / (4 * math.pi**2) * x * x + 5 / math.pi * x - 6
    return parabola**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10


def styblinski_tang(trial):
    """Of negative values."""
    values = [trial.suggest_float(f"x{at}", -5, 5) for at in range(3)]
    return sum(v**4 - 16 * v * v + 5 * v for v in values) / 2


def training(trial):
    """Of both signs, with a parameter that only one optimizer has; to be maximized."""
    optimizer = trial.suggest_categorical("optimizer", ["sgd", "adam"])
    rate = math.log10(trial.suggest_float("lr", 1e-5, 1, log=True))
    momentum = trial.suggest_float("momentum", 0, 1) if optimizer == "sgd" else 0.6
    units = trial.suggest_int("units", 8, 256)
    return 1 - (rate + 2.5) ** 2 - 4 * (momentum - 0.9) ** 2 - abs(units - 60) / 60


@pytest.mark.parametrize(
    ("function", "direction"), [(branin, "minimize"), (styblinski_tang, "minimize"), (training, "maximize")]
)
def test_it_beats_random_search_on_ordinary_functions(function, direction):
    best = {"ours": [], "random": []}
    for seed in range(10):
        for name, sampler in (("ours", TunerSampler(seed=seed)), ("random", optuna.samplers.RandomSampler(seed=seed))):
            searched = optuna.create_study(sampler=sampler, direction=direction)
            searched.optimize(function, n_trials=40)
            best[name].append(searched.best_value)
    ours, random = (statistics.median(values) for values in best.values())
    luckiest = max(best["random"]) if direction == "maximize" else min(best["random"])
    assert (ours > random) if direction == "maximize" else (ours < random)
    assert (ours >= luckiest) if direction == "maximize" else (ours <= luckiest), "even the luckiest of ten"


def test_no_parameter_is_proposed_where_it_is_not_in_use():
    """Layers by number, and a size for each: what trials lack is learned from them."""
    asked = []

    def network(trial):
        layers = trial.suggest_int("layers", 1, 3)
        sizes = [trial.suggest_int(f"size{at}", 4, 64) for at in range(layers)]
        asked.append(trial)
        return sum(abs(s - 20) for s in sizes) + 10 * abs(layers - 2)

    searched = study()
    searched.optimize(network, n_trials=30)
    late = asked[20:]
    assert all(set(t.relative_params) == set(t.params) for t in late)
    assert searched.best_trial.params["layers"] == 2
    assert searched.best_value < 10


def test_every_kind_of_parameter_is_kept_to_its_values():
    def objective(trial):
        step = trial.suggest_float("step", -1.0, 1.0, step=0.25)
        assert (step / 0.25).is_integer()
        assert trial.suggest_int("even", 2, 20, step=2) % 2 == 0
        assert trial.suggest_int("one", 7, 7) == 7
        choice = trial.suggest_categorical("choice", [None, True, "a", 1.5])
        return step**2 + (0 if choice is None else 1)

    searched = study()
    searched.optimize(objective, n_trials=25)
    assert searched.best_trial.params["choice"] is None
    assert abs(searched.best_trial.params["step"]) <= 0.25


def test_a_constraint_is_kept_to():
    def objective(trial):
        x, y = trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)
        trial.set_constraint("sum", x + y - 1)
        return -2 * x - y

    searched = study()
    searched.optimize(objective, n_trials=35)
    assert searched.best_value < -1.9, "-2 is the best that is feasible, -3 the best that is not"
    assert sum(t.constraints["sum"] <= 0 for t in searched.trials[STARTUP_TRIALS:]) > 27 / 3


def test_what_fails_is_left_alone_and_what_is_pruned_is_known():
    def objective(trial):
        x = trial.suggest_float("x", 0, 1)
        if x > 0.7:
            raise RuntimeError("no memory")
        for step in range(3):
            trial.report(abs(x - 0.6) + 1, step)
            if step == 1 and x < 0.3:
                raise optuna.TrialPruned
        return abs(x - 0.6)

    late = 0
    for seed in range(3):
        searched = study(seed)
        searched.optimize(objective, n_trials=30, catch=(RuntimeError,))
        states = [t.state.name for t in searched.trials]
        assert set(states) == {"FAIL", "PRUNED", "COMPLETE"}
        assert searched.best_value < 0.05
        late += states[20:].count("COMPLETE")
    assert late >= 15, "three tenths of the range run to their end, so that chance would have nine or so"


def test_values_that_are_no_numbers_count_as_failures():
    searched = study()
    searched.optimize(lambda t: math.inf if t.suggest_float("x", 0, 1) > 0.5 else t.params["x"], n_trials=20)
    assert sum(math.isinf(t.value) for t in searched.trials[STARTUP_TRIALS:]) <= 3, "chance would have six"


def test_several_objectives_get_a_front():
    def both(trial):
        x, y = trial.suggest_float("x", 0, 5), trial.suggest_float("y", 0, 3)
        return 4 * x * x + 4 * y * y, (x - 5) ** 2 + (y - 5) ** 2

    def covered(sampler):
        searched = optuna.create_study(sampler=sampler, directions=["minimize", "minimize"])
        searched.optimize(both, n_trials=30)
        front = sorted({tuple(t.values) for t in searched.best_trials})
        ends = [*(first for first, _ in front[1:]), 140.0]
        return sum((end - first) * (50.0 - second) for (first, second), end in zip(front, ends, strict=True))

    ours = [covered(TunerSampler(seed=seed)) for seed in range(3)]
    random = [covered(optuna.samplers.RandomSampler(seed=seed)) for seed in range(3)]
    assert min(ours) > max(random)


def test_eight_that_run_at_once_are_apart():
    searched = study()
    searched.optimize(styblinski_tang, n_trials=12)
    running = [searched.ask() for _ in range(8)]
    for trial in running:
        styblinski_tang(trial)
    points = [tuple(t.params.values()) for t in running]
    assert len(set(points)) == 8
    pairs = [max(abs(a - b) for a, b in zip(*two, strict=True)) for two in itertools.combinations(points, 2)]
    assert statistics.median(pairs) > 1.0, "of a range of ten"


def test_a_trial_that_was_enqueued_gets_its_own_values():
    searched = study()
    searched.optimize(branin, n_trials=10)
    searched.enqueue_trial({"x": 1.25, "y": 2.5})
    searched.optimize(branin, n_trials=1)
    assert searched.trials[-1].params == {"x": 1.25, "y": 2.5}


def test_it_goes_on_where_an_earlier_process_left_off(tmp_path):
    def storage():
        return JournalStorage(JournalFileBackend(str(tmp_path / "journal.log")))

    begun = optuna.create_study(storage=storage(), study_name="s", sampler=TunerSampler(seed=1))
    begun.optimize(branin, n_trials=16)
    resumed = optuna.load_study(storage=storage(), study_name="s", sampler=TunerSampler(seed=2))
    resumed.optimize(branin, n_trials=10)
    assert resumed.best_value < 3.0
    assert len({tuple(t.params.values()) for t in resumed.trials}) == 26


def test_it_is_copied_and_asked_by_threads():
    copied = pickle.loads(pickle.dumps(TunerSampler(seed=3)))
    searched = optuna.create_study(sampler=copied)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        searched.optimize(branin, n_trials=16, n_jobs=4)
    assert len({tuple(t.params.values()) for t in searched.trials}) == 16


def test_one_sampler_serves_one_study_after_another():
    sampler = TunerSampler(seed=0)
    for name in ("x", "y"):
        searched = optuna.create_study(sampler=sampler)
        searched.optimize(lambda t, name=name: t.suggest_float(name, 0, 1) ** 2, n_trials=12)
        assert searched.best_value < 0.05
