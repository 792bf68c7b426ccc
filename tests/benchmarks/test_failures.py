"""Sweeps of a space of which half fails."""

import pytest

from benchmarks.failures import swept
from benchmarks.synthetic import cpu_like, failing_half

SEEDS = range(2)


@pytest.fixture(scope="module")
def whole():
    return swept(cpu_like(), SEEDS)


@pytest.mark.parametrize("how", ["region", "scattered"])
def test_a_failing_half_changes_no_verdict_and_nothing_of_it_is_tried_twice(how, whole):
    half = swept(failing_half(how), SEEDS)
    assert whole.fails == 0
    assert 0.4 < half.fails < 0.6
    assert half.gains == whole.gains == 1
    assert half.twice == 0
    assert half.failing > 0
    assert 0 < half.wasted < 0.2
    assert half.line().startswith(f"| cpu-like, a failing half ({how}, synthetic) |")
    assert half.right == whole.right == 1
