import json
import sys

import pytest

from benchmarks import search_efficiency
from benchmarks.peers import hill_climbing, optuna_tpe, random_search
from benchmarks.problem import Trace
from benchmarks.replayed_study import replay_study, replayed
from benchmarks.search_efficiency import OURS, OURS_UNADVISED, TOLD, Row, table, verdict
from tests.benchmarks.conftest import SPEED
from tuner.core.trial import MetricValue, TrialResult, TrialStatus
from tuner.search.observations import Observations


@pytest.mark.parametrize("strategy", [random_search, optuna_tpe, hill_climbing])
def test_a_peer_keeps_to_its_time_and_answers_with_what_may_be_deployed(strategy, cpu_problem):
    limit_s = 0.2 * cpu_problem.exhaustive_s
    trace = strategy(cpu_problem, 1, limit_s)
    assert limit_s <= trace.end_s < 1.05 * limit_s
    assert trace.measured > 20
    regrets = [cpu_problem.regret(params) for _, params in trace.answers]
    assert all(r < 1 for r in regrets), "feasible and running"
    assert regrets[-1] < 0.3
    assert 0 < trace.wasted_s < trace.end_s


@pytest.mark.parametrize("strategy", [random_search, optuna_tpe, hill_climbing])
def test_a_peer_survives_a_surface_full_of_failures(strategy, gpu_problem):
    trace = strategy(gpu_problem, 0, 0.03 * gpu_problem.exhaustive_s)
    assert trace.wasted_s > 0 or strategy is hill_climbing, "which begins where everything fits"
    assert trace.answers


def test_hill_climbing_measures_nothing_twice(cpu_problem):
    trace = hill_climbing(cpu_problem, 2, 10 * cpu_problem.exhaustive_s)
    assert trace.measured <= len(cpu_problem.surface.recording.trials) * 2
    assert cpu_problem.regret(trace.answers[-1][1]) < 0.05, "beginning anew, it ends near the optimum"


def test_the_tuner_finds_the_optimum_in_a_tenth_of_the_time(cpu_problem):
    traces = [replay_study(cpu_problem, seed, 0.1 * cpu_problem.exhaustive_s) for seed in range(2)]
    for trace in traces:
        assert trace.found_s(cpu_problem) < 0.05 * cpu_problem.exhaustive_s
        assert trace.end_s < 0.105 * cpu_problem.exhaustive_s, "the tournament ends with the time as well"
        assert cpu_problem.regret(trace.answers[-1][1]) <= 0.03


@pytest.mark.parametrize("seed", range(2))
def test_the_tuner_finds_the_edge_of_the_memory(gpu_problem, seed):
    """A third of this time is the proof's: eight pairs of the default and three finalists, each in a new process."""
    trace = replay_study(gpu_problem, seed, 0.03 * gpu_problem.exhaustive_s)
    assert gpu_problem.regret(trace.answers[-1][1]) <= 0.01


@pytest.mark.parametrize(("speed", "deployed"), [(101.0, 1), (110.0, 2)])
def test_the_answer_of_the_tuner_is_the_plainest_of_what_is_about_as_good(cpu_problem, speed, deployed):
    study = replayed(cpu_problem, 0, 10.0)
    study.observations = Observations(cpu_problem.space, [SPEED])
    base = dict(cpu_problem.space.baseline)
    tried = [base, {**base, "n_threads": 2}, {**base, "n_threads": 2, "type_k": "q8_0"}]
    for number, (params, value) in enumerate(zip(tried, (50.0, 100.0, speed), strict=True)):
        metrics = {SPEED.metric: MetricValue(value, None, "tok/s")}
        study.trials.append(TrialResult(number, params, TrialStatus.OK, rounds=1, metrics=metrics))
        study._answer()
    assert study.trace.answers[-1][1] == tried[deployed]


def traced(*answers):
    trace = Trace(measured=5, end_s=10.0)
    for at_s, params in answers:
        trace.answer(at_s, params)
    return trace


def test_a_row_sums_up_traces(cpu_problem):
    whole_s, best = cpu_problem.exhaustive_s, cpu_problem.optimum.trial.params
    soon = traced((0.02 * whole_s, best))
    late = traced((0.01 * whole_s, cpu_problem.space.baseline), (0.2 * whole_s, best))
    never = traced((0.01 * whole_s, cpu_problem.space.baseline))
    row = Row.of("a", cpu_problem, [soon, soon, soon, late, never])
    assert row.in_time == pytest.approx(0.6)
    assert row.median == pytest.approx(0.02)
    assert row.regret == 0
    assert row.cells()[4] == "–", "one in five never found it"
    assert "| a | 5 | 60 % | 2.0 % | – |" in table([row])


def test_the_verdict_says_what_is_not_met(cpu_problem):
    def row(name, share):
        return Row.of(name, cpu_problem, [traced((share * cpu_problem.exhaustive_s, cpu_problem.optimum.trial.params))])

    told = row(TOLD, 0.015)
    good = verdict([row(OURS, 0.01), row(OURS_UNADVISED, 0.02), row("a", 0.05), row("b", 0.03), told])
    assert "as it is, the median of b is 3.0 times ours (3 times: met)" in good
    assert "without advice, the median of b is 1.5 times ours (3 times: NOT met)" in good
    assert f"as it is, the median of {TOLD} is 1.5 times ours (3 times: NOT met)" in good
    bad = verdict([row(OURS, 0.2), row(OURS_UNADVISED, 0.2), row("a", 0.3)])
    assert bad.count("NOT met") == 3
    assert "the median of a is 1.5 times ours" in bad


def test_a_search_that_goes_on_and_loses_what_it_had_found_is_judged_by_its_better_end(cpu_problem):
    whole_s, best = cpu_problem.exhaustive_s, cpu_problem.optimum.trial.params
    lucky = traced((0.05 * whole_s, best), (0.3 * whole_s, cpu_problem.space.baseline))
    assert Row.of("a", cpu_problem, [lucky]).median == pytest.approx(0.05)


def test_the_command_prints_a_table(monkeypatch, capsys, tmp_path):
    out = tmp_path / "rows.json"
    seeds = []

    def peer(problem, seed, limit_s):
        seeds.append(seed)
        return random_search(problem, seed, limit_s)

    monkeypatch.setattr(search_efficiency, "PEERS", {"random": peer})
    arguments = ["--recording", "cpu_like", "--seeds", "1", "--first-seed", "3", "--json", str(out)]
    monkeypatch.setattr(sys, "argv", ["search_efficiency", *arguments])
    search_efficiency.main()
    printed = capsys.readouterr().out
    assert seeds == [3]
    assert "cpu-like (synthetic)" in printed
    assert "| voice-stack tuner | 1 |" in printed
    rows = json.loads(out.read_text())[0]["rows"]
    assert [r["name"] for r in rows] == ["voice-stack tuner", "the same without advice", "random"]


def test_a_file_that_is_no_recording_is_an_error(monkeypatch, tmp_path):
    (tmp_path / "a.json.gz").write_text("")
    monkeypatch.setattr(sys, "argv", ["search_efficiency", "--recording", str(tmp_path / "a.json.gz")])
    with pytest.raises(SystemExit, match="no recording"):
        search_efficiency.main()
