"""Knobs whose value makes no difference, found from trials."""

import math
import random

import optuna
import pytest

from engines import fake
from search_spaces.narrowing import narrow
from search_spaces.parameter import Choices
from search_spaces.template import load_template
from tuner.core.objective import Objective
from tuner.core.trial import MetricValue, TrialResult, TrialStatus
from tuner.search.insensitive import FELT, TRIALS_LEAST, insensitive
from tuner.search.observations import Observations
from tuner.search.optuna_trials import PARAMS
from tuner.search.posterior import Posterior
from tuner.search.sampler import TunerSampler

SPEED = Objective("decode_tokens_per_second")


@pytest.fixture
def space():
    return narrow(load_template("fake").bind({"cpu_cores": 8}), {"turbo": False, "scale": 1.0}, {}, {})


def speed(params):
    """That of the fake engine, but all modes are one."""
    return fake.speed({**params, "mode": "a"})


def trials(space, count, noise=0.003):
    rng = random.Random(1)
    drawn = [dict(space.baseline), *(space.random(rng) for _ in range(count - 1))]
    return [
        TrialResult(
            n, p, TrialStatus.OK, rounds=4,
            metrics={SPEED.metric: MetricValue(speed(p) * math.exp(rng.gauss(0, noise)), None, "tok/s")},
        )
        for n, p in enumerate(drawn)
    ]  # fmt: skip


def test_a_knob_without_effect_is_found_and_no_other(space):
    found = insensitive(Posterior(space, SPEED, trials(space, 100)))
    assert list(found) == ["mode"]
    assert 0 < found["mode"] < FELT


def test_little_knowledge_and_much_noise_find_none(space):
    assert insensitive(Posterior(space, SPEED, trials(space, TRIALS_LEAST - 1))) == {}
    assert insensitive(Posterior(space, SPEED, trials(space, 30, noise=0.2))) == {}


def test_proposals_leave_it_at_its_default(space):
    known = trials(space, 100)
    sampler = TunerSampler(space, seed=0, observations=Observations(space, (SPEED,), known))
    study, asked = optuna.create_study(sampler=sampler), []
    for _ in range(5):
        asked.append(sampler.proposal(study))
        study.ask().set_user_attr(PARAMS, asked[-1])
    assert all(p["mode"] == space.baseline["mode"] for p in asked)


def test_a_baseline_outside_of_what_is_searched_is_no_place_to_go_back_to(space):
    narrowed = narrow(space, {}, {"mode": Choices(("b", "c"))}, {})
    assert narrowed.baseline["mode"] == "a"
    assert "mode" not in insensitive(Posterior(narrowed, SPEED, trials(narrowed, 100)))
