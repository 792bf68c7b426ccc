import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.core.objective import Constraint, Objective, best, pareto_front, violations
from tuner.core.trial import MetricValue, TrialResult, TrialStatus


def trial(number, speed, memory=100.0, status=TrialStatus.OK, slack=None):
    metrics = {
        "decode_tokens_per_second": MetricValue(speed, None, "tok/s"),
        "rss_peak_mib": MetricValue(memory, None, "MiB"),
    }
    return TrialResult(number, {"n": number}, status, metrics=metrics, violations=slack or {})


SPEED, MEMORY = Objective("decode_tokens_per_second"), Objective("rss_peak_mib")


def test_gain_is_above_one_for_better_in_both_directions():
    assert SPEED.gain(20, 10) == 2
    assert MEMORY.gain(10, 20) == 2


def test_a_ceiling_for_less_is_better_and_a_floor_for_more_is_better():
    assert Constraint("kld", 0.05).slack(0.10) == pytest.approx(1.0)
    assert Constraint("kld", 0.05).slack(0.05) == 0
    assert Constraint("top1_agreement", 0.9).slack(0.95) < 0
    assert Constraint("decode_tokens_per_second", 60).slack(6.56) == pytest.approx(0.89, abs=0.01)
    assert Constraint("kld", 0.05).describe(0.541) == "kld 0.541 > 0.05"


def test_a_limit_of_zero_has_absolute_slack():
    assert Constraint("kld", 0.0).slack(0.3) == 0.3


def test_only_constraints_that_were_measured_are_judged():
    assert violations((Constraint("kld", 0.05), Constraint("rss_peak_mib", 10)), {"kld": 0.01}) == {
        "kld": pytest.approx(-0.8)
    }


def test_the_best_is_feasible_and_finished():
    trials = [
        trial(0, 10.0),
        trial(1, 99.0, status=TrialStatus.PRUNED),
        trial(2, 50.0, slack={"kld": 0.1}),
        trial(3, 30.0, slack={"kld": -0.1}),
        TrialResult(4, {}, TrialStatus.CRASHED, "x"),
    ]
    assert best(trials, SPEED).number == 3
    assert best(trials[1:3], SPEED) is None


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=12))
def test_the_front_is_what_brute_force_says(points):
    trials = [trial(n, float(s), float(m)) for n, (s, m) in enumerate(points)]
    front = {t.number for t in pareto_front(trials, (SPEED, MEMORY))}
    for n, (s, m) in enumerate(points):
        beaten = any((a >= s and b <= m) and (a, b) != (s, m) for a, b in points)
        assert (n in front) != beaten
