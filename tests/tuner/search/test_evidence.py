"""Which measurements are gone by when there are many."""

import itertools
import random

import optuna

from benchmarks.proposal_time import SPEED, large_space, result
from tuner.search.evidence import ROWS_MOST, bounded
from tuner.search.observations import Observations
from tuner.search.sampler import TunerSampler


def test_all_of_a_few_are_kept():
    assert bounded([1.0, 3.0, 2.0], [0, 1, 2], 3) == [0, 1, 2]


def test_of_many_the_best_the_newest_and_an_even_spread_are_kept():
    rng = random.Random(0)
    goodness = [rng.random() for _ in range(1000)]
    kept = bounded(goodness, range(1000), 100)
    assert len(kept) == len(set(kept)) == 100
    assert set(range(975, 1000)) <= set(kept)
    assert {i for i, g in enumerate(goodness) if g > 0.98} <= set(kept)
    gaps = [b - a for a, b in itertools.pairwise(kept)]
    assert max(gaps) < 100, "a tenth of the time is nowhere left out"


def test_however_many_trials_there_are_the_surrogate_has_no_more_rows():
    """Which is what bounds the time of a proposal (`benchmarks.proposal_time`); the likeliest best is among them."""
    space, rng = large_space(), random.Random(1)
    trials = [result(n, dict(space.baseline) if n == 0 else space.random(rng), rng) for n in range(600)]
    known = Observations(space, [SPEED], trials)
    assert known.posterior.rows == ROWS_MOST
    study = optuna.create_study(direction="maximize")
    assert TunerSampler(space, observations=known, seed=0).proposal(study) is not None
    measured = sorted(t.value(SPEED.metric) for t in trials if t.feasible)
    assert known.leader().trial.value(SPEED.metric) >= measured[-20]
