"""How long a tournament lasts."""

import pytest

from tuner.study.final import least_span_s


@pytest.mark.parametrize(
    ("minutes", "span_s"), [(0.2, 6.0), (1.0, 30.0), (2.0, 30.0), (2.5, 37.5), (4.5, 45.0), (60.0, 45.0)]
)
def test_pairs_of_one_moment_are_not_all_there_is(minutes, span_s):
    """A quarter of the minutes, between 30 and 45 s, and never more than half of them."""
    assert least_span_s(60 * minutes) == pytest.approx(span_s)
