"""When nothing is left to find out, and who has no part in what is."""

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tuner.tournament.tournaments import FASTER, played
from tuner.core.stats import RatioTest
from tuner.tournament.candidate import compared
from tuner.tournament.comparison import EQUAL, Comparison
from tuner.tournament.interim import RISKED, analyse, expected_loss
from tuner.tournament.pairs import Pairs


@given(st.floats(0.5, 2.0), st.floats(1.0, 1.5))
def test_the_expected_loss_is_that_of_chance(ratio, width):
    """Against the mean over drawn ratios; it falls with the ratio and never below nothing."""
    test = RatioTest(ratio, (ratio / width, ratio * width), 0.5, 8)
    normal = statistics.NormalDist(math.log(ratio), math.log(width) / 2 or 1e-12)
    drawn = [max(0.0, -normal.inv_cdf((n + 0.5) / 2000)) for n in range(2000)]
    assert expected_loss(test) == pytest.approx(statistics.fmean(drawn), abs=2e-3)
    better = RatioTest(1.1 * ratio, (1.1 * ratio / width, 1.1 * ratio * width), 0.5, 8)
    assert 0 <= expected_loss(better) <= expected_loss(test)


def swinging(number, speed, swing, blocks=8, **more):
    return played(number, [speed * math.exp(swing if n % 2 else -swing) for n in range(blocks)], a=number, **more)


@pytest.mark.parametrize(("spread", "told_apart"), [(0.01, True), (0.1, False)])
def test_finalists_that_noise_keeps_together_play_on(spread, told_apart):
    """Both are surely twice as good as the default; which of the two is better, eight pairs may not tell."""
    home, away = swinging(0, 100, 0), [swinging(1, 200, spread), swinging(2, 199, -spread)]
    assert analyse(Comparison(FASTER, Pairs(8, 16), home, away)).decided == told_apart


def test_who_is_surely_worse_is_dropped_and_a_beaten_default_too():
    """Trial 2 plays on: it swings so much that it may yet be the best."""
    home, away = played(0, [100.0] * 8, a=0), [swinging(1, 300, 0.01), swinging(2, 296, 0.6), swinging(3, 200, 0.01)]
    analysis = analyse(Comparison(FASTER, Pairs(8, 32), home, away))
    assert not analysis.decided
    assert set(analysis.dropped) == {0, 3}
    assert analysis.proven_early


def test_who_was_dropped_never_comes_back():
    """It was dropped behind one that is overtaken: beside the new leader's rounds it would not look surely worse."""
    home = played(0, [100.0] * 8, a=0, dropped=True)
    first = played(1, [*swinging(1, 300, 0.01).values, *[298.0] * 4], a=1)
    second = played(2, [*swinging(2, 296, 0.6).values, *swinging(2, 320, 0.6, 4).values], a=2)
    third = swinging(3, 200, 0.01, dropped=True)
    comparison = Comparison(FASTER, Pairs(8, 32), home, [first, second, third], analyses_done=1, proven_early=True)
    analysis = analyse(comparison)
    assert not analysis.decided
    assert not analysis.dropped


def test_who_leads_is_told_by_all_blocks_though_others_were_dropped():
    """Over the eight blocks of the dropped one trial 2 leads, over all twelve trial 1: that is risked, not given."""
    swing = [math.exp(0.15 if n % 2 else -0.15) for n in range(12)]
    first = [298.0 * s for s in swing[:8]] + [310.0 * s for s in swing[8:]]
    away = [played(1, first, a=1), played(2, [300.0] * 12, a=2), played(3, [200.0] * 8, a=3, dropped=True)]
    comparison = Comparison(FASTER, Pairs(8, 32), played(0, [100.0] * 12, a=0), away)
    loss = expected_loss(compared(away[0], away[1], FASTER, 8))
    assert RISKED < loss < 1 - EQUAL
    assert comparison.chosen(away) is away[0]
    assert not analyse(comparison).decided
