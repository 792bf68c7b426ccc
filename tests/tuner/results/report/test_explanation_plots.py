"""What each change is worth and which knobs mattered, as drawn."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from search_spaces.parameter import Params
from tests.tuner.synthetic import OBJECTIVE, deploy, measured, write_study
from tuner.core.deploy import DeployConfig
from tuner.core.explanation import Ablation, Change, Importance, KnobImportance
from tuner.results.report.explanation_plots import ablation_plot, change_text, importance_plot
from tuner.results.report.plots import history_plot
from tuner.results.report.study_files import StudyFiles, read_study
from tuner.results.summary import changed_knob_cells

SVG = "{http://www.w3.org/2000/svg}"
CHANGES = (
    Change({"quantization": ("F16", "Q6_K")}, {}, 1.5, (1.4, 1.6), 5, shown=True),
    Change({"flash_attn": (False, True), "type_v": (None, "q8_0")}, {}, 0.99, (0.97, 1.01), 5),
    Change({"n_threads": (1, 2)}, {}, None, None, 0, "killed", shown=True),
)
KNOBS = (KnobImportance("quantization", 0.6, True), KnobImportance("n_batch", 0.02, False))


@pytest.fixture
def study(tmp_path: Path) -> StudyFiles:
    known = read_study(write_study(tmp_path / "study"))
    explained = Ablation(5, 5, OBJECTIVE, CHANGES)
    return replace(known, ablation=explained, importance=Importance(OBJECTIVE, KNOBS, floor=0.05, trials=20))


def texts(svg: str | None, kind: str = "text") -> list[str]:
    assert svg is not None
    return [element.text or "" for element in ElementTree.fromstring(svg).iter(f"{SVG}{kind}")]


def test_each_change_that_could_be_measured_has_a_row(study: StudyFiles) -> None:
    svg = ablation_plot(study)
    assert "quantization F16 → Q6_K" in texts(svg)
    assert "flash_attn off → on, type_v — → q8_0" in texts(svg)
    assert not any("n_threads" in text for text in texts(svg))
    assert "quantization F16 → Q6_K: ×1.500 (1.400–1.600), 5 pairs, kept" in texts(svg, "title")
    assert svg is not None
    assert svg.count('class="sure"') == 1, "what is not shown to matter is not drawn as if it were"


def test_a_knob_that_is_not_above_chance_is_drawn_so(study: StudyFiles) -> None:
    svg = importance_plot(study)
    assert "what chance reaches" in texts(svg)
    assert "n_batch: 2.0%, not above chance" in texts(svg, "title")
    assert svg is not None
    assert (svg.count('class="sure"'), svg.count('class="unsure"')) == (1, 1)


def test_nothing_measured_is_nothing_drawn(study: StudyFiles) -> None:
    assert ablation_plot(replace(study, ablation=None)) is None
    assert importance_plot(replace(study, importance=None)) is None


def test_the_default_measured_again_and_corrected_values_are_in_the_history(study: StudyFiles) -> None:
    slow = replace(study.trials[5], pace=0.8)
    check = replace(measured(len(study.results), 80.0), purpose="drift", repeat_of=0)
    shown = replace(study, results=(*study.trials[:5], slow, *study.trials[6:], check))
    titles = texts(history_plot(shown), "title")
    assert "the default again: 80.0" in titles
    assert titles.count("corrected for the machine's pace") == 1


def changed(params: Params, baseline: Params) -> DeployConfig:
    return replace(deploy(), params=params, baseline=replace(deploy().baseline, params=baseline))


def test_the_table_of_changes_says_what_each_is_worth() -> None:
    known = changed(
        {"quantization": "Q6_K", "n_threads": 2, "flash_attn": True, "type_v": "q8_0", "n_batch": 64},
        {"quantization": "F16", "n_threads": 1, "flash_attn": False, "n_batch": 512},
    )
    head, rows = changed_knob_cells(known, Ablation(5, 5, OBJECTIVE, CHANGES))
    assert head[-1] == "better with it than without"
    assert [(row[0], row[-1]) for row in rows] == [
        ("quantization", "×1.500 (1.400–1.600)"), ("flash_attn", "×0.990 (0.970–1.010)"),
        ("type_v", "(with flash_attn)"), ("n_threads", "nothing runs without it"), ("n_batch", "not measured"),
    ]  # fmt: skip
    assert changed_knob_cells(known, None)[0] == ("changed knob", "default", "winner")


def test_a_knob_that_goes_back_with_another_has_its_own_worth_where_that_was_measured() -> None:
    known = changed({"a": 2, "b": 2, "c": 2}, {"a": 1, "b": 1, "c": 1})
    changes = (
        Change({"a": (1, 2), "b": (1, 2)}, {}, 2.0, None, 5, shown=True),
        Change({"c": (1, 2)}, {}, 1.5, None, 5, shown=True),
        Change({"b": (1, 2)}, {}, 1.2, None, 5, shown=True),
    )
    _, rows = changed_knob_cells(known, Ablation(5, 5, OBJECTIVE, changes))
    assert [(row[0], row[-1]) for row in rows] == [("a", "×2.000"), ("b", "×1.200"), ("c", "×1.500")]


def test_what_a_person_feels_without_a_change_stands_in_its_row_where_that_keeps_it() -> None:
    known = changed({"a": 2}, {"a": 1})
    faster = Change({"a": (1, 2)}, {}, 1.4, (1.3, 1.5), 8, shown=True, worse="ftl_ms ×1.30")
    assert changed_knob_cells(known, Ablation(5, 5, OBJECTIVE, (faster,)))[1][0][-1] == "×1.400 (1.300–1.500)"
    change = Change({"a": (1, 2)}, {}, 1.01, None, 8, shown=True, worse="ftl_ms ×1.30")
    _, rows = changed_knob_cells(known, Ablation(5, 5, OBJECTIVE, (change,)))
    assert rows == [("a", "1", "2", "×1.010, without it worse: ftl_ms ×1.30")]


def test_a_knob_that_is_not_in_use_is_a_dash() -> None:
    assert change_text(Change({"a": (None, 2), "b": (True, None)}, {}, None, None, 0)) == "a — → 2, b on → —"
