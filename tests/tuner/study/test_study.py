"""What a study finds and what it survives, by workers of the fake engine."""

import json
import re
from dataclasses import replace

import pytest

from search_spaces.errors import TunerError
from search_spaces.parameter import Choices
from tests.tuner.fake_study import FIXED, OPTIMUM, Recorder, fake_config, results_of
from tuner.measure.host.host_noise import HostNoise
from tuner.measure.host.surroundings import Surroundings
from tuner.measure.preparation import prepare
from tuner.results.study_store import check_writable
from tuner.study import final
from tuner.study.study import run_study

pytestmark = pytest.mark.usefixtures("_simulated_unless_real")


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
    results = results_of(outcome.directory)
    assert [r.purpose for r in results if r.purpose != "drift"] == ["baseline", *["search"] * 11]
    assert [r.number for r in results] == list(range(len(results)))
    assert results[0].purpose == "baseline"
    assert results[0].params.items() >= {"threads": 2, "mode": "a"}.items()
    assert all((outcome.directory / r.samples_file).exists() for r in results if r.status == "ok")
    assert (tmp_path / "latest").resolve() == outcome.directory.resolve()


def test_what_is_deployed_was_measured(tmp_path):
    outcome = run_study(fake_config(tmp_path), [])
    assert dict(outcome.deploy.params) in [dict(t.params) for t in outcome.trials]


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
    assert not (outcome.directory / "deploy.json").exists()


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
    assert "no other trial came near" in outcome.summary


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


def test_a_busy_machine_is_told_of_before_anything_is_measured(tmp_path, simulated):
    recorder = Recorder()
    busy = Surroundings(False, 0.9, 0.0, 0, ("python (14658)",))
    config = fake_config(tmp_path, budget={"trials": 2})
    run_study(config, [recorder], simulated, surroundings=lambda: busy.warning)
    names = [name for name, _ in recorder.events if name in ("notice", "trial_started")]
    assert names[0] == "notice"
    assert recorder.named("notice")[0] == (
        "the machine is busy (busiest: python (14658)): measurements will be repeated, and may take many times longer "
        "than budget.minutes; Ctrl-C keeps what is finished",
    )
    assert replace(busy, quiet=True).warning == ""


def test_a_proof_that_overruns_the_minutes_is_told_of_once_the_default_is_known(tmp_path, monkeypatch, simulated):
    monkeypatch.setattr(final, "TOLD_OVERRUN_S", 1.0)
    recorder = Recorder()
    config = fake_config(tmp_path, model={"script": [{"do": "slow"}]}, budget={"minutes": 0.02})
    run_study(config, [recorder], simulated)
    told = [(name, arguments[0]) for name, arguments in recorder.events if name in ("notice", "trial_finished")]
    (after, text), *_ = [event for event in told if event[0] == "notice"]
    assert told.index((after, text)) == 1, "right after the first trial"
    assert text.startswith("a round of the default takes 0.1 s here: proving anything will take at least 0.")
    assert text.endswith("min more than budget.minutes=0.02")


def test_the_time_of_preparation_is_not_taken_from_the_search(tmp_path, monkeypatch, simulated):
    def slow(config, progress):
        simulated.sleep(3600.0)
        return prepare(config, progress)

    monkeypatch.setattr("tuner.study.study.prepare", slow)
    outcome = run_study(fake_config(tmp_path, budget={"trials": 3, "minutes": 0.5}), [], simulated)
    assert len(outcome.trials) == 3
    assert outcome.wall_s > 3600.0


def test_nor_is_the_time_of_whoever_is_told_that_it_begins(tmp_path, simulated):
    class Slow(Recorder):
        def study_started(self, info):
            simulated.sleep(3600.0)

    outcome = run_study(fake_config(tmp_path, budget={"trials": 3, "minutes": 0.5}), [Slow()], simulated)
    assert len(outcome.trials) == 3


def test_several_objectives_give_a_front(tmp_path):
    outcome = run_study(fake_config(tmp_path, objectives=("decode_tokens_per_second", "kld"), constraints={}), [])
    fronts = [t for t in outcome.trials if t.number in outcome.front]
    assert {t.params["precision"] for t in fronts} == {"medium", "high"}
    assert all(t.params["threads"] == 6 and t.params["mode"] == "b" for t in fronts)


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


def test_after_a_gain_it_is_known_what_each_change_is_worth(tmp_path):
    first = run_study(fake_config(tmp_path), [])
    worth = {n: change.ratio for change in first.ablation.changes for n in change.changed}
    assert worth == pytest.approx({"threads": 3**0.5, "mode": 1.3, "precision": 1.2}, rel=0.05)
    page = (first.directory / "report.md").read_text()
    assert "What each change is worth" in page
    assert "Which knobs mattered" in page


def test_only_crashes_beside_the_default_are_no_comparison(tmp_path):
    script = [{"when": {"threads": [4, 6]}, "do": "segfault"}]
    fixed = {**FIXED, "mode": "a", "precision": "high"}
    config = fake_config(tmp_path, space={"threads": Choices((2, 4, 6))}, params=fixed, model={"script": script})
    assert run_study(config, []).verdict == "undecided"


def test_the_study_says_how_much_of_it_others_disturbed(tmp_path, monkeypatch):

    monkeypatch.setattr(HostNoise, "disturbed", property(lambda noise: True))
    recorder = Recorder()
    run_study(fake_config(tmp_path, budget={"trials": 4}), [recorder])
    (line,) = [text for (text,) in recorder.named("notice") if "disturbed" in text]
    disturbed, rounds = re.search(r"disturbed (\d+) of (\d+) rounds", line).groups()
    assert disturbed == rounds
    assert "only what a tournament proves counts" in line
