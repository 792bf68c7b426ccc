from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tuner.synthetic import BASELINE, OBJECTIVE, TRIALS, measured
from tuner.core.trial import MetricValue, TrialStatus
from tuner.results.wording import (
    best_trial,
    changed_knobs,
    describe,
    duration,
    number,
    ratio_to,
    reason_text,
    shorten,
    status_counts,
    status_text,
    with_interval,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (412.34, "412"), (41.234, "41.2"), (0.012345, "0.0123"), (-3.14159, "-3.14"), (123456.7, "123457"),
     (1.5e9, "1.5e+09"), (2e-7, "2e-07"), (math.inf, "inf"), (math.nan, "nan")],
)  # fmt: skip
def test_numbers_have_three_significant_digits(value: float, text: str) -> None:
    assert number(value) == text


@given(st.floats(min_value=1e-3, max_value=1e5))
def test_a_number_is_never_far_from_its_text(value: float) -> None:
    assert float(number(value)) == pytest.approx(value, rel=6e-3)


def test_values_with_and_without_an_interval() -> None:
    assert with_interval(MetricValue(412.0, (408.9, 415.1), "tok/s")) == "412 ± 3.1 tok/s"
    assert with_interval(MetricValue(0.5, None, "")) == "0.500"


def test_an_interval_that_is_too_wide_for_a_plus_and_minus_names_its_ends() -> None:
    assert with_interval(MetricValue(101.0, (0.0597, 169358.0), "tok/s")) == "101 (0.0597–169358) tok/s"
    assert with_interval(MetricValue(100.0, (78.0, 128.0), "ms")) == "100 ± 25 ms"
    assert with_interval(MetricValue(100.0, (74.0, 135.0), "ms")) == "100 (74.0–135) ms"


def test_changed_knobs_show_both_sides_and_what_is_not_active() -> None:
    changes = changed_knobs({"n_threads": 4, "flash_attn": True, "extra": 1.5}, BASELINE)
    assert changes == {
        "n_threads": ("2", "4"),
        "flash_attn": ("off", "on"),
        "extra": ("—", "1.5"),
        "quantization": ("F16", "—"),
        "lookup": ("0.5", "—"),
    }


def test_a_trial_is_described_by_what_it_changes() -> None:
    assert describe(BASELINE, BASELINE) == "baseline"
    assert describe({**BASELINE, "flash_attn": True}, BASELINE) == "flash_attn=on"
    assert describe({"a": 1, "b": False}, None) == "a=1 b=off"


@given(st.text(max_size=200), st.integers(min_value=1, max_value=80))
def test_shortened_text_fits_on_one_line(text: str, width: int) -> None:
    short = shorten(text, width)
    assert len(short) <= width
    assert len(short.splitlines()) <= 1


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (-5, "0 s"), (59.4, "59 s"), (59.9, "1 min 00 s"), (245, "4 min 05 s"), (7810, "2 h 10 min")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@given(st.floats(min_value=0.1, max_value=1e4), st.floats(min_value=0.1, max_value=1e4))
def test_a_ratio_above_one_is_better_either_way(value: float, baseline: float) -> None:
    up, down = ratio_to(OBJECTIVE, value, baseline), ratio_to("ftl_ms", value, baseline)
    assert up == pytest.approx(value / baseline)
    assert down == pytest.approx(baseline / value)


@pytest.mark.parametrize(("value", "baseline"), [(0.0, 1.0), (1.0, 0.0), (math.nan, 1.0), (1.0, math.inf), (-1.0, 2.0)])
def test_no_ratio_where_none_makes_sense(value: float, baseline: float) -> None:
    assert ratio_to(OBJECTIVE, value, baseline) is None


def test_a_broken_limit_is_a_status_and_a_reason() -> None:
    trial = measured(3, 220.0, kld=0.3)
    assert status_text(trial) == "over_limit"
    assert reason_text(trial, {"kld": 0.05}) == "kld 0.300 nat > 0.05"
    assert reason_text(trial, {}) == "kld 0.300 nat over its limit"
    agreeing = replace(trial, quality={"top1_agreement": 0.9}, violations={"top1_agreement": 0.05})
    assert reason_text(agreeing, {"top1_agreement": 0.95}) == "top1_agreement 0.900 < 0.95"


def test_the_best_trial_can_be_deployed_and_is_the_first_among_equals() -> None:
    best = best_trial(TRIALS, OBJECTIVE)
    assert best is not None
    assert best.number == 5
    twins = [measured(4, 100.0), measured(2, 100.0)]
    earliest = best_trial(twins, OBJECTIVE)
    assert earliest is not None
    assert earliest.number == 2
    least = best_trial(TRIALS, "ftl_ms")
    assert least is not None
    assert least.number == 5
    assert best_trial([t for t in TRIALS if t.status is not TrialStatus.OK], OBJECTIVE) is None


def test_statuses_are_counted_with_broken_limits_apart() -> None:
    assert status_counts(TRIALS)["ok"] == 3
    assert status_counts(TRIALS)["over_limit"] == 1
    assert sum(status_counts(TRIALS).values()) == len(TRIALS)
