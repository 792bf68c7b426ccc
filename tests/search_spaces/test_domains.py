import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_spaces.domains import contains, count, describe, draw, kind, nearest, next_to, show, values
from search_spaces.parameter import Choices, Domain, FloatRange, IntRange, Pattern, Value
from tests.search_spaces.strategies import domains


@given(domains(finite=False), st.integers())
def test_what_is_drawn_near_and_next_lies_in_the_domain(domain: Domain, seed: int) -> None:
    value = draw(domain, random.Random(seed))
    assert contains(domain, value)
    assert type(value) is kind(domain)
    assert nearest(domain, value) == value
    assert all(contains(domain, v) and v != value for v in next_to(domain, value))
    assert all(contains(domain, v) for v in values(domain))


@given(domains())
def test_count_is_of_the_values_and_every_value_can_be_reached(domain: Domain) -> None:
    listed = list(values(domain))
    assert count(domain) == len(listed) == len(set(listed))
    reached, queue = {listed[0]}, [listed[0]]
    while queue:
        fresh = set(next_to(domain, queue.pop())) - reached
        reached |= fresh
        queue += fresh
    assert reached == set(listed)


@given(domains(finite=False), st.integers(-20, 20_000) | st.floats(-5, 200))
def test_nearest_is_nearest(domain: Domain, value: float) -> None:
    found = nearest(domain, value)
    assert contains(domain, found)
    assert all(contains(domain, v) for v in next_to(domain, value))
    if kind(domain) in (int, float) and (count(domain) or 1000) < 100:
        assert abs(float(found) - value) == min(abs(float(v) - value) for v in values(domain))


@pytest.mark.parametrize(
    ("domain", "value", "inside"),
    [
        (IntRange(1, 7, 2), 3, True),
        (IntRange(1, 7, 2), 4, False),
        (IntRange(0, 1), True, False),
        (IntRange(0, 4), 2.0, False),
        (FloatRange(0.0, 1.0), 1, True),
        (FloatRange(0.0, 1.0), True, False),
        (Choices((False, True)), 1, False),
        (Choices((0, 1)), True, False),
        (Choices((0, 1)), 1, True),
        (Choices(("1",)), 1, False),
        (Pattern(r"\d:\d", "shares"), "1:2", True),
        (Pattern(r"\d:\d", "shares"), "1:2:3", False),
        (Pattern(r"\d:\d", "shares"), 1, False),
    ],
)
def test_true_is_not_one_and_text_is_no_number(domain: Domain | Pattern, value: Value, inside: bool) -> None:
    assert contains(domain, value) is inside


@pytest.mark.parametrize(
    ("domain", "text"),
    [
        (IntRange(1, 8), "1..8"),
        (IntRange(1, 9, 2), "1..9 (steps of 2)"),
        (FloatRange(0.1, 10.0, log=True), "0.1..10 (log)"),
        (Choices((False, True)), "false, true"),
        (Choices(("f16", "q8_0")), "f16, q8_0"),
        (Pattern(r"\d", "a digit"), "a digit"),
    ],
)
def test_ranges_in_words(domain: Domain | Pattern, text: str) -> None:
    assert describe(domain) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_shown_number_is_that_number(value: float) -> None:
    assert float(show(value)) == value
