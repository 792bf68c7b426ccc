"""What a winner may not make worse unasked."""

from dataclasses import replace

import pytest

from tests.tuner.synthetic import measured
from tuner.core.guards import FeltVerdict, Guard, broken_by, default_guards, search_limits, search_violations
from tuner.core.metrics import metrics_of
from tuner.core.trial import MetricValue, TrialResult, TrialStatus


def result(number, pace=1.0, **metrics):
    values = {name: MetricValue(value, None, "") for name, value in metrics.items()}
    return TrialResult(number, {}, TrialStatus.OK, metrics=values, pace=pace)


def test_all_that_is_felt_is_guarded_but_what_the_user_named():
    guards = default_guards(metrics_of("llm").values(), ["response_s", "ftl_ms"])
    assert guards == {"ftl_ms_p95": 1.05, "rss_peak_mib": 1.05}
    assert set(default_guards(metrics_of("stt").values(), [])) == {
        "rtf",
        "latency_ms",
        "latency_ms_p95",
        "rss_peak_mib",
    }
    assert {"stall_ms", "rtf", "ftl_ms"} <= set(default_guards(metrics_of("tts").values(), []))


@pytest.mark.parametrize(("value", "broken"), [(100.0, False), (109.0, False), (115.0, True), (60.0, False)])
def test_a_speed_has_some_tolerance_in_the_search(value, broken):
    slack, told = search_violations([Guard("ftl_ms")], result(1, ftl_ms=value), result(0, ftl_ms=100.0))
    assert (slack["guards.ftl_ms"] > 0) is bool(told) is broken
    assert not told or "ftl_ms is 1.15 times worse than the default's (guards.ftl_ms=1.05 guards it)" in told


def test_what_others_disturbed_is_left_to_the_tournament():
    disturbed = replace(result(1, ftl_ms=150.0), host_noise={"disturbed_share": 1.0})
    assert search_violations([Guard("ftl_ms")], disturbed, result(0, ftl_ms=100.0))[1] == []
    assert search_violations([Guard("ftl_ms")], result(1, ftl_ms=150.0), result(0, ftl_ms=100.0))[1] != []


def test_memory_has_none():
    slack, _ = search_violations([Guard("rss_peak_mib")], result(1, rss_peak_mib=106.0), result(0, rss_peak_mib=100.0))
    assert slack["guards.rss_peak_mib"] > 0


def test_a_slower_machine_breaks_no_guard():
    slack, told = search_violations([Guard("ftl_ms")], result(1, pace=0.5, ftl_ms=200.0), result(0, ftl_ms=100.0))
    assert slack["guards.ftl_ms"] < 0
    assert told == []


def test_what_was_not_measured_guards_nothing():
    guards = [Guard("ftl_ms"), Guard("stall_ms")]
    assert search_violations(guards, result(1), result(0, ftl_ms=1.0, stall_ms=0.0)) == ({}, [])


@pytest.mark.parametrize(("stall_ms", "breaks"), [(0.0, False), (2.0, False), (300.0, True)])
def test_silence_where_there_was_none_breaks_a_guard_and_a_trifle_of_it_does_not(stall_ms, breaks):
    _, told = search_violations([Guard("stall_ms")], result(1, stall_ms=stall_ms), result(0, stall_ms=0.0))
    assert bool(told) is breaks
    (limit,) = search_limits([Guard("stall_ms")], result(0, stall_ms=0.0), 1.0)
    assert (limit.slack(stall_ms) > 0) is breaks


def test_processes_that_differ_widen_what_a_guard_allows_in_the_search():
    """At 7 % from one process to the next every sixth equal configuration looks a tenth worse."""
    slower = result(1, ftl_ms=115.0), result(0, ftl_ms=100.0)
    assert search_violations([Guard("ftl_ms")], *slower)[1]
    assert not search_violations([Guard("ftl_ms")], *slower, load_noise=0.07)[1]
    assert search_violations(
        [Guard("rss_peak_mib")], result(1, rss_peak_mib=107.0), result(0, rss_peak_mib=100.0), 0.07
    )[1]


def test_a_factor_of_the_users_own():
    assert broken_by([Guard("ftl_ms", 1.5)], {"ftl_ms": 1.4}) == []
    assert broken_by([Guard("ftl_ms", 1.5)], {"ftl_ms": 1.6}) != []


@pytest.mark.parametrize(
    ("ratio", "ci95", "word"),
    [
        (1.1, (1.01, 1.2), "better"), (1.0, (0.9, 1.2), "tied"), (0.8, (0.7, 0.99), "worse"),
        (1.05, (1.0, 1.1), "tied"), (0.998, (0.997, 0.999), "tied"), (1.004, (1.002, 1.006), "tied"),
    ],
)  # fmt: skip
def test_the_word_follows_from_the_interval(ratio, ci95, word):
    assert FeltVerdict.of("ftl_ms", ratio, ci95).verdict == word


def test_the_default_keeps_its_own_guards():
    baseline = measured(0, 100.0)
    slack, told = search_violations([Guard("decode_tokens_per_second")], baseline, baseline)
    assert slack["guards.decode_tokens_per_second"] < 0
    assert told == []
