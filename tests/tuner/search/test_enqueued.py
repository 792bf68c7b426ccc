"""Configurations that come from elsewhere: enqueued by a user, measured by another process, left half by a kill."""

from __future__ import annotations

import optuna
import pytest

from search_spaces.parameter import Choices, IntRange, Parameter
from search_spaces.space import SearchSpace
from tuner.core.documents import dump
from tuner.core.objective import Objective
from tuner.core.params import key
from tuner.core.study_config import SAMPLERS
from tuner.core.trial import MetricValue, TrialResult, TrialStatus
from tuner.search.optuna_trials import PARAMS, PURPOSE, REASON, RESULT, begin_given, tell
from tuner.search.samplers import make_sampler, propose

SPEED = Objective("decode_tokens_per_second")
SPACE = SearchSpace(
    "made up",
    (
        Parameter("threads", IntRange(1, 3), 2),
        Parameter("mode", Choices(("a", "b")), "a"),
        Parameter("batch", Choices((1, 2)), 1),
    ),
    (),
    {},
    {"threads": 3, "mode": "a", "batch": 1},
    {},
)
FINITE = [name for name in SAMPLERS if name != "gp"]


def study_with(name: str) -> optuna.Study:
    sampler = make_sampler(name, SPACE, seed=0, objectives=[SPEED])
    return optuna.create_study(sampler=sampler, direction="maximize")


def result_of(number: int, params: dict, speed: float = 10.0) -> TrialResult:
    return TrialResult(number, params, TrialStatus.OK, metrics={SPEED.metric: MetricValue(speed, None, "tok/s")})


def test_a_trial_that_no_sampler_chose_leaves_what_is_enqueued_alone() -> None:
    study = study_with("random")
    study.enqueue_trial({"threads": 1, "mode": "b", "batch": 2})
    trial = begin_given(study, SPACE, SPACE.baseline, {PURPOSE: "baseline"})
    assert study.trials[trial.number].params == SPACE.baseline
    assert study.trials[trial.number].user_attrs == {PURPOSE: "baseline"}
    assert study.trials[0].state.name == "WAITING"


@pytest.mark.parametrize("name", ["tuner", "tpe"])
def test_what_is_enqueued_comes_first_and_what_cannot_run_is_refused(name: str) -> None:
    study = study_with(name)
    wanted = {"threads": 1, "mode": "b", "batch": 2}
    for params in ({**wanted, "mode": "none"}, {**wanted, "threads": 99}, dict(SPACE.baseline), wanted):
        study.enqueue_trial(params)
    proposed = propose(study, study.sampler, SPACE, {key(SPACE.baseline)})
    assert proposed is not None
    assert proposed[1] == wanted
    reasons = [t.user_attrs.get(REASON, "") for t in study.trials]
    assert "none" in reasons[0]
    assert "99" in reasons[1]
    assert reasons[2] == "measured already, or running"
    assert reasons[3] == ""


@pytest.mark.parametrize("name", ["tuner", "tpe", "ablation"])
def test_what_another_process_measured_is_not_measured_again(name: str) -> None:
    study = study_with(name)
    for number, params in enumerate(SPACE.enumerate(100) or ()):
        if params != {"threads": 2, "mode": "a", "batch": 1}:
            theirs = begin_given(study, SPACE, params, {PARAMS: params, PURPOSE: "search"})
            tell(study, theirs, result_of(number, params), [SPEED])
    proposed = propose(study, study.sampler, SPACE, set())
    assert proposed is not None
    assert proposed[1] == {"threads": 2, "mode": "a", "batch": 1}


@pytest.mark.parametrize("name", FINITE)
def test_a_default_out_of_range_and_a_trial_killed_half_way_end_no_search(name: str) -> None:
    study = study_with(name)
    outside = {**SPACE.baseline, "threads": 16}
    first = begin_given(study, SPACE, outside, {PARAMS: outside, PURPOSE: "baseline"})
    tell(study, first, result_of(0, outside), [SPEED])
    study.ask().suggest_int("threads", 1, 3)
    study.tell(1, state=optuna.trial.TrialState.FAIL)
    found = {}
    while (proposed := propose(study, study.sampler, SPACE, set(found))) is not None:
        trial, params = proposed
        trial.set_user_attr(PARAMS, params)
        found[key(params)] = params
        tell(study, trial, result_of(trial.number, params, 10.0 + len(found)), [SPEED])
    if name == "ablation":
        assert found, "it walks and does not try all"
    else:
        assert len(found) in (11, 12), "what killed its script may count as tried"
    if name == "brute_force":
        assert len(found) == 12


def test_telling_once_more_what_was_told_in_part_warns_of_nothing() -> None:
    study = study_with("random")
    trial = begin_given(study, SPACE, SPACE.baseline, {PARAMS: SPACE.baseline})
    crashed = TrialResult(0, dict(SPACE.baseline), TrialStatus.CRASHED, "it fell")
    trial.set_constraint("runs", 5.0)
    tell(study, optuna.Trial(study, trial._trial_id), crashed, [SPEED])
    assert study.trials[0].user_attrs[RESULT] == dump(crashed)
    assert study.trials[0].state.name == "PRUNED"
