"""Samplers by name, and the one way to get a configuration from any of them."""

import importlib.util
import itertools

import optuna
import pytest

from engines import fake
from search_spaces.errors import EnvironmentLackingError, TunerError
from search_spaces.narrowing import narrow
from search_spaces.template import load_template
from tuner.core.objective import Objective
from tuner.core.params import key
from tuner.core.study_config import SAMPLERS
from tuner.search.optuna_trials import PARAMS, PURPOSE, REASON, REFUSED
from tuner.search.sampler import TunerSampler
from tuner.search.samplers import make_sampler, propose

optuna.logging.set_verbosity(optuna.logging.ERROR)
SPACE = load_template("fake").bind({"cpu_cores": 8})
SPEED = [Objective("decode_tokens_per_second")]
SMALL = narrow(SPACE, {"scale": 1.0, "precision": "high", "turbo": False}, {}, {})
INSTALLED = [n for n in SAMPLERS if n != "ablation" and (n != "gp" or importlib.util.find_spec("torch"))]


def begun(name, space, **how):
    sampler = make_sampler(name, space, objectives=SPEED, seed=0, **how)
    return optuna.create_study(sampler=sampler, direction="maximize"), sampler


def tried(name, space, most, infeasible=lambda params: ""):
    """What is proposed and told until nothing is left, and the study."""
    study, sampler = begun(name, space, infeasible=infeasible)
    found = {}
    while len(found) < most and (proposed := propose(study, sampler, space, found, infeasible)) is not None:
        trial, params = proposed
        assert key(params) not in found
        space.validate(params)
        found[key(params)] = params
        trial.set_user_attr(PARAMS, params)
        study.tell(trial, fake.speed(params))
    return found, study


@pytest.mark.parametrize("name", INSTALLED)
def test_every_sampler_tries_a_small_space_once_and_ends(name):
    found, study = tried(name, SMALL, 100)
    assert set(found) == {key(p) for p in SMALL.enumerate(100)}
    assert all(t.state.is_finished() for t in study.trials)


@pytest.mark.parametrize("name", [n for n in INSTALLED if n != "brute_force"])
def test_every_sampler_leaves_what_is_known_to_be_infeasible(name):
    found, _ = tried(name, SPACE, 12, lambda p: "too coarse" if p["precision"] == "low" else "")
    assert len(found) == 12
    assert all(p["precision"] != "low" for p in found.values())


def test_what_was_refused_says_why_and_is_no_candidate_for_the_best():
    _, study = tried("random", SPACE, 12, lambda p: "too coarse" if p["precision"] == "low" else "")
    refused = [t for t in study.trials if t.user_attrs.get(PURPOSE) == REFUSED]
    assert refused
    assert {t.user_attrs[REASON] for t in refused} <= {"too coarse", "measured already, or running"} | {
        text for t in refused for text in ["; ".join(SPACE.violations(t.user_attrs[PARAMS]))] if text
    }
    assert all(t.state is optuna.trial.TrialState.PRUNED and max(t.constraints.values()) > 0 for t in refused)


@pytest.mark.parametrize("name", INSTALLED)
def test_what_is_running_is_not_proposed_again(name):
    study, sampler = begun(name, SMALL)
    running = set()
    for _ in range(8):
        trial, params = propose(study, sampler, SMALL, running)
        trial.set_user_attr(PARAMS, params)
        running.add(key(params))
    assert len(running) == 8


def test_eight_at_once_are_no_neighbours_of_one_point():
    study, sampler = begun("tuner", SPACE)
    for _ in range(14):
        trial, params = propose(study, sampler, SPACE, ())
        study.tell(trial, fake.speed(params))
    running = [propose(study, sampler, SPACE, ())[1] for _ in range(8)]
    assert len({key(p) for p in running}) == 8
    apart = [sum(p.get(n) != q.get(n) for n in {*p, *q}) for p, q in itertools.combinations(running, 2)]
    assert sorted(apart)[len(apart) // 2] >= 2, "most pairs differ in two knobs or more"
    assert len({p["mode"] for p in running}) > 1 or len({p["threads"] for p in running}) > 2


def test_refused_proposals_of_another_process_are_not_made_by_the_tuners_own():
    """Two samplers on one study, one of Optuna's and ours."""
    study, sampler = begun("random", SMALL)
    trial, params = propose(study, sampler, SMALL, ())
    trial.set_user_attr(PARAMS, params)
    ours = TunerSampler(SMALL, objectives=SPEED, seed=0)
    rest = []
    while (params := ours.proposal(study)) is not None:
        study.sampler = ours
        asked = study.ask()
        asked.set_user_attr(PARAMS, params)
        rest.append(key(params))
    assert len(rest) == len(set(rest)) == len(SMALL.enumerate(100)) - 1


def test_an_unknown_name_gets_the_nearest_one():
    with pytest.raises(TunerError, match="unknown sampler 'tp'") as error:
        make_sampler("tp", SPACE)
    assert "'tpe'" in error.value.hint


def test_gp_without_torch_is_said_at_once(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(EnvironmentLackingError, match="PyTorch") as error:
        make_sampler("gp", SPACE)
    assert "install" in error.value.hint


def test_brute_force_needs_an_end():
    with pytest.raises(TunerError, match="scale has no end of values") as error:
        make_sampler("brute_force", SPACE)
    assert "space.scale=" in error.value.hint
