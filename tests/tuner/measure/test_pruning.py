import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.measure.pruning import Pruner


def pruner(best, maximize=True, least=2, most=6, load_noise=0.0):
    return Pruner(maximize, best, rounds_least=least, rounds_most=most, half_width=0.02, load_noise=load_noise)


def rounds_of(speed, noise, rng, against, load_noise=0.0):
    """Measure as a trial does; returns the decision that ended it and the number of rounds."""
    current, values = pruner(against, load_noise=load_noise), []
    if (decision := current.after_warm_up(speed * math.exp(rng.gauss(0, noise)))) != "go_on":
        return decision, 0
    while True:
        values.append(speed * math.exp(rng.gauss(0, noise)))
        if (decision := current.after_round(values)) != "go_on":
            return decision, len(values)


@pytest.mark.parametrize("noise", [0.0, 0.02, 0.05])
def test_an_equal_of_the_best_is_cut_in_at_most_5_percent(noise):
    rng = random.Random(3)
    cut = sum(rounds_of(100.0, noise, rng, 100.0)[0] == "pruned" for _ in range(2000))
    assert cut / 2000 <= 0.05


def test_a_configuration_half_as_fast_costs_one_round_at_most():
    rng = random.Random(4)
    results = [rounds_of(49.0, 0.02, rng, 100.0) for _ in range(500)]
    assert all(decision == "pruned" and rounds <= 1 for decision, rounds in results)


@given(st.floats(1, 1000), st.floats(1, 1000))
def test_less_is_better_mirrors_more_is_better(value, best):
    up, down = pruner(best), pruner(1 / best, maximize=False)
    assert up.after_warm_up(value) == down.after_warm_up(1 / value)


def test_without_a_best_nothing_is_cut():
    assert pruner(None).after_warm_up(1e-9) == "go_on"
    assert pruner(None).after_round([1e-9]) == "go_on"


def test_rounds_end_when_the_interval_is_narrow_or_at_the_most():
    assert pruner(None).after_round([100.0, 100.1]) == "enough"
    assert pruner(None).after_round([100.0, 120.0]) == "go_on"
    assert pruner(None, most=3).after_round([100.0, 120.0, 90.0]) == "enough"


def test_no_undisturbed_round_yet_is_no_reason_to_stop():
    assert pruner(100.0).after_round([]) == "go_on"


def test_rounds_that_agree_are_enough_although_two_give_a_wide_interval():
    assert pruner(None).after_round([100.0, 101.9]) == "enough"
    assert pruner(None).after_round([100.0, 102.1]) == "go_on"


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("loads", [0.03, 0.07, 0.11])
def test_an_equal_in_an_unlucky_process_is_cut_in_at_most_5_percent(loads, known):
    """Against a best that was measured as well: the luckiest of three equals, each in a process of its own."""
    rng, cut = random.Random(5), 0
    for _ in range(4000):
        best, own = (max(math.exp(rng.gauss(0, loads)) for _ in range(n)) for n in (3, 1))
        cut += rounds_of(100 * own, 0.02, rng, 100 * best, loads if known else 0.0)[0] == "pruned"
    assert cut / 4000 <= 0.05


def test_one_quiet_round_is_enough_where_processes_differ_by_more_than_rounds():
    def after(load_noise, disturbed=False):
        return Pruner(True, 100.0, 2, 6, 0.02, load_noise=load_noise).after_round([98.0], disturbed)

    assert after(0.1) == "enough"
    assert after(0.03) == "go_on"
    assert after(0.1, disturbed=True) == "go_on"


def test_one_round_is_enough_for_what_is_a_little_worse_and_not_for_what_comes_near():
    assert pruner(100.0).after_round([90.0]) == "enough"
    assert pruner(100.0).after_round([98.0]) == "go_on"
    assert pruner(None).after_round([90.0]) == "go_on"
