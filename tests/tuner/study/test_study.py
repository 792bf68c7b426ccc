"""The loop on real workers of the fake engine: what it finds, what it survives, what it resumes."""

import json
import math
import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace

import pytest

from search_spaces.errors import TunerError
from search_spaces.parameter import Choices
from tests.tuner.fake_executor import FakeExecutor
from tests.tuner.fake_study import FIXED, Recorder, fake_config, results_of, wide_config
from tuner.core import interrupts
from tuner.core.deploy import DeployConfig
from tuner.core.explanation import Attribution
from tuner.core.params import key
from tuner.core.targets import Target
from tuner.core.trial import TrialResult, TrialStatus
from tuner.measure.executor import LocalExecutor
from tuner.measure.host.host_noise import HostNoise
from tuner.measure.preparation import prepare
from tuner.results.record import StudyRecord, record_name
from tuner.results.study_store import StudyStore, check_writable
from tuner.study.search_loop import MAX_KILLS, TRIAL_SHARE
from tuner.study.study import run_study
from tuner.tournament.document import TournamentDocument

pytestmark = pytest.mark.usefixtures("_simulated_unless_real")
OPTIMUM = {"threads": 6, "mode": "b", "precision": "medium"}


def tournament_of(outcome):
    return StudyStore(outcome.directory).read(TournamentDocument, "tournament.json")


def study_dir(outcome):

    return outcome.directory


def test_a_small_space_is_enumerated_and_its_optimum_proven(tmp_path):
    outcome = run_study(fake_config(tmp_path, model={"noise": 0.01}), [])
    assert outcome.verdict == "gain"
    assert len(outcome.trials) == 12
    assert len({json.dumps(dict(t.params), sort_keys=True) for t in outcome.trials}) == 12
    assert outcome.deploy.params.items() >= OPTIMUM.items()
    # speed: sqrt(6/2) from threads, 1.3 from mode b, 1.2 from medium precision
    assert outcome.deploy.gain.ratio == pytest.approx(3**0.5 * 1.3 * 1.2, rel=0.03)
    low, high = outcome.deploy.gain.ci95
    assert low < outcome.deploy.gain.ratio < high


def test_the_baseline_is_trial_0_and_every_trial_is_recorded(tmp_path):
    outcome = run_study(fake_config(tmp_path), [])
    results = results_of(study_dir(outcome))
    assert [r.purpose for r in results if r.purpose != "drift"] == ["baseline", *["search"] * 11]
    assert [r.number for r in results] == list(range(len(results)))
    assert results[0].purpose == "baseline"
    assert results[0].params.items() >= {"threads": 2, "mode": "a"}.items()
    assert all((study_dir(outcome) / r.samples_file).exists() for r in results if r.status == "ok")
    assert (tmp_path / "latest").resolve() == study_dir(outcome).resolve()


def test_what_is_deployed_was_measured(tmp_path):
    outcome = run_study(fake_config(tmp_path), [])
    assert dict(outcome.deploy.params) in [dict(t.params) for t in outcome.trials]


def test_a_wide_space_is_searched_without_repeats_and_near_the_optimum(tmp_path):
    outcome = run_study(wide_config(tmp_path, budget={"trials": 40}), [])
    assert len({json.dumps(dict(t.params), sort_keys=True) for t in outcome.trials}) == 40
    assert outcome.verdict == "gain"
    # the known optimum is 3.3 times the default; within 15 % of it after 40 of thousands
    assert outcome.deploy.gain.ratio > 0.85 * 3**0.5 * 1.3 * 1.2 * 1.03


def test_quality_binds(tmp_path, monkeypatch):
    monkeypatch.setenv("TUNER_CACHE", str(tmp_path / "cache"))
    space = {"precision": Choices(("low", "medium", "high")), "mode": Choices(("a", "b"))}
    outcome = run_study(fake_config(tmp_path, space=space, params={"turbo": False, "scale": 1.0, "threads": 2}), [])
    assert outcome.deploy.params["precision"] == "medium"
    assert outcome.deploy.constraints[0].satisfied
    lows = [t for t in outcome.trials if t.params["precision"] == "low"]
    assert len(lows) == 1, "once its quality is known, a precision that is not good enough is not run again"
    assert "kld 0.2 > 0.05" in lows[0].reason
    assert any("predicted infeasible, such as: kld 0.2 > 0.05" in text for text in outcome.notices)


def test_all_configurations_equal_means_keep_the_default(tmp_path):
    space = {"threads": Choices((6, 7)), "mode": Choices(("a",))}
    fixed = {"turbo": False, "scale": 1.0, "precision": "high"}
    outcome = run_study(
        fake_config(tmp_path, space=space, params=fixed, baseline={"threads": 6}, model={"noise": 0.03}), []
    )
    assert outcome.verdict == "keep_default"
    assert outcome.deploy.params["threads"] == 6
    gain = outcome.deploy.gain
    assert (gain.ratio, gain.ci95, gain.p_value, gain.significant) == (1.0, None, None, False)


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        pytest.param("segfault", "crashed", marks=pytest.mark.real_machine),
        ("kill", "out_of_memory"),
        ("out_of_memory", "out_of_memory"),
        pytest.param("garbage", "crashed", marks=pytest.mark.real_machine),
        ("raise", "crashed"),
        ("nan", "invalid_output"),
        ("empty", "invalid_output"),
        ("backwards", "invalid_output"),
        ("unsupported", "unsupported"),
    ],
)
def test_a_fault_in_half_of_the_space_does_not_change_the_verdict(tmp_path, monkeypatch, fault, status):
    monkeypatch.setenv("TUNER_CACHE", str(tmp_path / "cache"))
    script = [{"when": {"mode": ["a"], "threads": [4, 6]}, "do": fault}]
    outcome = run_study(fake_config(tmp_path / "outputs", model={"script": script}), [])
    assert outcome.verdict == "gain"
    assert outcome.deploy.params.items() >= OPTIMUM.items()
    failed = [t for t in outcome.trials if t.params["mode"] == "a" and t.params["threads"] > 2]
    assert failed
    assert all(t.status == status for t in failed)
    assert all(t.reason and "\n" not in t.reason for t in failed)


def test_what_cannot_fit_is_ruled_out_without_running_and_said_so(tmp_path):
    script = [{"when": {"mode": ["a"], "threads": [4, 6]}, "do": "too_large"}]
    outcome = run_study(fake_config(tmp_path, model={"script": script}), [])
    assert outcome.deploy.params.items() >= OPTIMUM.items()
    assert not [t for t in outcome.trials if t.params["mode"] == "a" and t.params["threads"] > 2]
    assert any(text.startswith("4 configurations were predicted infeasible") for text in outcome.notices)


def test_a_default_that_cannot_fit_is_infeasible_without_running(tmp_path):
    outcome = run_study(fake_config(tmp_path, model={"script": [{"when": {"mode": ["a"]}, "do": "too_large"}]}), [])
    assert str(outcome.trials[0].status) == "infeasible"
    assert outcome.trials[0].engine_s == 0
    assert "predicted host memory" in outcome.trials[0].reason
    assert outcome.verdict == "only_feasible"


def test_quality_that_is_not_a_number_never_wins(tmp_path, monkeypatch):
    monkeypatch.setenv("TUNER_CACHE", str(tmp_path / "cache"))
    script = [{"when": {"precision": ["medium"]}, "do": "quality_nan"}]
    outcome = run_study(fake_config(tmp_path / "outputs", model={"script": script}), [])
    assert outcome.deploy.params["precision"] == "high"
    broken = [t for t in outcome.trials if t.params["precision"] == "medium"]
    # one that is clearly slower is cut off before its quality is asked for
    assert "invalid_output" in {str(t.status) for t in broken} <= {"invalid_output", "pruned"}


def test_a_hanging_configuration_costs_its_timeout_and_no_more(tmp_path):
    script = [{"when": {"mode": ["b"], "threads": [4]}, "do": "hang"}]
    outcome = run_study(fake_config(tmp_path, model={"script": script}, budget={"trial_timeout_s": 1.0}), [])
    assert outcome.statuses["timed_out"] >= 1
    assert outcome.deploy.params.items() >= OPTIMUM.items()


def test_a_default_that_cannot_run_does_not_end_the_study(tmp_path):
    script = [{"when": {"mode": ["a"]}, "do": "segfault"}]
    recorder = Recorder()
    outcome = run_study(fake_config(tmp_path, model={"script": script}), [recorder])
    assert outcome.verdict == "only_feasible"
    assert outcome.deploy.params.items() >= OPTIMUM.items()
    assert outcome.deploy.gain.ratio is None
    assert "default does not run" in outcome.summary
    assert any("default does not run" in text for (text,) in recorder.named("notice"))


def test_nothing_feasible_is_an_answer(tmp_path):
    outcome = run_study(fake_config(tmp_path, constraints={"decode_tokens_per_second": 1e6}), [])
    assert outcome.verdict == "no_feasible"
    assert outcome.deploy is None
    assert "no feasible configuration among 12 trials" in outcome.summary
    assert not (study_dir(outcome) / "deploy.json").exists()


def test_a_metric_that_the_machine_does_not_report_is_one_clear_line(tmp_path):
    with pytest.raises(TunerError, match="objective 'energy_j_per_unit' is not measured on this machine"):
        run_study(fake_config(tmp_path, objectives=("energy_j_per_unit",)), [])
    assert list(tmp_path.iterdir()) == [], "it is said before anything runs"


@pytest.mark.parametrize("again", [False, True])
def test_a_constraint_that_cannot_be_judged_here_is_refused_every_time(tmp_path, again):
    config = fake_config(tmp_path, constraints={"energy_j_per_unit": 1.0})
    for _ in range(1 + again):
        with pytest.raises(TunerError, match="constraint 'energy_j_per_unit' is not measured on this machine"):
            run_study(config, [])


def test_a_quality_cannot_be_the_first_objective(tmp_path):
    with pytest.raises(TunerError, match="the first objective is 'kld'") as caught:
        run_study(fake_config(tmp_path, objectives=("kld",)), [])
    assert "objective=[decode_tokens_per_second,kld]" in caught.value.hint


@pytest.mark.parametrize("objective", ["load_s", "load_cached_s"])
def test_a_load_time_may_be_the_objective(tmp_path, objective):
    outcome = run_study(fake_config(tmp_path, objectives=(objective,), budget={"trials": 3}), [])
    assert outcome.verdict in ("gain", "keep_default")
    assert objective in outcome.deploy.metrics


def test_nothing_near_the_default_keeps_it_without_a_tournament(tmp_path):
    space = {"mode": Choices(("b", "c"))}
    fixed = {**FIXED, "threads": 2, "precision": "high"}
    outcome = run_study(fake_config(tmp_path, space=space, params=fixed, baseline={"mode": "b"}), [])
    assert outcome.verdict == "keep_default"
    assert "nothing else that was tried came near" in outcome.summary


def test_no_time_to_search_is_not_called_a_result(tmp_path):
    outcome = run_study(fake_config(tmp_path, budget={"minutes": 1e-9}), [])
    assert len(outcome.trials) == 1
    assert outcome.verdict == "undecided"
    assert "no other configuration was measured" in outcome.summary
    assert any("raise budget.minutes" in text for text in outcome.notices)


def test_a_default_so_slow_that_its_tournament_takes_the_budget_is_searched_and_decided(tmp_path, simulated):
    """The tournament's pairs alone take several times the minutes; half of them are the search's all the same."""
    slow_default = [{"when": {"mode": ["a"]}, "do": "slow"}]
    config = fake_config(tmp_path, model={"script": slow_default}, budget={"minutes": 0.02})
    outcome = run_study(config, [], simulated)
    assert outcome.wall_s > 1.2, "the minutes are overrun"
    assert 1 < len(outcome.trials) < 12
    assert outcome.verdict == "gain"


def test_a_changed_seed_is_told_to_concern_what_is_left(tmp_path):
    run_study(wide_config(tmp_path, study="mine", document={"seed": 1}, seed=1, budget={"trials": 2}), [])
    recorder = Recorder()
    run_study(wide_config(tmp_path, study="mine", document={"seed": 2}, seed=2, budget={"trials": 3}), [recorder])
    assert any("begun with seed=1; only what is still to be searched" in text for (text,) in recorder.named("notice"))


def test_the_time_of_preparation_is_not_taken_from_the_search(tmp_path, monkeypatch, simulated):
    def slow(config, progress):
        simulated.sleep(3600.0)
        return prepare(config, progress)

    monkeypatch.setattr("tuner.study.study.prepare", slow)
    outcome = run_study(fake_config(tmp_path, budget={"trials": 3, "minutes": 0.5}), [], simulated)
    assert len(outcome.trials) == 3
    assert outcome.wall_s > 3600.0


def test_an_exhausted_space_is_finished_whatever_the_budget(tmp_path):
    space = {"threads": Choices((2, 4))}
    fixed = {**FIXED, "mode": "a", "precision": "high"}
    first = run_study(fake_config(tmp_path, space=space, params=fixed), [])
    recorder = Recorder()
    again = run_study(fake_config(tmp_path, space=space, params=fixed), [recorder])
    assert len(first.trials) == 2
    assert again.deploy == first.deploy
    assert not recorder.named("tournament_progress")


@pytest.mark.parametrize(("swing", "then"), [(0.0, 10), (0.3, 12)])
def test_more_pairs_are_a_new_tournament_where_they_may_prove_something(tmp_path, monkeypatch, swing, then):
    """Where noise may hide a gain whoever allows more pairs gets them; where nothing is to be gained nobody does."""
    fixed = {**FIXED, "mode": "a", "precision": "high"}
    equals = {
        "space": {"threads": Choices((6, 7))},
        "params": fixed,
        "baseline": {"threads": 6},
    }

    tournaments = FakeExecutor(lambda number, run: 100 * math.exp(swing if (run + number) % 2 else -swing))
    monkeypatch.setattr(LocalExecutor, "run", _measured_by(tournaments))
    first = run_study(fake_config(tmp_path, **equals, budget={"tournament_pairs_most": 10}), [])
    assert (first.verdict, len(tournament_of(first).blocks)) == ("keep_default", 10)
    recorder = Recorder()
    run_study(fake_config(tmp_path, **equals, budget={"tournament_pairs_most": 10}), [recorder])
    assert not recorder.named("tournament_progress"), "with no more pairs there is nothing to do"
    more = run_study(fake_config(tmp_path, **equals, budget={"tournament_pairs_most": 12}), [])
    assert len(tournament_of(more).blocks) == then
    assert len(more.trials) == len(first.trials)


def test_an_undecided_study_is_decided_when_it_can_be(tmp_path, monkeypatch):
    """The default failed in the tournament for a passing shortage."""
    fixed = {**FIXED, "mode": "a", "precision": "high"}
    config = fake_config(tmp_path, space={"threads": Choices((2, 4))}, params=fixed)
    with monkeypatch.context() as patch:
        failing = FakeExecutor(lambda number, run: 100.0 if number else "out of memory")
        patch.setattr(LocalExecutor, "run", _measured_by(failing))
        first = run_study(config, [])
    assert first.verdict == "undecided"
    assert run_study(config, []).verdict == "gain"


def test_without_another_configuration_that_runs_the_study_is_finished(tmp_path):
    script = [{"when": {"threads": [4, 6]}, "do": "segfault"}]
    for again in (False, True):
        recorder = Recorder()
        outcome = run_study(
            fake_config(
                tmp_path,
                model={"script": script},
                space={"threads": Choices((2, 4, 6))},
                params={**FIXED, "mode": "a", "precision": "high"},
            ),
            [recorder],
        )
        assert outcome.verdict == "undecided"
        assert bool(recorder.named("trial_started")) != again


def test_each_run_of_slow_trials_adds_one(tmp_path, monkeypatch):
    """A trial takes longer than the time that the tournament leaves: none fits, and one is begun all the same."""
    monkeypatch.setattr("tuner.search.search_time.typical_s", lambda trials: 1e6 * (len(trials) > 1))
    counts = [len(run_study(wide_config(tmp_path, budget={"trials": 50}), []).trials) for _ in range(3)]
    assert counts == [2, 3, 4]


def _measured_by(tournaments):
    """An executor's `run` that leaves the rounds of tournaments to another one."""
    run = LocalExecutor.run

    def measured(self, spec, *plan):
        return tournaments.run(spec, *plan) if spec.purpose == "tournament" else run(self, spec, *plan)

    return measured


def test_several_objectives_give_a_front(tmp_path):
    outcome = run_study(fake_config(tmp_path, objectives=("decode_tokens_per_second", "kld"), constraints={}), [])
    fronts = [t for t in outcome.trials if t.number in outcome.front]
    assert {t.params["precision"] for t in fronts} == {"medium", "high"}
    assert all(t.params["threads"] == 6 and t.params["mode"] == "b" for t in fronts)


def test_the_same_command_again_reports_and_a_larger_budget_goes_on(tmp_path):
    first = run_study(wide_config(tmp_path, budget={"trials": 8}), [])
    recorder = Recorder()
    again = run_study(wide_config(tmp_path, budget={"trials": 8}), [recorder])
    assert again.deploy == first.deploy
    assert (again.study, again.directory) == (first.study, first.directory)
    assert not recorder.named("trial_started") + recorder.named("tournament_progress"), "nothing is measured"
    more = run_study(wide_config(tmp_path, budget={"trials": 14}), [])
    assert more.trials[:8] == first.trials
    assert len(more.trials) == 14


def test_a_finished_study_is_judged_by_the_targets_of_today(tmp_path):
    targets = (Target("llm", "decode_tokens_per_second", above=60),)
    first = run_study(fake_config(tmp_path, budget={"trials": 4}), [])
    again = run_study(fake_config(tmp_path, budget={"trials": 4}, targets=targets), [])
    assert first.deploy.targets == ()
    assert again.deploy.targets[0].met is True
    assert StudyStore(study_dir(first)).read(DeployConfig, "deploy.json") == again.deploy


def test_another_definition_under_the_same_name_is_refused(tmp_path):
    run_study(fake_config(tmp_path, study="mine", budget={"trials": 2}), [])
    with pytest.raises(TunerError, match=r"study 'mine' .* is another one: .*constraints"):
        run_study(fake_config(tmp_path, study="mine", constraints={"kld": 0.5}), [])


def test_two_sweeps_of_one_study_exclude_each_other(tmp_path):
    config = fake_config(tmp_path, study="mine")
    store = StudyStore(tmp_path / "mine")
    with store.locked(), pytest.raises(TunerError, match=f"another sweep .process {os.getpid()}. is running"):
        run_study(config, [])


def test_an_outputs_folder_that_cannot_be_written_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(TunerError, match="cannot write the study's folder") as caught:
        run_study(fake_config(tmp_path / "file"), [])
    assert caught.value.exit_status == 3
    assert "outputs=" in caught.value.hint


def test_an_outputs_folder_is_tried_without_leaving_anything(tmp_path):
    check_writable(tmp_path / "outputs/mine")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(TunerError, match=r"cannot write the study.s folder .*file/mine"):
        check_writable(tmp_path / "file/mine")
    with pytest.raises(TunerError, match="File name too long"):
        check_writable(tmp_path / ("x" * 300))


def test_a_study_of_the_first_format_is_refused_in_one_line(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/trials.jsonl").write_text("{}\n")
    with pytest.raises(TunerError, match=r"study of an earlier format") as caught:
        run_study(fake_config(tmp_path, study="mine"), [])
    assert "study=NAME" in caught.value.hint


class InterruptAfter(Recorder):
    """Presses Ctrl-C after some trials."""

    def __init__(self, trials):
        super().__init__()
        self._left = trials

    def trial_finished(self, result):
        self._left -= 1
        if self._left == 0:
            raise KeyboardInterrupt


def test_ctrl_c_keeps_and_reports_what_is_finished(tmp_path):
    outcome = run_study(fake_config(tmp_path), [InterruptAfter(5)])
    assert outcome.verdict == "interrupted"
    assert "5 finished trials kept" in outcome.summary
    assert "best so far, not proven" in outcome.summary
    assert (study_dir(outcome) / "report.md").exists()
    resumed = run_study(fake_config(tmp_path), [])
    assert resumed.trials[:5] == outcome.trials
    assert resumed.verdict == "gain"


@pytest.mark.real_machine
@pytest.mark.parametrize(("trials", "blocks"), [(1, 0), (5, 0), (12, 3)])
def test_kill_9_of_the_whole_tree_loses_and_repeats_nothing_that_was_finished(tmp_path, trials, blocks, request):
    """Neither a trial nor a block of the tournament. (`benchmarks/kills.py` kills at hundreds of random moments.)"""
    program = textwrap.dedent(f"""
        from pathlib import Path
        from tests.tuner.fake_study import fake_config
        from tuner.study.study import run_study
        run_study(fake_config(Path({str(tmp_path)!r}), study="mine", model={{"script": [{{"do": "slow"}}]}}), [])
    """)
    folder = tmp_path / "mine"

    def done():
        return len(finished(folder)) >= trials and len(played_in(folder)) >= blocks

    with subprocess.Popen([sys.executable, "-c", program], start_new_session=True) as sweep:
        while not done():
            assert sweep.poll() is None
            time.sleep(0.02)
        os.killpg(sweep.pid, signal.SIGKILL)
    before, played = finished(folder), played_in(folder)
    request.getfixturevalue("simulated")  # what is left need not be waited for
    outcome = run_study(fake_config(tmp_path, study="mine", model={"script": [{"do": "slow"}]}), [])
    assert list(outcome.trials[: len(before)]) == before
    values = [[b.rounds[n].metrics["decode_tokens_per_second"] for n in sorted(b.rounds)] for b in played]
    blocks = tournament_of(outcome).blocks
    assert [sorted(b) for b in blocks[: len(played)]] == [sorted(v) for v in values]
    assert len(blocks) == 8
    assert StudyStore(folder).tournament_state() is None, "the verdict holds the blocks"
    assert len({json.dumps(dict(t.params), sort_keys=True) for t in outcome.trials}) == 12
    assert outcome.verdict == "gain"


def finished(folder):
    """The configurations that are on disk, while the study may be running."""
    if not (folder / "study.yaml").exists():
        return []
    return [r for r in results_of(folder) if r.purpose in ("baseline", "search")]


def played_in(folder):
    """The blocks of the tournament that are on disk."""
    state = StudyStore(folder).tournament_state()
    return state.played.blocks if state else ()


def test_an_interrupted_tournament_goes_on_before_anything_is_searched(tmp_path):
    class Interrupt(Recorder):
        def tournament_progress(self, standings, done, most):
            if done == 3:
                raise KeyboardInterrupt

    assert run_study(fake_config(tmp_path), [Interrupt()]).verdict == "interrupted"
    recorder = Recorder()
    outcome = run_study(fake_config(tmp_path), [recorder])
    assert [done for _, done, _ in recorder.named("tournament_progress")] == [4, 5, 6, 7, 8]
    assert not recorder.named("trial_started")
    assert outcome.verdict == "gain"
    assert any("goes on after 3" in text for (text,) in recorder.named("notice"))


def test_another_budget_forgets_an_interrupted_tournament_and_searches_on(tmp_path):
    class Interrupt(Recorder):
        def tournament_progress(self, standings, done, most):
            raise KeyboardInterrupt

    few = {"trials": 5}
    assert run_study(fake_config(tmp_path, budget=few), [Interrupt()]).verdict == "interrupted"
    outcome = run_study(fake_config(tmp_path), [])
    assert len(outcome.trials) == 12
    assert len(tournament_of(outcome).blocks) == 8


def test_what_killed_the_tuner_again_and_again_is_not_tried_again(tmp_path):
    """A configuration that takes the whole machine down leaves its note behind each time."""
    prepared = prepare(fake_config(tmp_path, study="mine"), lambda text: None)
    first = run_study(fake_config(tmp_path, study="mine"), [InterruptAfter(3)])
    deadly = {**first.trials[0].params, "threads": 4, "mode": "b"}
    for _ in range(MAX_KILLS):  # as after a kill, each time
        name = record_name(prepared.name, prepared.digest)
        record = StudyRecord(name, prepared.objectives, prepared.space, tmp_path / "mine")
        record.recover()
        record.begin(deadly, "search")
    outcome = run_study(fake_config(tmp_path, study="mine"), [])
    assert outcome.trials[3].params == deadly
    assert outcome.trials[3].status == "crashed"
    assert "killed 3 times" in outcome.trials[3].reason
    assert sum(t.params == deadly for t in outcome.trials) == 1
    again = run_study(fake_config(tmp_path, study="mine"), [])
    assert len(again.trials) == len(outcome.trials) == 12


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


def test_after_a_gain_it_is_known_what_each_change_brought(tmp_path):
    first = run_study(fake_config(tmp_path), [])
    brought = {n: step.ratio for step in first.attribution.steps for n in step.changed}
    assert brought == pytest.approx({"threads": 3**0.5, "mode": 1.3, "precision": 1.2}, rel=0.05)
    page = (study_dir(first) / "report.md").read_text()
    assert "What each change brought" in page
    assert "Which knobs mattered" in page


def test_what_there_was_no_time_to_explain_is_explained_with_more(tmp_path, simulated):
    first = run_study(fake_config(tmp_path, budget={"minutes": 0.05}), [], simulated)
    assert (first.verdict, first.attribution) == ("gain", None)
    assert any("was not measured" in text for text in first.notices)
    more = run_study(fake_config(tmp_path, budget={"minutes": 5.0}), [], simulated)
    assert more.verdict == "gain"
    assert len(more.attribution.steps) == 3


def test_one_knob_after_the_other_is_a_study_of_its_own(tmp_path):
    searched = run_study(fake_config(tmp_path, budget={"trials": 3}), [])
    walked = run_study(fake_config(tmp_path, sampler="ablation"), [])
    assert study_dir(walked) != study_dir(searched)
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
    results = results_of(study_dir(outcome))
    checks = [r for r in results if r.purpose == "drift"]
    assert [sum(r.purpose != "drift" for r in results[: c.number]) for c in checks] == [4, 7, 10]
    first = outcome.trials[0].value("decode_tokens_per_second")
    assert all(c.value("decode_tokens_per_second") == pytest.approx(first, rel=0.2) for c in checks)
    assert all(0.8 < t.pace < 1.2 for t in outcome.trials)


def test_an_explanation_of_another_winner_does_not_stay(tmp_path):
    first = run_study(fake_config(tmp_path), [])
    store = StudyStore(study_dir(first))
    store.write("attribution.json", replace(store.read(Attribution, "attribution.json"), winner=99))
    again = run_study(fake_config(tmp_path), [])
    assert again.attribution.winner == tournament_of(again).winner


def test_only_crashes_beside_the_default_are_no_comparison(tmp_path):
    script = [{"when": {"threads": [4, 6]}, "do": "segfault"}]
    fixed = {**FIXED, "mode": "a", "precision": "high"}
    config = fake_config(tmp_path, space={"threads": Choices((2, 4, 6))}, params=fixed, model={"script": script})
    assert run_study(config, []).verdict == "undecided"


def test_another_sampler_under_the_same_name_is_refused_by_its_name(tmp_path):
    run_study(fake_config(tmp_path, study="mine", budget={"trials": 2}), [])
    with pytest.raises(TunerError, match=r"is another one: sampler differs"):
        run_study(fake_config(tmp_path, study="mine", sampler="ablation"), [])


def noisy(tmp_path, **changes):
    """Twelve configurations, all about equal. The fake engine draws its noise anew in each process."""
    space = {"scale": Choices(tuple(0.97 + 0.005 * n for n in range(12)))}
    fixed = {"threads": 6, "turbo": False, "mode": "a", "precision": "high"}
    return fake_config(tmp_path, model={"noise": 0.15}, space=space, params=fixed, **changes)


def test_rivals_are_measured_again_in_new_processes(tmp_path):
    recorder = Recorder()
    outcome = run_study(noisy(tmp_path, budget={"trials": 20}), [recorder])
    repeats = repeats_of(study_dir(outcome))
    numbers = {t.number for t in outcome.trials if t.feasible}
    assert 0 < len(repeats) <= 24
    assert all(r.repeat_of in numbers and r.value("decode_tokens_per_second") and r.wall_s > 0 for r in repeats)
    assert len({key(t.params) for t in outcome.trials}) == len(outcome.trials) == 12, "they are no further trials"
    told = [text for (text,) in recorder.named("progress")]
    assert f"measuring trial {repeats[0].repeat_of} again" in told


def repeats_of(folder):
    return [r for r in results_of(folder) if r.purpose == "repeat"]


def test_a_resumed_study_knows_what_was_measured_again(tmp_path):
    first = run_study(noisy(tmp_path, budget={"trials": 11}), [])
    known = repeats_of(study_dir(first))
    second = run_study(noisy(tmp_path, budget={"trials": 20}), [])
    repeats = repeats_of(study_dir(second))
    assert repeats[: len(known)] == known
    assert len(repeats) <= 2 * len(second.trials) == 24


def test_what_was_best_in_an_earlier_study_is_tried_first(tmp_path):
    earlier = run_study(fake_config(tmp_path), [])
    assert earlier.verdict == "gain"
    recorder = Recorder()
    later = run_study(fake_config(tmp_path, objectives=("ftl_ms",)), [recorder])
    assert study_dir(later) != study_dir(earlier)
    assert later.trials[1].params == earlier.deploy.params
    notices = [text for (text,) in recorder.named("notice")]
    assert f"what was best in earlier studies of this engine is tried first: {study_dir(earlier).name}" in notices


def test_the_study_says_how_much_of_it_others_disturbed(tmp_path, monkeypatch):

    monkeypatch.setattr(HostNoise, "disturbed", property(lambda noise: True))
    recorder = Recorder()
    run_study(fake_config(tmp_path, budget={"trials": 4}), [recorder])
    (line,) = [text for (text,) in recorder.named("notice") if "disturbed" in text]
    assert "100 % of" in line
    assert "rests on the tournament's pairs" in line


def test_an_interrupt_while_a_trial_is_written_leaves_file_and_outcome_alike(tmp_path, monkeypatch):
    write = StudyRecord.end

    def interrupted(record, asked, result):
        write(record, asked, result)
        if result.number == 2:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(StudyRecord, "end", interrupted)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell's background job has it ignored
    interrupts.install()
    outcome = run_study(fake_config(tmp_path), [])
    assert outcome.verdict == "interrupted"
    assert len(outcome.trials) == len(results_of(study_dir(outcome))) == 3


def test_no_trial_may_take_more_than_a_share_of_the_minutes(tmp_path, monkeypatch):
    plans, run = [], LocalExecutor.run
    monkeypatch.setattr(LocalExecutor, "run", lambda *args: plans.append(args[2]) or run(*args))
    run_study(fake_config(tmp_path, budget={"trials": 3, "minutes": 5.0}), [])
    searched = [plan.pruner.time_most_s for plan in plans if plan.quality]
    assert searched
    assert set(searched) == {TRIAL_SHARE * 300.0}
