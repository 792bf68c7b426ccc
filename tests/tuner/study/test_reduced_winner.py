"""A winner goes on with the changes that are shown to matter, and what is deployed has a proof of its own."""

import json

import pytest

from search_spaces.parameter import Choices
from search_spaces.space import SearchSpace
from tests.tuner.fake_executor import SPEED
from tests.tuner.fake_study import Recorder, results_of, tournament_of, wide_config
from tuner.core.metrics import METRICS
from tuner.core.trial import MetricValue, TrialResult, TrialStatus
from tuner.measure.executor import LocalExecutor
from tuner.results.report.study_files import read_study
from tuner.results.study_store import StudyStore
from tuner.study.study import Study, run_study
from tuner.tournament.ablation import LOOKS

pytestmark = pytest.mark.usefixtures("_simulated_unless_real")
DEFAULT = {"threads": 2, "mode": "a", "turbo": False, "scale": 1.0, "precision": "high"}
CHANGED = {"threads": 5, "mode": "b", "turbo": True, "level": 3, "scale": 2.0, "precision": "medium"}
"""The one configuration beside the default, of which nothing is known but what it changes."""


def faster_by(*knobs, times=1.5):
    """A machine on which each of `knobs` matters when it is changed, and no other does."""

    def speed(params):
        return 100.0 * times ** sum(differs(params, knob) for knob in knobs)

    return speed


def differs(params, knob):
    return params.get(knob) != DEFAULT.get(knob)


@pytest.fixture
def machine(monkeypatch):
    """Lets studies be measured by a function of the configuration; what was run is told."""

    def measured_by(speed, fails=lambda params: ""):
        ran = []

        def run(self, spec, plan, *_):
            ran.append((spec, plan))
            about = {"purpose": spec.purpose, "repeat_of": spec.repeat_of, "wall_s": 0.01, "round_s": 0.01}
            if reason := fails(spec.params):
                return TrialResult(spec.number, spec.params, TrialStatus.CRASHED, reason, **about)
            told = speed(spec.params)
            values = {**(told if isinstance(told, dict) else {SPEED: told}), "rss_peak_mib": 100.0}
            values[SPEED] *= 1 + 0.001 * (len(ran) % 3)
            metrics = {n: MetricValue(v, None, METRICS[n].unit) for n, v in values.items()}
            return TrialResult(
                spec.number, spec.params, TrialStatus.OK, metrics=metrics, quality={"kld": 0.0}, rounds=1, **about
            )

        monkeypatch.setattr(LocalExecutor, "run", run)
        monkeypatch.setattr(Study, "_early", lambda study: [CHANGED])
        return ran

    return measured_by


def config(tmp_path, **more):
    return wide_config(tmp_path, study="mine", **{"budget": {"trials": 2}, **more})


def changed(outcome):
    baseline = outcome.deploy.baseline.params
    return {k for k, v in outcome.deploy.params.items() if baseline.get(k) != v}


def test_what_rode_along_goes_back_and_what_matters_stays(tmp_path, machine):
    machine(faster_by("threads", "mode"))
    outcome = run_study(config(tmp_path), [])
    assert dict(outcome.trials[1].params) == CHANGED
    assert outcome.verdict == "gain"
    assert changed(outcome) == {"threads", "mode"}
    assert outcome.deploy.gain.ratio == pytest.approx(1.5**2, rel=0.01)
    shown = {name: change.shown for change in outcome.ablation.changes for name in change.changed}
    assert {name for name, matters in shown.items() if matters} == {"threads", "mode"}


def test_what_is_deployed_is_a_trial_with_a_proof_of_its_own(tmp_path, machine):
    machine(faster_by("threads", "mode"))
    recorder = Recorder()
    outcome = run_study(config(tmp_path), [recorder])
    played, study = tournament_of(outcome), read_study(outcome.directory)
    assert played.winning_finalist.pairs >= 8
    assert played.winning_finalist.params == outcome.deploy.params
    assert {f.number for f in played.finalists} >= {played.winner, played.selection.winner}
    assert played.selection.winner == 1
    assert [t.purpose for t in study.trials if t.number == played.winner] == ["reduced"]
    assert (outcome.ablation.winner, outcome.ablation.deployed) == (1, played.winner)
    assert any("back at the default, because nothing is shown" in text for (text,) in recorder.named("notice"))
    assert StudyStore(outcome.directory).proof_state() is None


def test_where_all_changes_matter_nothing_more_is_played(tmp_path, machine):
    ran = machine(faster_by("threads", "mode", "turbo", "scale", "precision"))
    outcome = run_study(config(tmp_path), [])
    played = tournament_of(outcome)
    assert (played.winner, played.selection) == (1, None)
    assert all(change.shown for change in outcome.ablation.changes)
    pairs = [len(outcome.ablation.changes) + 1, LOOKS[0]]
    assert outcome.ablation.rounds == pairs[0] * pairs[1], "what is clear after the first look plays no further block"
    assert len([s for s, _ in ran if s.purpose == "tournament"]) == 2 * 8 + outcome.ablation.rounds


def test_two_changes_of_which_either_does_are_not_both_set_back(tmp_path, machine):
    """Neither matters while the other is there: without both nothing is left of the gain."""

    def speed(params):
        return 150.0 if differs(params, "threads") or differs(params, "mode") else 100.0

    machine(speed)
    outcome = run_study(config(tmp_path), [])
    assert outcome.verdict == "gain"
    assert outcome.deploy.gain.ratio == pytest.approx(1.5, rel=0.01)
    assert {"threads", "mode"} & changed(outcome)


def test_a_change_that_only_keeps_what_a_person_feels_stays(tmp_path, machine):
    """Without `mode` answers come as fast, and the first token twice as late."""

    def speed(params):
        first = 10.0 if differs(params, "mode") else 20.0
        return {SPEED: 150.0 if differs(params, "threads") else 100.0, "ftl_ms": first}

    machine(speed)
    outcome = run_study(config(tmp_path, guards={"ftl_ms": 1.05}), [])
    assert changed(outcome) == {"threads", "mode"}
    kept = next(c for c in outcome.ablation.changes if "mode" in c.changed)
    assert (kept.shown, kept.worse) == (True, "ftl_ms ×2.00")


def test_a_change_without_which_nothing_runs_stays(tmp_path, machine):
    def fails(params):
        return "killed by SIGSEGV" if differs(params, "threads") and not differs(params, "mode") else ""

    machine(faster_by("threads"), fails)
    outcome = run_study(config(tmp_path), [])
    assert changed(outcome) == {"threads", "mode"}
    kept = next(c for c in outcome.ablation.changes if list(c.changed) == ["mode"])
    assert (kept.shown, kept.ratio, kept.failure) == (True, None, "killed by SIGSEGV")


@pytest.mark.parametrize("block", [1, 5, 14, 20])
def test_a_proof_that_is_interrupted_anywhere_comes_to_the_same(tmp_path, machine, block):
    """In the tournament, in the ablation, and in the tournament of the reduced winner."""

    class Interrupt(Recorder):
        blocks = 0

        def tournament_progress(self, *_):
            self.count()

        def progress(self, text):
            if "each change is worth" in text:
                self.count()

        def count(self):
            self.blocks += 1
            if self.blocks == block:
                raise KeyboardInterrupt

    undisturbed = machine(faster_by("threads", "mode"))
    whole = run_study(config(tmp_path / "whole"), [])
    rounds = len(undisturbed)
    assert run_study(config(tmp_path / "cut"), [Interrupt()]).verdict == "interrupted"
    ran = machine(faster_by("threads", "mode"))
    again = run_study(config(tmp_path / "cut"), [])
    assert (again.verdict, again.deploy.params) == (whole.verdict, whole.deploy.params)
    assert len(tournament_of(again).blocks) == len(tournament_of(whole).blocks)
    assert again.ablation.rounds == whole.ablation.rounds
    assert len(ran) < rounds, "what was played counts"
    configurations = [json.dumps(dict(r.params), sort_keys=True) for r in results_of(again.directory)]
    assert len(configurations) == len(set(configurations)), "none is measured twice as a trial"


def test_what_there_was_no_time_for_is_found_out_by_a_rerun(tmp_path, monkeypatch, machine):
    machine(faster_by("threads", "mode"))
    with monkeypatch.context() as short:
        short.setattr("tuner.study.reduced_winner.ablation_s", lambda *about: 1000.0)
        first = run_study(config(tmp_path), [])
    assert (first.verdict, first.ablation, first.deploy.params) == ("gain", None, CHANGED)
    assert any("rerun to complete the ablation" in text for text in first.notices)
    more = run_study(config(tmp_path), [])
    assert (more.verdict, changed(more)) == ("gain", {"threads", "mode"})
    recorder = Recorder()
    assert run_study(config(tmp_path), [recorder]).deploy == more.deploy
    assert any("this study had finished" in text for (text,) in recorder.named("notice"))


def test_with_little_time_the_changes_that_seem_to_matter_least_are_tried(tmp_path, monkeypatch, machine):
    machine(faster_by("threads", "mode"))
    monkeypatch.setattr("tuner.study.reduced_winner.ablation_s", lambda a, b, players, *about: players * 100.0)
    outcome = run_study(config(tmp_path), [])
    assert [change.played for change in outcome.ablation.changes] == [True, True, False, False, False]
    assert any("there was no time to show that these matter" in text for text in outcome.notices)


def test_a_winner_with_one_change_was_measured_by_the_tournament(tmp_path, machine):
    ran = machine(faster_by("threads"))
    outcome = run_study(config(tmp_path, params={k: v for k, v in DEFAULT.items() if k != "threads"}), [])
    assert changed(outcome) == {"threads"}
    assert outcome.ablation.changes == ()
    assert len([s for s, _ in ran if s.purpose == "tournament"]) == 2 * 8


@pytest.mark.parametrize(("ranges", "winner"), [({}, 7), ({"threads": Choices((2, 4, 5))}, 5)])
def test_what_people_run_wins_unless_the_user_left_it_out_of_the_ranges(tmp_path, monkeypatch, machine, ranges, winner):
    """Values that the search has no use for, like a batch above all prompts, are no reason against it."""
    machine(lambda params: {2: 100.0, 5: 140.0, 7: 150.0}.get(params["threads"], 100.0))
    people_run = {**DEFAULT, "threads": 7}
    monkeypatch.setattr(SearchSpace, "stock_configuration", lambda space: people_run)
    outcome = run_study(config(tmp_path, space=ranges, budget={"trials": 3}), [])
    assert outcome.deploy.params["threads"] == winner
    assert tournament_of(outcome).stock.params == people_run
