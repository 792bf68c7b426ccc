"""The leader with fewer changes: idle knobs go back at once, doubtful ones singly."""

import random

import pytest

from search_spaces.build import build
from search_spaces.parameter import Choices, Parameter
from tuner.core.objective import Objective
from tuner.core.trial import MetricValue, TrialResult, TrialStatus
from tuner.search.observations import Observations
from tuner.search.reduction import MOST

SPACE = build("s", [Parameter(name, Choices((0, 1)), 0) for name in ("strong", "weak", "idle_a", "idle_b")])
SPEED = Objective("decode_tokens_per_second")


def result(number, params, speed):
    return TrialResult(number, params, TrialStatus.OK, metrics={SPEED.metric: MetricValue(speed, None, "tok/s")})


def observed(trials, effects, seed=1):
    """Observations of so many random configurations of a machine with these effects and half a per cent of noise."""
    rng = random.Random(seed)
    known = Observations(SPACE, [SPEED])
    seen = []
    while len(seen) < trials:
        params = dict(SPACE.baseline) if not seen else SPACE.random(rng)
        if params in seen and len(seen) < 14:
            continue
        seen.append(params)
        speed = 100.0
        for name, effect in effects.items():
            speed *= effect ** params[name]
        known.add(result(len(seen) - 1, params, speed * rng.lognormvariate(0, 0.005)))
    return known


@pytest.mark.parametrize("seed", range(5))
def test_what_brings_nothing_is_set_back_and_what_matters_stays(seed):
    known = observed(12, {"strong": 1.5, "weak": 1.2}, seed)
    leader = known.leader().params
    for params in known.reductions():
        assert params["strong"] == 1
        assert sum(params.values()) <= sum(leader.values())
    plain = [t.params for t in known.trials if t.params == {"strong": 1, "weak": 1, "idle_a": 0, "idle_b": 0}]
    assert plain or {"strong": 1, "weak": 1, "idle_a": 0, "idle_b": 0} in known.reductions()


def test_there_are_few_and_none_was_tried():
    known = observed(10, {"strong": 1.5, "weak": 1.02})
    found = known.reductions()
    assert len(found) <= MOST
    assert not [p for p in found if p in [t.params for t in known.trials]]


def test_a_few_trials_tell_too_little():
    assert observed(5, {"strong": 1.5}).reductions() == []


def test_several_objectives_have_no_leader_to_reduce():
    known = observed(10, {"strong": 1.5})
    both = Observations(SPACE, [SPEED, Objective("rss_peak_mib")], known.trials)
    assert both.reductions() == []
