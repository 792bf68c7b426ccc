from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tuner.synthetic import BASELINE, OBJECTIVE, TRIALS, failed, measured, outcome, study_info
from tuner.core.trial import MetricValue, TrialStatus
from tuner.results.tracking.records import (
    RUN_STATUS,
    best_so_far,
    outcome_record,
    parent_params,
    trial_record,
)

INFO = study_info(Path("study"))
KNOWN = {trial.number: trial for trial in TRIALS}


def test_a_measured_trial_has_its_knobs_values_and_intervals() -> None:
    record = trial_record(INFO, KNOWN[5], KNOWN, "id")
    assert record.params == {"quantization": "Q6_K", "n_threads": "2", "flash_attn": "on", "lookup": "0.5"}
    assert record.metrics[OBJECTIVE] == 180.0
    assert record.metrics[f"range95/{OBJECTIVE}_low"] == pytest.approx(176.4)
    assert record.metrics[f"range95/{OBJECTIVE}_high"] == pytest.approx(183.6)
    assert record.metrics["kld"] == 0.01
    assert record.metrics["ratio_to_baseline"] == pytest.approx(1.8)
    assert record.tags["status"] == "ok"
    assert record.status == "FINISHED"
    assert record.name == "trial 005 · quantization=Q6_K flash_attn=on"
    assert record.times_ms[1] - record.times_ms[0] == 5000


def test_a_failed_trial_has_its_status_and_reason() -> None:
    record = trial_record(INFO, KNOWN[2], KNOWN, "id")
    assert record.tags["status"] == "crashed"
    assert "signal 11" in record.tags["reason"]
    assert record.status == "FAILED"
    assert OBJECTIVE not in record.metrics
    assert record.artifacts == ()


def test_a_trial_over_a_limit_says_so_and_has_no_ratio_to_sort_by() -> None:
    record = trial_record(INFO, KNOWN[3], KNOWN, "id")
    assert record.tags["status"] == "ok"
    assert record.tags["feasible"] == "no"
    assert record.tags["reason"] == "kld 0.300 nat > 0.05"
    assert "ratio_to_baseline" not in record.metrics


@pytest.mark.parametrize("status", list(TrialStatus))
def test_every_status_is_a_tag_and_an_mlflow_status(status: TrialStatus) -> None:
    record = trial_record(INFO, failed(9, status, "why"), KNOWN, "id")
    assert record.tags["status"] == status.value
    assert record.status in {"FINISHED", "FAILED", "KILLED"}
    assert (record.status == "FINISHED") == (status is TrialStatus.OK)
    assert set(RUN_STATUS) <= set(TrialStatus)


def test_less_is_better_turns_the_ratio_round() -> None:
    info = replace(INFO, objectives=("ftl_ms",))
    assert trial_record(info, KNOWN[5], KNOWN, "id").metrics["ratio_to_baseline"] == pytest.approx(1.8)


def test_several_objectives_have_a_ratio_each() -> None:
    info = replace(INFO, objectives=(OBJECTIVE, "rss_peak_mib"))
    metrics = trial_record(info, KNOWN[5], KNOWN, "id").metrics
    assert metrics[f"ratio_to_baseline/{OBJECTIVE}"] == pytest.approx(1.8)
    assert metrics["ratio_to_baseline/rss_peak_mib"] == pytest.approx(300 / 305)


@given(
    name=st.text(min_size=1, max_size=300),
    value=st.floats(allow_nan=True, allow_infinity=True),
    knob=st.text(min_size=1, max_size=300),
)
def test_nothing_that_mlflow_refuses_or_bends_reaches_it(name: str, value: float, knob: str) -> None:
    trial = replace(measured(1, 120.0), metrics={name: MetricValue(value, None, "")}, params={knob: "x"})
    record = trial_record(INFO, trial, KNOWN, "id")
    assert all(math.isfinite(v) for v in record.metrics.values())
    assert all(re.fullmatch(r"[\w./ :-]{1,250}", key) for key in [*record.metrics, *record.params])


def test_the_first_trial_is_described_without_a_baseline() -> None:
    record = trial_record(INFO, measured(3, 50.0), {}, "id")
    assert "n_threads=2" in record.name
    assert "ratio_to_baseline" not in record.metrics


def test_best_so_far_ignores_what_cannot_be_deployed() -> None:
    curve = [best_so_far(INFO, KNOWN, number) for number in range(8)]
    assert [point[f"best/{OBJECTIVE}"] for point in curve] == [100, 150, 150, 150, 150, 180, 180, 180]
    assert best_so_far(INFO, {2: KNOWN[2]}, 2) == {}


def test_the_outcome_carries_verdict_gain_and_the_winners_values() -> None:
    record = outcome_record(INFO, outcome())
    assert record.tags["verdict"] == "gain"
    assert record.tags["gain"] == "+75.0 %"
    assert record.metrics["ratio_to_baseline"] == 1.75
    assert record.metrics[OBJECTIVE] == 180.0
    assert record.status == "FINISHED"
    assert "Q6_K" in record.tags["mlflow.note.content"]


def test_an_outcome_without_a_winner_has_no_gain() -> None:
    record = outcome_record(INFO, outcome(verdict="no_feasible", deploy=None))
    assert record.status == "FAILED"
    assert "ratio_to_baseline" not in record.metrics


def test_what_can_change_on_resume_is_no_param() -> None:
    longer = replace(INFO, budget_trials=80, budget_minutes=30.0, finished=TRIALS, configuration={"budget": 80})
    assert parent_params(INFO) == parent_params(longer)
    assert set(BASELINE).isdisjoint(parent_params(INFO))
