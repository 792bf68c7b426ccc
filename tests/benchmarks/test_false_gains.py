"""Sweeps of a space in which nothing is better than anything."""

import pytest

from benchmarks.false_gains import BURSTS, false_effects, false_gains, flat_problem

SWEEPS = 50
"""On each machine; together over a hundred."""


def test_nothing_is_better_in_the_flat_space():
    problem = flat_problem(0.06)
    speeds = [k.truth["decode_tokens_per_second"] for k in problem.surface.known.values()]
    assert max(speeds) == pytest.approx(min(speeds), rel=1e-6)
    assert problem.surface.load_spread < 0.01


def test_a_gain_where_there_is_none_is_found_in_5_percent_of_sweeps_at_most():
    rows = [false_gains(differ, range(SWEEPS)) for differ in (0.0, 0.03, 0.12)]
    rows.append(false_gains(0.03, range(SWEEPS), bursts=BURSTS))
    assert sum(r.tries for r in rows) == 200
    assert sum(r.found for r in rows) <= 0.05 * 200


@pytest.mark.parametrize("differ", [0.0, 0.06])
def test_a_change_that_brings_nothing_is_called_an_effect_about_once_in_twenty(differ):
    """However much processes differ; where rounds shared a process it was a quarter of them."""
    row = false_effects(differ, range(100))
    assert row.tries >= 300
    assert row.share <= 0.05 + 2.33 * (0.05 * 0.95 / row.tries) ** 0.5, "beyond what chance makes of 5 %"
