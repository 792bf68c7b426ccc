from dataclasses import replace

import pytest

from engines.base import TASKS
from engines.fake import FakeEngine
from search_spaces.errors import TunerError
from tuner.core.metrics import METRICS, check_metrics, leading_metrics, metrics_of
from tuner.core.objective import at_pace


def test_a_metric_of_an_engine_is_known_by_name_and_only_of_that_engine():
    name = "engine_decode_tokens_per_second"
    assert METRICS[name].unit == "tok/s"
    assert name in metrics_of("llm", "llama_cpp")
    assert name not in metrics_of("llm")
    assert name not in leading_metrics("llm", "llama_cpp")
    assert len(METRICS) == len(list(METRICS)) == len(set(METRICS))


@pytest.mark.parametrize("name", ["rtf", "engine_decode_tokens_per_second"])
def test_a_metric_that_contradicts_another_is_refused(monkeypatch, name):
    monkeypatch.setattr(FakeEngine, "metrics", (replace(METRICS[name], unit="apples"),))
    with pytest.raises(TunerError, match=f"declares the metric '{name}', which is defined already"):
        check_metrics("fake")
    check_metrics("llama_cpp")


def test_a_name_in_two_tasks_means_the_same_in_both():
    """Only how it follows from samples differs, which is no part of a metric's identity."""
    for one in TASKS:
        for other in TASKS:
            of_one, of_other = metrics_of(one), metrics_of(other)
            assert all(of_one[name] == of_other[name] for name in set(of_one) & set(of_other))
    assert metrics_of("stt")["rtf"].from_samples is not metrics_of("tts")["rtf"].from_samples


def test_energy_is_no_speed():
    """A token costs as much energy on a machine that is slow today."""
    assert METRICS["energy_j_per_unit"].kind == "energy"
    assert at_pace(2.0, "energy_j_per_unit", 0.5) == 2.0
    assert at_pace(2.0, "ftl_ms", 0.5) == 4.0
