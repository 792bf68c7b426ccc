"""Tournaments between real workers of the fake engine."""

import pytest

from tests.tuner.fake_study import fake_config
from tuner.objective import Objective
from tuner.preparation import prepare
from tuner.tournament import Tournament
from tuner.trial import MetricValue, TrialResult, TrialStatus

SPEED = Objective("decode_tokens_per_second")


def hold(tmp_path, finalists, baseline=None, noise=0.0, script=(), objective=SPEED, feasible=True, pairs=8):
    """A tournament of `finalists` (changes to the default) against the default."""
    config = fake_config(tmp_path, model={"noise": noise, "script": list(script)})
    prepared = prepare(config, lambda text: None)
    default = dict(prepared.space.baseline)
    slack = {} if feasible else {"kld": 1.0}
    metrics = {SPEED.metric: MetricValue(100.0, None, "tok/s")}
    home = TrialResult(0, {**default, **(baseline or {})}, TrialStatus.OK, metrics=metrics, violations=slack)
    away = [
        TrialResult(n, {**default, **changes}, TrialStatus.OK, metrics=metrics)
        for n, changes in enumerate(finalists, 1)
    ]
    blocks = []
    tournament = Tournament(prepared.runner(), objective, pairs, 16, lambda *block: blocks.append(block))
    return tournament.run(home, away), blocks


def test_the_largest_proven_gain_wins(tmp_path):
    result, blocks = hold(tmp_path, [{"threads": 4}, {"threads": 6}, {"threads": 3}], noise=0.02)
    assert result.winner.params["threads"] == 6
    assert result.significant
    assert result.test.ci95[0] < 3**0.5 < result.test.ci95[1]
    assert result.document["pairs"] == len(blocks) == 8
    assert len(result.document["blocks"][0]) == 4


def test_an_equal_finalist_loses_to_the_default(tmp_path):
    result, blocks = hold(tmp_path, [{"level": 0}], noise=0.03)
    assert result.winner.number == 0
    assert not result.significant
    assert len(blocks) == 16, "undecided, so it went on to the most pairs"


def test_a_finalist_that_is_slower_ends_it_early(tmp_path):
    result, blocks = hold(tmp_path, [{"mode": "c"}], noise=0.01)
    assert result.winner.number == 0
    assert len(blocks) == 8


def test_a_finalist_that_crashes_is_out_with_its_reason(tmp_path):
    script = [{"when": {"threads": [6]}, "do": "segfault"}]
    result, _ = hold(tmp_path, [{"threads": 6}, {"threads": 4}], script=script)
    assert result.winner.params["threads"] == 4
    crashed = result.document["finalists"][0]
    assert "SIGSEGV" in crashed["failure"]
    assert not crashed["significant"]


def test_without_a_running_default_the_best_finalist_wins_unproven(tmp_path):
    script = [{"when": {"threads": [2]}, "do": "segfault"}]
    result, _ = hold(tmp_path, [{"threads": 4}, {"threads": 6}], script=script)
    assert result.winner.params["threads"] == 6
    assert result.baseline is None
    assert result.test is None
    assert not result.significant


def test_a_default_that_breaks_a_constraint_cannot_be_kept(tmp_path):
    result, _ = hold(tmp_path, [{"mode": "c"}], feasible=False)
    assert result.winner.params["mode"] == "c"
    assert not result.significant
    assert result.test.ratio == pytest.approx(0.8)


def test_no_finalists_keeps_the_default(tmp_path):
    result, _ = hold(tmp_path, [])
    assert result.winner.number == 0


def test_an_objective_that_only_a_load_shows_is_measured_with_a_load_per_block(tmp_path):
    result, _ = hold(tmp_path, [{"threads": 4}], objective=Objective("load_s"))
    loads = [row[0] for row in result.document["blocks"]]
    assert len(set(loads)) > 1
    assert "load_s" in result.metrics[0]


def test_memory_may_decide(tmp_path):
    result, _ = hold(tmp_path, [{"threads": 4}], objective=Objective("rss_peak_mib"))
    assert result.document["objective"] == "rss_peak_mib"
    assert all(value > 5 for row in result.document["blocks"] for value in row)
