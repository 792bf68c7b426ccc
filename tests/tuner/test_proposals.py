import pytest

from engines import fake
from search_spaces.narrowing import narrow
from search_spaces.template import load_template
from tuner.objective import Objective
from tuner.proposals import JUDGED_MOST, by_promise
from tuner.trial import MetricValue, TrialResult, TrialStatus

SPEED = Objective("decode_tokens_per_second")


@pytest.fixture
def space():
    whole = load_template("fake").bind({"cpu_cores": 8})
    return narrow(whole, {"turbo": False, "scale": 1.0}, {}, {})


def result(number, params, status=TrialStatus.OK, **violations):
    metrics = {} if status is TrialStatus.CRASHED else {SPEED.metric: MetricValue(fake.speed(params), None, "tok/s")}
    return TrialResult(number, params, status, metrics=metrics, violations=violations, rounds=2)


def ranked(space, results):
    seen = [dict(r.params) for r in results]
    return by_promise(space, SPEED, results, [p for p in space.enumerate(1000) if p not in seen])


def test_the_best_value_of_each_knob_is_put_together(space):
    """Each was seen with poor values of the others only."""
    base = dict(space.baseline)
    changes = [{}, {"threads": 6}, {"threads": 8}, {"mode": "b"}, {"mode": "c"}, {"precision": "low"}]
    first = ranked(space, [result(n, {**base, **c}) for n, c in enumerate(changes)])[0]
    assert (first["mode"], first["precision"]) == ("b", "low")
    assert first["threads"] >= 5


def test_what_broke_a_constraint_is_not_tried_with_other_knobs(space):
    base = dict(space.baseline)
    results = [
        result(0, base, kld=-1.0),
        result(1, {**base, "precision": "low"}, TrialStatus.INFEASIBLE, kld=3.0),
        result(2, {**base, "precision": "low", "threads": 8}, TrialStatus.INFEASIBLE, kld=3.0),
        result(3, {**base, "precision": "medium"}, kld=-0.6),
    ]
    leading = ranked(space, results)[:10]
    assert all(p["precision"] != "low" for p in leading)


def test_what_crashes_is_left_alone(space):
    base = dict(space.baseline)
    crashed = [result(n, {**base, "mode": "b", "threads": n}, TrialStatus.CRASHED) for n in (3, 5, 8)]
    leading = ranked(space, [result(0, base), result(1, {**base, "mode": "c"}), *crashed])[:5]
    assert all(p["mode"] != "b" for p in leading)


def test_of_equals_the_plainer_comes_first(space):
    """`mode` makes no difference in these results."""
    base = dict(space.baseline)
    speeds = {("a", 4): 200.0, ("b", 4): 200.0, ("a", 6): 240.0, ("b", 8): 120.0}
    results = [
        TrialResult(
            n, {**base, "mode": mode, "threads": threads}, TrialStatus.OK, rounds=4,
            metrics={SPEED.metric: MetricValue(speeds[mode, threads], None, "tok/s")},
        )
        for n, (mode, threads) in enumerate(speeds)
    ]  # fmt: skip
    order = ranked(space, results)
    plain, other = ({**base, "mode": m, "threads": 5} for m in ("a", "b"))
    assert order.index(plain) < order.index(other)


def test_before_any_result_and_without_any_value_there_is_an_order_all_the_same(space):
    assert len(by_promise(space, SPEED, [], space.enumerate(1000))) <= JUDGED_MOST
    failed = [result(0, dict(space.baseline), TrialStatus.CRASHED)]
    assert ranked(space, failed)
    assert by_promise(space, SPEED, failed, []) == []
