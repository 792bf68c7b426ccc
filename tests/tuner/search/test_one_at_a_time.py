"""One knob after the other."""

import optuna

from engines import fake
from search_spaces.domains import values
from search_spaces.template import load_template
from tuner.core.objective import Objective
from tuner.core.params import key
from tuner.core.trial import MetricValue, TrialResult, TrialStatus
from tuner.search.observations import Observations
from tuner.search.one_at_a_time import VALUES_MOST, OneAtATimeSampler
from tuner.search.optuna_trials import suggest

SPACE = load_template("fake").bind({"cpu_cores": 8})
SPEED = (Objective("decode_tokens_per_second"),)


def measured(number, params):
    metrics = {"decode_tokens_per_second": MetricValue(fake.speed(params), None, "tok/s")}
    return TrialResult(number, params, TrialStatus.OK, metrics=metrics)


def walk(strategy, results):
    study = optuna.create_study(sampler=strategy)
    while (params := strategy.proposal(study)) is not None:
        SPACE.validate(params)
        results.append(measured(len(results), params))
        strategy.observations.trials.append(results[-1])
    return results


def begun():
    strategy, first = (
        OneAtATimeSampler(SPACE, observations=Observations(SPACE, SPEED)),
        measured(0, dict(SPACE.baseline)),
    )
    strategy.observations.trials.append(first)
    return strategy, [first]


def test_each_trial_is_one_change_away_from_an_earlier_one():
    results = walk(*begun())
    names = [k.name for k in SPACE.parameters]
    for at, result in enumerate(results[1:], start=1):
        before = sorted(results[:at], key=lambda r: -r.value("decode_tokens_per_second"))
        changed = [[n for n in names if c.params.get(n) != result.params.get(n)] for c in before]
        # a knob that comes into use with the change counts as changed too
        assert min(len(c) for c in changed) <= 2, "chance would change three of six"


def test_where_knobs_do_not_interact_it_ends_at_the_optimum():
    results = walk(*begun())
    top = max(results, key=lambda r: r.value("decode_tokens_per_second"))
    assert top.params["mode"] == "b"
    assert top.params["threads"] == max(
        values(SPACE.parameter("threads").domain), key=lambda n: fake.speed({**top.params, "threads": n})
    )


def test_a_long_range_is_tried_at_a_few_places():
    results = walk(*begun())
    assert len(results) <= 1 + VALUES_MOST * len(SPACE.parameters)


def test_it_goes_on_after_an_interruption_where_it_was():
    whole = walk(*begun())
    resumed = OneAtATimeSampler(SPACE, observations=Observations(SPACE, SPEED, whole[:7]))
    assert [key(r.params) for r in walk(resumed, whole[:7])] == [key(r.params) for r in whole]


def test_what_is_known_to_be_infeasible_is_passed_over():
    known = Observations(SPACE, SPEED)
    strategy = OneAtATimeSampler(
        SPACE, infeasible=lambda params: "no" if params["mode"] == "b" else "", observations=known
    )
    strategy.observations.trials.append(measured(0, dict(SPACE.baseline)))
    assert all(r.params["mode"] != "b" for r in walk(strategy, [measured(0, dict(SPACE.baseline))]))
    assert set(strategy.ruled_out.values()) == {"no"}


def test_it_is_asked_as_any_sampler_of_optuna_is_and_passes_over_what_is_running():
    sampler = OneAtATimeSampler(SPACE, objectives=SPEED)
    study, asked = optuna.create_study(sampler=sampler, direction="maximize"), []
    for _ in range(4):
        proposal, trial = sampler.proposal(study), study.ask()
        assert suggest(trial, SPACE) == proposal
        asked.append((trial, key(proposal)))
    assert len({name for _, name in asked}) == 4
    for trial, _ in asked:
        study.tell(trial, 1.0)
    assert key(sampler.proposal(study)) not in {name for _, name in asked}
