from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tuner.synthetic import OBJECTIVE, TRIALS, failed, measured, tournament, write_study
from tuner.core.trial import TrialStatus
from tuner.results.report.plots import (
    all_plots,
    front,
    history_plot,
    tournament_plot,
    trade_off_metrics,
    trade_off_plot,
)
from tuner.results.report.study_files import StudyFiles, read_study

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def study(tmp_path: Path) -> StudyFiles:
    return read_study(write_study(tmp_path / "study"))


def titles(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter(f"{SVG}title")]


def test_history_marks_every_trial_once(study: StudyFiles) -> None:
    svg = history_plot(study)
    assert svg is not None
    heads = [title.split("\n")[0] for title in titles(svg)]
    assert sorted(heads) == sorted(
        [
            "trial 0: ok", "trial 1: ok", "trial 2: crashed", "trial 3: over limit", "trial 4: out of memory",
            "trial 5: ok", "trial 6: pruned", "trial 7: timed out",
        ]
    )  # fmt: skip
    assert any("killed by signal 11" in title for title in titles(svg))


def test_the_tournament_plot_shows_intervals_and_what_the_search_believed(study: StudyFiles) -> None:
    svg = tournament_plot(study)
    assert svg is not None
    assert "trial 5: ×1.750 (1.710–1.790), 8 pairs" in titles(svg)
    assert "the search had believed ×1.800" in titles(svg)


def test_finalists_stand_on_rows_of_their_own(study: StudyFiles) -> None:
    svg = tournament_plot(study)
    assert svg is not None
    labels = [e for e in ElementTree.fromstring(svg).iter(f"{SVG}text") if (e.text or "").startswith("trial ")]
    heights = [float(e.attrib["y"]) for e in labels]
    assert heights == sorted(heights)
    assert heights[1] - heights[0] > 20


def test_a_finalist_that_failed_has_no_ratio_to_show(study: StudyFiles) -> None:
    played = tournament()
    failed_all = tuple(replace(f, ratio=None, ci95=None, failure="crashed") for f in played.finalists)
    assert tournament_plot(replace(study, tournament=replace(played, finalists=failed_all))) is None


def test_trade_offs_are_the_limits_and_memory(study: StudyFiles) -> None:
    assert trade_off_metrics(study) == ["kld", "rss_peak_mib"]
    svg = trade_off_plot(study, "kld")
    assert svg is not None
    assert len(titles(svg)) == 5, "only trials that have both metrics"
    assert "limit 0.05" in svg


def test_other_objectives_come_first(study: StudyFiles) -> None:
    several = replace(study, about=replace(study.about, objectives=(OBJECTIVE, "ftl_ms")))
    assert trade_off_metrics(several)[0] == "ftl_ms"


def test_nothing_to_show_is_no_plot(study: StudyFiles) -> None:
    empty = replace(study, results=(), tournament=None, deploy=None)
    assert all_plots(empty) == {}
    broken = replace(empty, results=(failed(0, TrialStatus.CRASHED, "no"),))
    assert all_plots(broken) == {}


def test_one_trial_is_enough_for_a_history(study: StudyFiles) -> None:
    assert set(all_plots(replace(study, results=TRIALS[:1], tournament=None, deploy=None))) == {"history"}


@pytest.mark.parametrize("speed", [1e-6, 1.0, 1e9])
def test_any_scale_of_values_can_be_drawn(study: StudyFiles, speed: float) -> None:
    trials = (measured(0, speed), measured(1, speed))
    for svg in all_plots(replace(study, results=trials)).values():
        ElementTree.fromstring(svg)
        assert "nan" not in svg


POINTS = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=30)


@given(POINTS)
def test_no_point_beats_the_front(points: list[tuple[int, int]]) -> None:
    """`kld` is less-is-better, the objective more-is-better."""
    steps = front(points, "kld", OBJECTIVE)
    for x, y in steps[::2]:  # between them are the corners of the steps
        assert (x, y) in points
        assert not any((px <= x and py > y) or (px < x and py >= y) for px, py in points)
    for x, y in points:
        assert any(sx <= x and sy >= y for sx, sy in steps)
