"""A study that ends, is interrupted or killed, and goes on."""

import json
import math
import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from search_spaces.errors import TunerError
from search_spaces.parameter import Choices
from tests.tuner.fake_executor import FakeExecutor
from tests.tuner.fake_study import FIXED, Recorder, fake_config, results_of, tournament_of, wide_config
from tuner.core import interrupts
from tuner.core.deploy import DeployConfig
from tuner.core.targets import Target
from tuner.core.trial import CONFIGURATIONS
from tuner.measure.executor import LocalExecutor
from tuner.measure.preparation import prepare
from tuner.results.record import StudyRecord, record_name
from tuner.results.study_store import StudyStore
from tuner.study.search_loop import MAX_KILLS
from tuner.study.study import run_study

pytestmark = pytest.mark.usefixtures("_simulated_unless_real")


def test_a_changed_seed_is_told_to_concern_what_is_left(tmp_path):
    run_study(wide_config(tmp_path, study="mine", document={"seed": 1}, seed=1, budget={"trials": 2}), [])
    recorder = Recorder()
    run_study(wide_config(tmp_path, study="mine", document={"seed": 2}, seed=2, budget={"trials": 3}), [recorder])
    assert any("begun with seed=1; only what is still to be searched" in text for (text,) in recorder.named("notice"))


def test_an_exhausted_space_is_finished_whatever_the_budget(tmp_path):
    space = {"threads": Choices((2, 4))}
    fixed = {**FIXED, "mode": "a", "precision": "high"}
    first = run_study(fake_config(tmp_path, space=space, params=fixed), [])
    recorder = Recorder()
    again = run_study(fake_config(tmp_path, space=space, params=fixed), [recorder])
    assert len(first.trials) == 2
    assert again.deploy == first.deploy
    assert not recorder.named("tournament_progress")


@pytest.mark.parametrize(("swing", "verdict", "then"), [(0.0, "keep_default", 10), (0.3, "undecided", 12)])
def test_more_pairs_are_a_new_tournament_where_they_may_prove_something(tmp_path, monkeypatch, swing, verdict, then):
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
    assert (first.verdict, len(tournament_of(first).blocks)) == (verdict, 10)
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
    assert StudyStore(first.directory).read(DeployConfig, "deploy.json") == again.deploy


def test_another_definition_under_the_same_name_is_refused(tmp_path):
    run_study(fake_config(tmp_path, study="mine", budget={"trials": 2}), [])
    with pytest.raises(TunerError, match=r"study 'mine' .* is another one: .*constraints"):
        run_study(fake_config(tmp_path, study="mine", constraints={"kld": 0.5}), [])


def test_two_sweeps_of_one_study_exclude_each_other(tmp_path):
    config = fake_config(tmp_path, study="mine")
    store = StudyStore(tmp_path / "mine")
    with store.locked(), pytest.raises(TunerError, match=f"another sweep .process {os.getpid()}. is running"):
        run_study(config, [])


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
    assert (outcome.directory / "report.md").exists()
    resumed = run_study(fake_config(tmp_path), [])
    assert resumed.trials[:5] == outcome.trials
    assert resumed.verdict == "gain"


@pytest.mark.real_machine
@pytest.mark.parametrize(("trials", "blocks"), [(1, 0), (5, 0), (12, 3)])
def test_kill_9_of_the_whole_tree_loses_and_repeats_nothing_that_was_finished(tmp_path, trials, blocks, request):
    """Neither a trial nor a block of the tournament. (`benchmarks/kills.py` kills at hundreds of random moments.)"""
    program = textwrap.dedent(f"""
        from pathlib import Path
        from tests.tuner.fake_study import FIXED, Recorder, fake_config, results_of, tournament_of, wide_config
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
    assert StudyStore(folder).proof_state() is None, "the verdict holds the blocks"
    assert len({json.dumps(dict(t.params), sort_keys=True) for t in outcome.trials}) == 12
    assert outcome.verdict == "gain"


def finished(folder):
    """The configurations that are on disk, while the study may be running."""
    if not (folder / "study.yaml").exists():
        return []
    return [r for r in results_of(folder) if r.purpose in CONFIGURATIONS]


def played_in(folder):
    """The blocks of the tournament that are on disk."""
    state = StudyStore(folder).proof_state()
    return state.tournament.played.blocks if state else ()


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


def test_another_storage_is_refused_so_that_no_study_silently_begins_anew(tmp_path):
    database = f"sqlite:///{tmp_path / 'my.db'}"
    run_study(fake_config(tmp_path, study="kept", storage=database, budget={"trials": 2}), [])
    with pytest.raises(TunerError, match=r"keeps its trials in sqlite:.*, and storage= was left out") as caught:
        run_study(fake_config(tmp_path, study="kept", budget={"trials": 2}), [])
    assert f"give it storage={database}" in caught.value.hint
    run_study(fake_config(tmp_path, study="mine", budget={"trials": 2}), [])
    with pytest.raises(TunerError, match=r"keeps its trials in its folder, not in sqlite:") as caught:
        run_study(fake_config(tmp_path, study="mine", storage=database, budget={"trials": 2}), [])
    assert "leave storage= out" in caught.value.hint


def test_another_sampler_under_the_same_name_is_refused_by_its_name(tmp_path):
    run_study(fake_config(tmp_path, study="mine", budget={"trials": 2}), [])
    with pytest.raises(TunerError, match=r"is another one: sampler differs"):
        run_study(fake_config(tmp_path, study="mine", sampler="ablation"), [])


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
    assert len(outcome.trials) == len(results_of(outcome.directory)) == 3
