"""Sweeps of a space in which nothing is better than anything."""

import pytest

from benchmarks.false_gains import false_gains, flat_problem

SWEEPS = 50
"""At each noise; together over a hundred."""


def test_nothing_is_better_in_the_flat_space():
    problem = flat_problem(0.06)
    speeds = [k.truth["decode_tokens_per_second"] for k in problem.surface.known.values()]
    assert max(speeds) == pytest.approx(min(speeds), rel=1e-6)
    assert problem.surface.load_spread < 0.01


def test_a_gain_where_there_is_none_is_found_in_5_percent_of_sweeps_at_most():
    rows = [false_gains(differ, range(SWEEPS)) for differ in (0.0, 0.03, 0.12)]
    assert sum(r.sweeps for r in rows) == 150
    assert sum(r.gains for r in rows) <= 0.05 * 150
