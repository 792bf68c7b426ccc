"""What each change brought and which knobs mattered, as drawn."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.tuner.synthetic import write_study
from tuner.measure.drift import PaceCheck
from tuner.results.report.explanation_plots import attribution_plot, change_text, importance_plot
from tuner.results.report.plots import history_plot
from tuner.results.report.study_files import StudyFiles, read_study
from tuner.results.summary import changed_knob_cells

SVG = "{http://www.w3.org/2000/svg}"
STEPS = [
    {"changed": {"quantization": ["F16", "Q6_K"]}, "ratio": 1.5, "ci95": [1.4, 1.6], "pairs": 5, "failure": ""},
    {"changed": {"flash_attn": [False, True], "type_v": [None, "q8_0"]}, "ratio": 0.99, "ci95": [0.97, 1.01],
     "pairs": 5, "failure": ""},
    {"changed": {"n_threads": [1, 2]}, "ratio": None, "ci95": None, "pairs": 0, "failure": "killed"},
]  # fmt: skip
KNOBS = [
    {"knob": "quantization", "share": 0.6, "above_floor": True},
    {"knob": "n_batch", "share": 0.02, "above_floor": False},
]


@pytest.fixture
def study(tmp_path: Path) -> StudyFiles:
    known = read_study(write_study(tmp_path / "study"))
    return replace(known, attribution={"steps": STEPS}, importance={"knobs": KNOBS, "floor": 0.05, "trials": 20})


def texts(svg: str | None, kind: str = "text") -> list[str]:
    assert svg is not None
    return [element.text or "" for element in ElementTree.fromstring(svg).iter(f"{SVG}{kind}")]


def test_each_change_that_could_be_measured_has_a_row(study: StudyFiles) -> None:
    svg = attribution_plot(study)
    assert "quantization F16 → Q6_K" in texts(svg)
    assert "flash_attn off → on, type_v — → q8_0" in texts(svg)
    assert not any("n_threads" in text for text in texts(svg))
    assert "quantization F16 → Q6_K: ×1.500 (1.400–1.600), 5 pairs" in texts(svg, "title")
    assert svg is not None
    assert svg.count('class="sure"') == 1, "an interval that holds 1 is not drawn as a gain"


def test_a_knob_that_is_not_above_chance_is_drawn_so(study: StudyFiles) -> None:
    svg = importance_plot(study)
    assert "what chance reaches" in texts(svg)
    assert "n_batch: 2.0%, not above chance" in texts(svg, "title")
    assert svg is not None
    assert (svg.count('class="sure"'), svg.count('class="unsure"')) == (1, 1)


def test_nothing_measured_is_nothing_drawn(study: StudyFiles) -> None:
    assert attribution_plot(replace(study, attribution={})) is None
    assert importance_plot(replace(study, importance={})) is None


def test_the_default_measured_again_and_corrected_values_are_in_the_history(study: StudyFiles) -> None:
    slow = replace(study.trials[5], pace=0.8)
    shown = replace(
        study, pace_checks=(PaceCheck(4, 80.0, 1.0, ""),), trials=(*study.trials[:5], slow, *study.trials[6:])
    )
    titles = texts(history_plot(shown), "title")
    assert "the default again: 80.0" in titles
    assert titles.count("corrected for the machine's pace") == 1


def test_the_table_of_changes_says_what_each_brought() -> None:
    deploy = {
        "params": {"quantization": "Q6_K", "n_threads": 2, "flash_attn": True, "type_v": "q8_0", "n_batch": 64},
        "baseline": {"params": {"quantization": "F16", "n_threads": 1, "flash_attn": False, "n_batch": 512}},
    }
    head, rows = changed_knob_cells(deploy, {"steps": STEPS})
    assert head[-1] == "contribution, in ablation order"
    assert [(row[0], row[-1]) for row in rows] == [
        ("quantization", "×1.500 (1.400–1.600)"), ("flash_attn", "×0.990 (0.970–1.010)"),
        ("type_v", "(with flash_attn)"), ("n_threads", "failed"), ("n_batch", ""),
    ]  # fmt: skip
    assert changed_knob_cells(deploy, {})[0] == ("changed knob", "default", "winner")


def test_a_knob_that_was_a_step_of_its_own_after_one_that_it_came_with_stands_in_its_place() -> None:
    deploy = {"params": {"a": 2, "b": 2, "c": 2}, "baseline": {"params": {"a": 1, "b": 1, "c": 1}}}
    steps = [
        {"changed": {"a": [1, 2], "b": [None, 1]}, "ratio": 2.0},
        {"changed": {"c": [1, 2]}, "ratio": 1.5},
        {"changed": {"b": [1, 2]}, "ratio": 1.2},
    ]
    _, rows = changed_knob_cells(deploy, {"steps": steps})
    assert [(row[0], row[-1]) for row in rows] == [("a", "×2.000"), ("c", "×1.500"), ("b", "×1.200")]


def test_a_knob_that_is_not_in_use_is_a_dash() -> None:
    assert change_text({"changed": {"a": [None, 2], "b": [True, None]}}) == "a — → 2, b on → —"
