from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.results.report.svg import Scale, Surface, labelled, padded, ticks

FINITE = st.floats(min_value=-1e9, max_value=1e9, allow_nan=False)


@given(low=FINITE, share=st.floats(min_value=1e-6, max_value=1e3), most=st.integers(min_value=2, max_value=12))
def test_ticks_are_few_round_and_within(low: float, share: float, most: int) -> None:
    span = share * max(abs(low), 1e-3)
    high = low + span
    marks = ticks(low, high, most)
    assert 0 < len(marks) + 1 <= most + 2
    assert all(low - span * 1e-6 <= mark <= high + span * 1e-6 for mark in marks)
    assert marks == sorted(marks)


@pytest.mark.parametrize(
    ("low", "high", "marks"),
    [
        (0, 10, [0, 2, 4, 6, 8, 10]),
        (0.93, 2.1, [1.0, 1.2, 1.4, 1.6, 1.8, 2.0]),
        (5, 5, [5]),
        (0, 0.3, [0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3]),
    ],
)
def test_ticks_people_would_choose(low: float, high: float, marks: list[float]) -> None:
    assert ticks(low, high) == pytest.approx(marks)


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (0, 10, ["0", "2", "4", "6", "8", "10"]),
        (23.19, 23.25, ["23.19", "23.20", "23.21", "23.22", "23.23", "23.24", "23.25"]),
        (0, 0.3, ["0.00", "0.05", "0.10", "0.15", "0.20", "0.25", "0.30"]),
        (5, 5, ["5.00"]),
        (0, 4e10, ["0", "1e+10", "2e+10", "3e+10", "4e+10"]),
        (0, 3e-9, ["0", "5e-10", "1e-09", "1.5e-09", "2e-09", "2.5e-09", "3e-09"]),
    ],
)
def test_labels_tell_neighbouring_ticks_apart(low: float, high: float, labels: list[str]) -> None:
    assert [label for _, label in labelled(ticks(low, high))] == labels


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=20))
def test_a_padded_range_is_never_empty(values: list[float]) -> None:
    low, high = padded([v for v in values if abs(v) < 1e300 or v != v])
    assert low < high


def test_a_scale_can_run_backwards_and_holds_marks_within() -> None:
    down = Scale(0, 10, 100, 0)
    assert (down(0), down(10), down(-5), down(50)) == (100, 0, 100, 0)
    reversed_rows = Scale(2.5, -0.5, 100, 0)
    assert reversed_rows(-0.5) == 0
    assert reversed_rows(2.5) == 100
    assert Scale(3, 3, 0, 10)(3) == 5


def test_text_is_escaped_and_the_result_is_xml() -> None:
    surface = Surface((0, 1), (0, 1))
    surface.axes("<x> & y", "a<b")
    surface.dot(0.5, 0.5, "ok", "<script>alert(1)</script>")
    surface.legend([("bad", "<bad>"), ("path", "p"), ("base", "d")])
    svg = surface.render('"quoted" <label>')
    root = ElementTree.fromstring(svg)
    titles = [e.text for e in root.iter("{http://www.w3.org/2000/svg}title")]
    assert titles == ["<script>alert(1)</script>"]
    assert "<script" not in svg
