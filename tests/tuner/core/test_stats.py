import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.core.stats import geometric_mean, holm, interval, paired_ratio_test, percentile, relative_half_width

positive = st.floats(1e-3, 1e6)


@given(st.lists(positive, min_size=2, max_size=20))
def test_interval_holds_the_geometric_mean(values):
    low, high = interval(values)
    assert low <= geometric_mean(values) * (1 + 1e-9)
    assert high >= geometric_mean(values) * (1 - 1e-9)


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 0.0], [1.0, -2.0], [1.0, math.nan]])
def test_no_interval_without_two_positive_values(values):
    assert interval(values) is None
    assert relative_half_width(values) == math.inf


def test_interval_covers_the_truth_in_95_percent_of_samples():
    rng = random.Random(0)
    covered = 0
    for _ in range(2000):
        low, high = interval([math.exp(rng.gauss(math.log(50), 0.1)) for _ in range(6)])
        covered += low <= 50 <= high
    assert 0.93 <= covered / 2000 <= 0.97


@given(st.lists(st.tuples(positive, positive), min_size=2, max_size=12), st.floats(0.01, 100))
def test_paired_test_ignores_the_unit(pairs, factor):
    mine, theirs = [a for a, _ in pairs], [b for _, b in pairs]
    plain = paired_ratio_test(mine, theirs)
    scaled = paired_ratio_test([a * factor for a in mine], [b * factor for b in theirs])
    assert scaled.ratio == pytest.approx(plain.ratio, rel=1e-6)
    assert scaled.p_value == pytest.approx(plain.p_value, abs=1e-6)


@given(st.lists(st.tuples(positive, positive), min_size=3, max_size=12))
def test_swapping_the_sides_inverts_the_ratio(pairs):
    mine, theirs = [a for a, _ in pairs], [b for _, b in pairs]
    forth, back = paired_ratio_test(mine, theirs), paired_ratio_test(theirs, mine)
    assert forth.ratio * back.ratio == pytest.approx(1.0)
    assert forth.p_value == pytest.approx(back.p_value, abs=1e-9)


def test_drift_that_both_feel_does_not_hide_a_small_effect():
    rng = random.Random(1)
    speed, mine, theirs = 100.0, [], []
    for _ in range(8):
        speed *= 0.94
        mine.append(speed * 1.03 * math.exp(rng.gauss(0, 0.005)))
        theirs.append(speed * math.exp(rng.gauss(0, 0.005)))
    result = paired_ratio_test(mine, theirs)
    assert result.p_value < 0.01
    assert result.ci95[0] < 1.03 < result.ci95[1]


def test_false_positives_of_the_paired_test_stay_at_the_level():
    rng = random.Random(2)
    hits = 0
    for _ in range(2000):
        mine, theirs = ([math.exp(rng.gauss(0, 0.05)) for _ in range(8)] for _ in range(2))
        hits += paired_ratio_test(mine, theirs).p_value < 0.05
    assert hits / 2000 < 0.065


def test_equal_pairs_are_no_difference_and_constant_ratios_a_certain_one():
    assert paired_ratio_test([2.0, 2.0], [2.0, 2.0]).p_value == 1.0
    assert paired_ratio_test([4.0, 4.0], [2.0, 2.0]).p_value == 0.0


def test_one_pair_is_refused():
    with pytest.raises(ValueError, match="two pairs"):
        paired_ratio_test([1.0], [1.0])


def test_holm_against_the_worked_example():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_never_makes_a_result_more_significant(p_values):
    adjusted = holm(p_values)
    assert all(a >= p and a <= 1 for a, p in zip(adjusted, p_values, strict=True))


@given(st.lists(positive, min_size=1), st.floats(0, 1))
def test_percentile_lies_within_the_values(values, share):
    assert min(values) <= percentile(values, share) <= max(values)
    assert percentile(values, 0) == min(values)
    assert percentile(values, 1) == max(values)
