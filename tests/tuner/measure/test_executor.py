"""The one way to measure: from a spec and a plan to a result, over a loader that is scripted."""

import json
from dataclasses import replace

import pytest

from engines.base import Model
from engines.errors import InvalidOutputError
from engines.fake import FakeEngine
from engines.judgement import WorstItem
from search_spaces.template import load_template
from tests.tuner.fake_loader import NOISY, QUIET, Script, ScriptedLoader, failure
from tuner.core.objective import Constraint, Objective
from tuner.core.trial import TrialSpec, TrialStatus
from tuner.measure.executor import LocalExecutor
from tuner.measure.measurement import RepeatAllowance
from tuner.measure.plan import bench_plan, drift_plan, search_plan, single_round_plan
from tuner.measure.pruning import Pruner, pruner_against
from tuner.measure.quality_cache import QualityCache

SPEED = "decode_tokens_per_second"
SPACE = load_template("fake").bind({"cpu_cores": 8})
PARAMS = SPACE.baseline
PRUNER = pruner_against(None, Objective(SPEED), 1.0, (2, 4))
SPEC = TrialSpec(4, PARAMS)


def executor(tmp_path, *scripts, script=(), constraints=(), **more):
    engine = FakeEngine()
    model = engine.resolve_model({"script": list(script)}, lambda text: None)
    assert isinstance(model, Model)
    loader = ScriptedLoader(list(scripts) or [Script([100.0])])
    cache = QualityCache(tmp_path, "fake", {}, "model", "workload", SPACE)
    return LocalExecutor(
        loader, engine, engine.capabilities(), model, tuple(constraints), cache, SPEED, 20.0,
        tmp_path / "samples", loader.clock, **more,
    )  # fmt: skip


def test_a_trial_of_the_search(tmp_path):
    told = []
    runs = executor(tmp_path, Script([50.0, 100.0, 100.1], vram_peak_mib=300.0))
    result = runs.run(SPEC, search_plan(PRUNER), lambda *round_told: told.append(round_told))
    assert (result.number, result.params, result.status, result.reason) == (4, PARAMS, TrialStatus.OK, "")
    assert (result.purpose, result.repeat_of) == ("search", None)
    assert result.metrics[SPEED].value == pytest.approx(100.05, rel=1e-3)
    assert result.metrics[SPEED].ci95 is not None
    loaded = {name: result.value(name) for name in ("load_cached_s", "rss_peak_mib", "vram_peak_mib", "model_mib")}
    assert loaded == {"load_cached_s": 0.5, "rss_peak_mib": 14.0, "vram_peak_mib": 300.0, "model_mib": 7.0}
    assert "load_s" not in result.metrics
    assert result.quality == {"kld": 0.01}
    assert result.model_file == {"path": "/m.gguf", "sha256": "0" * 64, "quantization": "Q8_0", "size_mib": 7.0}
    assert (result.rounds, result.round_s, result.rounds_s, result.quality_s) == (2, 1.0, 4.0, 2.0)
    assert result.wall_s == result.engine_s == runs.engine_s == 0.5 + 4.0 + 2.0
    assert result.host_noise["rounds"] == 4
    assert not result.disturbed
    assert result.inspected is None
    assert [rounds for rounds, _ in told] == [1, 2]
    samples = json.loads((tmp_path / result.samples_file).read_text())
    assert len(samples["rounds"]) == 4


def test_what_it_is_for_is_carried_on_and_what_has_no_number_keeps_no_samples(tmp_path):
    spec = TrialSpec(-1, PARAMS, "repeat", 7)
    result = executor(tmp_path).run(spec, single_round_plan())
    assert (result.purpose, result.repeat_of, result.samples_file) == ("repeat", 7, "")
    assert result.rounds == 1


@pytest.mark.parametrize(("cold", "name"), [(True, "load_s"), (False, "load_cached_s")])
def test_the_load_is_called_what_it_was(tmp_path, cold, name):
    runs = executor(tmp_path)
    result = runs.run(SPEC, single_round_plan(cold_load=cold))
    assert {n for n in result.metrics if n.startswith("load")} == {name}
    assert runs.loader.loads == [(PARAMS, cold)]


@pytest.mark.parametrize("error", [failure(), InvalidOutputError("the output is not finite")])
@pytest.mark.parametrize("when", ["load", "round", "second load"])
def test_what_an_engine_does_is_a_status_with_a_reason(tmp_path, error, when):
    scripts = {"load": [error], "round": [Script([100.0, error])], "second load": [Script([100.0]), error]}[when]
    result = executor(tmp_path, *scripts).run(SPEC, bench_plan(PRUNER))
    invalid = isinstance(error, InvalidOutputError)
    assert result.status is (TrialStatus.INVALID_OUTPUT if invalid else TrialStatus.CRASHED)
    assert result.reason == ("the output is not finite" if invalid else "killed by SIGSEGV")
    assert not result.metrics


def test_quality_is_judged_once_and_not_of_what_is_cut_off(tmp_path):
    script, slow = Script([100.0]), Script([10.0])
    runs = executor(tmp_path, script)
    assert runs.run(SPEC, search_plan(PRUNER)).quality_s == 2.0
    again = runs.run(TrialSpec(5, PARAMS), search_plan(PRUNER))
    assert (again.quality, again.quality_s) == ({"kld": 0.01}, 0.0)
    assert script.asked == ["quality"]
    raced = Pruner(True, 100.0, 2, 4, half_width=0.02)
    cut = executor(tmp_path / "other", slow, constraints=[Constraint("kld", 0.05)]).run(SPEC, search_plan(raced))
    assert (cut.status, cut.reason) == (TrialStatus.PRUNED, "clearly worse than the best after 1 round")
    assert not slow.asked


WORST = WorstItem("clip 7", "nothing was heard", "turn it off")


def test_a_trial_that_quality_refuses_says_what_came_off_worst(tmp_path):
    limits = [Constraint("kld", 0.005)]
    runs = executor(tmp_path, Script([100.0], worst=WORST), constraints=limits)
    result = runs.run(SPEC, search_plan(PRUNER))
    assert result.worst == WORST
    assert result.reason == "kld 0.01 > 0.005; worst: clip 7 (nothing was heard): 'turn it off' came out as ''"
    assert runs.known_infeasible(PARAMS) == result.reason
    again = runs.run(SPEC, search_plan(PRUNER))
    assert (again.reason, again.worst) == (result.reason, WORST), "the cache keeps it"
    kept = executor(tmp_path / "kept", Script([100.0], worst=WORST)).run(SPEC, search_plan(PRUNER))
    assert (kept.reason, kept.worst) == ("", WORST)
    memory = executor(tmp_path / "m", Script([100.0], worst=WORST), constraints=[Constraint("rss_peak_mib", 1.0)])
    assert "worst" not in memory.run(SPEC, search_plan(PRUNER)).reason, "another limit was broken"


def test_judging_that_ended_early_holds_for_the_limits_that_ended_it(tmp_path):
    hasty = Script([100.0], judged={"kld": 0.2}, complete=False)
    runs = executor(tmp_path, hasty, constraints=[Constraint("kld", 0.05), Constraint("rss_peak_mib", 1e6)])
    assert runs.run(SPEC, search_plan(PRUNER)).status is TrialStatus.INFEASIBLE
    runs.run(SPEC, search_plan(PRUNER))
    assert hasty.limits == [{"kld": 0.05}], "known from then on"
    assert runs.known_infeasible(PARAMS).startswith("kld 0.2 > 0.05")
    runs.run(SPEC, replace(search_plan(PRUNER), judging_limits=(Constraint("kld", 0.5),)))
    assert hasty.limits[1:] == [{"kld": 0.5}], "other limits need another judgement"
    runs.run(SPEC, replace(search_plan(PRUNER), judging_limits=()))
    assert hasty.limits[2:] == [{}]
    runs.run(SPEC, search_plan(PRUNER))
    assert len(hasty.limits) == 3, "a whole one holds for all"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_quality_that_is_no_number_is_invalid_output(tmp_path, value):
    result = executor(tmp_path, Script([100.0], judged={"kld": value})).run(SPEC, search_plan(PRUNER))
    assert result.status is TrialStatus.INVALID_OUTPUT
    assert "not a finite number" in result.reason


def test_limits_are_judged_by_what_the_plan_measures(tmp_path):
    limits = [Constraint("kld", 0.005), Constraint("rss_peak_mib", 5.0), Constraint("load_s", 1.0)]
    searched = executor(tmp_path, constraints=limits).run(SPEC, search_plan(PRUNER))
    assert searched.status is TrialStatus.INFEASIBLE
    assert [reason.split(" ")[0] for reason in searched.reason.split("; ")] == ["kld", "rss_peak_mib", "load_s"]
    assert "load_s was not measured" in searched.reason
    assert set(searched.violations) == {"kld", "rss_peak_mib"}
    once = executor(tmp_path / "other", constraints=limits).run(SPEC, single_round_plan())
    assert once.reason.startswith("rss_peak_mib")
    assert ";" not in once.reason
    checked = executor(tmp_path / "third", constraints=limits[:1]).run(SPEC, drift_plan(PRUNER))
    assert checked.status is TrialStatus.OK
    assert not checked.quality


def test_what_cannot_fit_is_not_run(tmp_path):
    runs = executor(tmp_path, script=[{"do": "too_large"}])
    result = runs.run(SPEC, search_plan(PRUNER))
    assert result.status is TrialStatus.INFEASIBLE
    assert "predicted host memory" in result.reason
    assert result.violations["memory"] > 0
    assert not runs.loader.loads
    assert runs.known_infeasible(PARAMS) == result.reason


def test_a_quality_that_is_known_to_break_a_limit_rules_out_unseen(tmp_path):
    runs = executor(tmp_path, constraints=[Constraint("kld", 0.005), Constraint("ftl_ms", 1.0)])
    assert runs.known_infeasible(PARAMS) == ""
    runs.run(SPEC, search_plan(PRUNER))
    assert runs.known_infeasible(PARAMS) == "kld 0.01 > 0.005"


def test_the_time_that_is_left_begins_with_the_run(tmp_path):
    """Loading takes half a second, and so a second is left for the warm-up, in which the time ends."""
    varied = Script([100.0, 70.0, 130.0, 70.0, 130.0])
    result = executor(tmp_path, varied).run(SPEC, search_plan(PRUNER, time_left_s=1.2))
    assert result.rounds == 1
    assert executor(tmp_path, Script([100.0, 70.0, 130.0])).run(SPEC, search_plan(PRUNER)).rounds > 1


@pytest.mark.parametrize(
    ("noises", "speeds", "value", "loads"),
    [
        ([QUIET, NOISY, QUIET, QUIET], [1.0, 60.0, 1.0, 100.0], 100.0, 2),
        ([QUIET, NOISY, QUIET, QUIET], [1.0, 60.0, failure()], 60.0, 2),
        ([], [1.0, 60.0, 1.0, 100.0], 60.0, 1),
    ],
    ids=["played again", "fails when played again", "quiet"],
)
def test_a_single_round_that_was_disturbed_is_played_again_in_a_new_process(tmp_path, noises, speeds, value, loads):
    runs = executor(tmp_path, Script(speeds, noises))
    result = runs.run(SPEC, single_round_plan(repeat_disturbed="new_process"))
    assert result.value(SPEED) == pytest.approx(value)
    assert len(runs.loader.loads) == loads
    assert result.engine_s == runs.engine_s


def test_nothing_is_played_again_that_must_not_be_or_beyond_the_allowance(tmp_path):
    noisy = [QUIET, NOISY] * 10
    assert len(_loads(executor(tmp_path, Script([100.0], noisy)), "never")) == 1
    spent = RepeatAllowance(repeated=6)
    assert len(_loads(executor(tmp_path, Script([100.0], noisy), allowance=spent), "new_process")) == 1


def _loads(runs, repeat_disturbed):
    runs.run(SPEC, single_round_plan(repeat_disturbed=repeat_disturbed))
    return runs.loader.loads


def test_a_bench_looks_closer(tmp_path):
    script, second = Script([100.0]), Script([100.0], load_s=0.25)
    runs = executor(tmp_path, script, second)
    result = runs.run(TrialSpec(-1, PARAMS, "bench"), bench_plan(PRUNER, with_profile=True))
    assert (result.value("load_s"), result.value("load_cached_s")) == (0.5, 0.25)
    assert runs.loader.loads == [(PARAMS, True), (PARAMS, False)]
    assert script.asked == ["in_force", "quality", "profile"]
    assert second.passes == 0
    assert len(result.inspected.iterations) == result.rounds
    assert result.inspected.iterations[0]["units_out"] == 11
    assert result.inspected.in_force == {"flash attention": "on"}
    assert result.inspected.profiles == {"profile.json": {"took": 3}}
    unprofiled = executor(tmp_path, Script([100.0]))
    assert unprofiled.run(SPEC, bench_plan(PRUNER)).inspected.profiles == {}
