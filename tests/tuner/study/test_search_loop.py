"""What the search measures, in which order, and what it measures again."""

import json

import pytest

from search_spaces.parameter import Choices
from tests.tuner.fake_study import OPTIMUM, Recorder, fake_config, results_of, wide_config
from tuner.core.params import key
from tuner.core.trial import TrialResult, TrialStatus
from tuner.measure.executor import LocalExecutor
from tuner.study.search_loop import TRIAL_SHARE
from tuner.study.study import run_study

pytestmark = pytest.mark.usefixtures("_simulated_unless_real")


def test_a_wide_space_is_searched_without_repeats_and_near_the_optimum(tmp_path):
    outcome = run_study(wide_config(tmp_path, budget={"trials": 40}), [])
    assert len({json.dumps(dict(t.params), sort_keys=True) for t in outcome.trials}) == 40
    assert outcome.verdict == "gain"
    # the known optimum is 3.3 times the default; within 15 % of it after 40 of thousands
    assert outcome.deploy.gain.ratio > 0.85 * 3**0.5 * 1.3 * 1.2 * 1.03


def test_what_cannot_fit_is_ruled_out_without_running_and_said_so(tmp_path):
    script = [{"when": {"mode": ["a"], "threads": [4, 6]}, "do": "too_large"}]
    outcome = run_study(fake_config(tmp_path, model={"script": script}), [])
    assert outcome.deploy.params.items() >= OPTIMUM.items()
    assert not [t for t in outcome.trials if t.params["mode"] == "a" and t.params["threads"] > 2]
    assert any(text.startswith("4 configurations were predicted infeasible") for text in outcome.notices)


def test_a_default_that_a_passing_shortage_stopped_gets_a_second_chance(tmp_path, monkeypatch):
    run, failed = LocalExecutor.run, []

    def short_at_first(self, spec, *plan):
        if not failed:
            failed.append(spec.number)
            return TrialResult(spec.number, spec.params, TrialStatus.OUT_OF_MEMORY, "no memory for a moment")
        return run(self, spec, *plan)

    monkeypatch.setattr(LocalExecutor, "run", short_at_first)
    outcome = run_study(fake_config(tmp_path), [])
    assert outcome.trials[0].status == "ok"
    assert outcome.verdict == "gain"


def test_one_knob_after_the_other_is_a_study_of_its_own(tmp_path):
    searched = run_study(fake_config(tmp_path, budget={"trials": 3}), [])
    walked = run_study(fake_config(tmp_path, sampler="ablation"), [])
    assert walked.directory != searched.directory
    assert walked.deploy.params.items() >= OPTIMUM.items()
    baseline = walked.trials[0].params
    first = walked.trials[1].params
    assert sum(first[n] != baseline[n] for n in first) == 1


def test_the_default_is_measured_again_and_the_machines_pace_kept(tmp_path, monkeypatch):
    from tuner.measure import drift

    monkeypatch.setattr(drift, "SHARE_MOST", 10.0)
    monkeypatch.setattr(drift, "EVERY_TRIALS", 3)
    monkeypatch.setattr(TrialResult, "disturbed", property(lambda result: False))
    outcome = run_study(fake_config(tmp_path), [])
    results = results_of(outcome.directory)
    checks = [r for r in results if r.purpose == "drift"]
    assert [sum(r.purpose != "drift" for r in results[: c.number]) for c in checks] == [4, 7, 10]
    first = outcome.trials[0].value("decode_tokens_per_second")
    assert all(c.value("decode_tokens_per_second") == pytest.approx(first, rel=0.2) for c in checks)
    assert all(0.8 < t.pace < 1.2 for t in outcome.trials)


def noisy(tmp_path, **changes):
    """Twelve configurations, all about equal. The fake engine draws its noise anew in each process."""
    space = {"scale": Choices(tuple(0.97 + 0.005 * n for n in range(12)))}
    fixed = {"threads": 6, "turbo": False, "mode": "a", "precision": "high"}
    return fake_config(tmp_path, model={"noise": 0.15}, space=space, params=fixed, **changes)


def test_rivals_are_measured_again_in_new_processes(tmp_path):
    recorder = Recorder()
    outcome = run_study(noisy(tmp_path, budget={"trials": 20}), [recorder])
    repeats = repeats_of(outcome.directory)
    numbers = {t.number for t in outcome.trials if t.feasible}
    assert 0 < len(repeats) <= 24
    assert all(r.repeat_of in numbers and r.value("decode_tokens_per_second") and r.wall_s > 0 for r in repeats)
    assert len({key(t.params) for t in outcome.trials}) == len(outcome.trials) == 12, "they are no further trials"
    told = [text for (text,) in recorder.named("progress")]
    assert f"measuring trial {repeats[0].repeat_of} again, as number {repeats[0].number}" in told


def repeats_of(folder):
    return [r for r in results_of(folder) if r.purpose == "repeat"]


def test_a_resumed_study_knows_what_was_measured_again(tmp_path):
    first = run_study(noisy(tmp_path, budget={"trials": 11}), [])
    known = repeats_of(first.directory)
    second = run_study(noisy(tmp_path, budget={"trials": 20}), [])
    repeats = repeats_of(second.directory)
    assert repeats[: len(known)] == known
    assert len(repeats) <= 2 * len(second.trials) == 24


def test_what_was_best_in_an_earlier_study_is_tried_first(tmp_path):
    earlier = run_study(fake_config(tmp_path), [])
    assert earlier.verdict == "gain"
    recorder = Recorder()
    later = run_study(fake_config(tmp_path, objectives=("ftl_ms",)), [recorder])
    assert later.directory != earlier.directory
    assert later.trials[1].params == earlier.deploy.params
    notices = [text for (text,) in recorder.named("notice")]
    assert f"what was best in earlier studies of this engine is tried first: {earlier.directory.name}" in notices


def test_no_trial_may_take_more_than_a_share_of_the_minutes(tmp_path, monkeypatch):
    plans, run = [], LocalExecutor.run
    monkeypatch.setattr(LocalExecutor, "run", lambda *args: plans.append(args[2]) or run(*args))
    run_study(fake_config(tmp_path, budget={"trials": 3, "minutes": 5.0}), [])
    searched = [plan.pruner.time_most_s for plan in plans if plan.quality]
    assert searched
    assert set(searched) == {TRIAL_SHARE * 300.0}
