"""What rounds prove, and who wins by them."""

import math
import random

import pytest

from tests.tuner.fake_executor import SPEED
from tests.tuner.tournament.tournaments import FASTER, played
from tuner.core.objective import Constraint
from tuner.core.stats import geometric_mean
from tuner.tournament.candidate import compared
from tuner.tournament.comparison import Comparison
from tuner.tournament.interim import analyse
from tuner.tournament.pairs import Pairs


def test_a_burst_in_a_pair_does_not_hide_a_gain():
    """Nine quiet pairs with half as much again, and three of whose rounds one was 20 times slower."""
    rng = random.Random(4)
    home = [100 * math.exp(rng.gauss(0, 0.03)) for _ in range(12)]
    away = [150 * math.exp(rng.gauss(0, 0.03)) for _ in range(12)]
    burst = (2, 7, 9)
    for one in burst:
        away[one] /= 20

    def tested(noticed):
        return compared(played(1, away, burst if noticed else ()), played(0, home), FASTER, 8)

    assert tested(noticed=False).ci95[0] < 1, "a burst that nobody noticed"
    seen = tested(noticed=True)
    assert seen.pairs == 9
    assert seen.ratio == pytest.approx(1.5, rel=0.05)
    assert seen.p_value < 0.001


def test_without_a_default_to_keep_a_burst_does_not_choose_the_slower_one():
    """One finalist is 5 % faster than the other, and a burst made one of its rounds 20 times slower."""
    floor = (Constraint(SPEED, 120.0),)
    home, slow = played(0, [100.0] * 8, constraints=floor), played(2, [200.0] * 8, constraints=floor)
    fast = played(1, [210.0 / (20 if n == 3 else 1) for n in range(8)], busy=(3,), constraints=floor)
    verdict = Comparison(FASTER, Pairs(9, 16), home, [slow, fast]).verdict(True)
    assert verdict == ("only_feasible", fast), "eight prove nothing"


def test_the_winner_is_the_faster_one_whoever_was_disturbed_more():
    """One's bursts would be left out and the other's would count, if each were judged by rounds of its own."""
    rng, low, high = random.Random(2), range(16), range(15, 32)

    def values(speed, busy):
        return [speed * math.exp(rng.gauss(0, 0.02)) * (0.7 if n in busy else 1.0) for n in range(32)]

    home, slow, fast = played(0, values(100, ())), played(1, values(150, low), low), played(2, values(165, high), high)
    comparison = Comparison(FASTER, Pairs(8, 32), home, [slow, fast])
    assert comparison.proven() == [True, True]
    assert comparison.verdict(True) == ("gain", fast)


@pytest.mark.parametrize(("plainer", "chosen"), [(1.498, 1), (1.475, 1), (1.46, 2)])
def test_what_is_deployed_is_what_little_is_risked_by(plainer, chosen):
    """The plainer of two wins only where side by side it is hardly worse."""
    rng = random.Random(3)
    drift = [math.exp(rng.gauss(0, 0.1)) for _ in range(12)]
    home, plain, lead = (
        played(n, [100 * times * d * math.exp(rng.gauss(0, 0.001)) for d in drift], **params)
        for n, times, params in (
            (0, 1.0, {"a": 0, "b": 0}),
            (1, plainer, {"a": 1, "b": 0}),
            (2, 1.5, {"a": 1, "b": 1}),
        )
    )
    comparison = Comparison(FASTER, Pairs(8, 32), home, [plain, lead])
    assert analyse(comparison).decided
    assert comparison.verdict(True)[1].number == chosen


def test_between_equals_that_noise_keeps_apart_the_plainer_one_wins():
    """Eight noisy pairs cannot tell that it is hardly worse; that it is worse they do not tell either."""
    rng = random.Random(8)
    home, plain, lead = (
        played(n, [100 * times * math.exp(rng.gauss(0, 0.08)) for _ in range(8)], **params)
        for n, times, params in ((0, 1.0, {"a": 0, "b": 0}), (1, 3.0, {"a": 1, "b": 0}), (2, 3.0, {"a": 1, "b": 1}))
    )
    factor = geometric_mean(plain.values) / geometric_mean(lead.values) / 0.995
    lead = played(2, [factor * value for value in lead.values], a=1, b=1)
    assert Comparison(FASTER, Pairs(8, 32), home, [lead, plain]).verdict(True) == ("gain", plain)


@pytest.mark.parametrize(("done", "early", "times"), [(0, False, 1.0), (2, False, 5 / 3), (2, True, 5.0)])
def test_an_analysis_spends_a_share_of_the_level_and_the_end_what_is_left(done, early, times):
    rng = random.Random(1)
    home, away = (played(n, [100 * math.exp(rng.gauss(0.02 * n, 0.05)) for _ in range(16)]) for n in range(2))
    comparison = Comparison(FASTER, Pairs(8, 32), home, [away], analyses_done=done, proven_early=early)
    assert comparison.adjusted()[0] == pytest.approx(times * comparison.tests()[0].p_value)


@pytest.mark.parametrize("early", [False, True])
def test_the_published_interval_is_as_wide_as_the_decision_asks_for(early):
    rng = random.Random(5)
    some = [played(n, [100 * math.exp(rng.gauss(0.02 * n, 0.07)) for _ in range(8)]) for n in range(4)]
    comparison = Comparison(FASTER, Pairs(8, 32), some[0], some[1:], proven_early=early)
    plain, adjusted, published = comparison.tests(), comparison.adjusted(), comparison.published()
    first = min(range(3), key=lambda n: plain[n].p_value)
    assert (published[first].ci95[0] > 1 or published[first].ci95[1] < 1) == (adjusted[first] < 0.05)
    assert [p.ci95 for p in published] == [t.interval(1 - 0.05 / (15 if early else 3)) for t in plain]
    assert all(p.ci95[0] <= t.ci95[0] < t.ci95[1] <= p.ci95[1] for p, t in zip(published, plain, strict=True))
