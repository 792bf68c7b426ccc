import random
from dataclasses import replace

import pytest

from engines import fake
from search_spaces.narrowing import narrow
from search_spaces.template import load_template
from tuner.core.objective import Objective
from tuner.core.params import key
from tuner.core.trial import MetricValue, TrialResult, TrialStatus
from tuner.search.posterior import Posterior
from tuner.search.proposals import JUDGED_MOST, by_promise, worth_repeating

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
    candidates = [p for p in space.enumerate(1000) if p not in seen]
    return [params for params, _ in by_promise(Posterior(space, SPEED, results), candidates)]


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
    """`mode` made no difference in these results, again and again."""
    base = dict(space.baseline)
    speeds = {(mode, threads): 100.0 + 10 * threads for threads in (3, 4, 5, 6) for mode in ("a", "b")}
    results = [
        TrialResult(
            n, {**base, "mode": mode, "threads": threads}, TrialStatus.OK, rounds=4,
            metrics={SPEED.metric: MetricValue(speed, None, "tok/s")},
        )
        for n, ((mode, threads), speed) in enumerate(speeds.items())
    ]  # fmt: skip
    known = [replace(r, number=100, rounds=1, purpose="repeat", repeat_of=r.number) for r in results for _ in range(4)]
    plain, other = ({**base, "mode": m, "threads": 7} for m in ("a", "b"))
    order = [params for params, _ in by_promise(Posterior(space, SPEED, results, known), [other, plain])]
    assert order == [plain, other]


def test_before_any_result_and_without_any_value_there_is_an_order_all_the_same(space):
    assert len(by_promise(Posterior(space, SPEED, []), space.enumerate(1000))) <= JUDGED_MOST
    failed = [result(0, dict(space.baseline), TrialStatus.CRASHED)]
    assert ranked(space, failed)
    assert by_promise(Posterior(space, SPEED, failed), []) == []


def test_a_rival_of_the_best_is_measured_again_where_nothing_untried_promises_more(space):
    base = dict(space.baseline)
    results = [result(n, {**base, "threads": t, "precision": "medium"}) for n, t in enumerate((2, 4, 5, 6, 8))]
    posterior = Posterior(space, SPEED, results)
    rival = worth_repeating(posterior, 0.0, ())
    assert rival is not None
    assert rival.params["threads"] in (5, 6, 8)
    assert worth_repeating(posterior, 0.0, {rival.number}).number != rival.number
    assert worth_repeating(posterior, 10.0, ()) is None
    slow = [result(0, base), *(result(n, r.params, TrialStatus.PRUNED) for n, r in enumerate(results, 1))]
    assert worth_repeating(Posterior(space, SPEED, slow), -1.0, ()).number == 0, "what was cut off may not be deployed"


def failing(space, fails):
    """Every third configuration was measured, or crashed where `fails`."""
    tried = [p for n, p in enumerate(space.enumerate(1000)) if n % 3 == 0]
    return [result(n, p, TrialStatus.CRASHED if fails(p) else TrialStatus.OK) for n, p in enumerate(tried)]


def test_a_region_that_crashes_is_given_up_and_scattered_crashes_are_risked(space):
    best = {**space.baseline, "threads": 6, "mode": "b", "precision": "low"}

    def place(fails):
        results = [r for r in failing(space, fails) if r.params != best]
        return ranked(space, results).index(best)

    region, scattered = place(lambda p: p["mode"] == "b"), place(lambda p: random.Random(key(p)).random() < 0.5)
    without = place(lambda p: False)
    assert region > without + 10
    assert abs(scattered - without) <= 5
