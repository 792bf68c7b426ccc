import pytest

from search_spaces.parameter import Condition, Value
from search_spaces.rules import AtMost, Require, describe_condition

FLASH = Require((Condition("type_v", ("q8_0", "q4_0")),), (Condition("flash", (True,)),), "so it is")


@pytest.mark.parametrize("params", [{}, {"a": 5}, {"b": 1}, {"a": 1, "b": 1}])
def test_at_most_holds(params: dict[str, Value]) -> None:
    rule = AtMost("a", "b")
    assert rule.degree(params) == 0
    assert rule.violation(params) == ""


def test_at_most_says_by_how_much() -> None:
    rule = AtMost("a", "b", "it must fit")
    assert 0 < rule.degree({"a": 2, "b": 1}) < rule.degree({"a": 9, "b": 1})
    assert rule.degree({"a": 0, "b": -3}) > 0
    assert rule.violation({"a": 2, "b": 1}) == "a=2 is above b=1: it must fit"
    assert rule.describe() == "a must be at most b: it must fit"


@pytest.mark.parametrize(
    "params",
    [{}, {"type_v": "f16", "flash": False}, {"type_v": "q8_0", "flash": True}, {"type_v": "q8_0"}, {"flash": False}],
)
def test_require_holds_also_for_knobs_not_in_use(params: dict[str, Value]) -> None:
    assert FLASH.degree(params) == 0
    assert FLASH.violation(params) == ""


def test_require_says_what_is_missing() -> None:
    assert FLASH.degree({"type_v": "q4_0", "flash": False}) == 1
    assert FLASH.violation({"type_v": "q4_0", "flash": False}) == "type_v=q4_0 requires flash=true (is false): so it is"
    assert FLASH.describe() == "flash=true is required when type_v=q8_0 or q4_0: so it is"


def test_missed_bounds_are_graded_and_add_up() -> None:
    rule = Require((Condition("on", (True,)),), (Condition("n", at_least=4), Condition("x", at_most=1.0)))
    degrees = [rule.degree({"on": True, "n": n, "x": x}) for n, x in ((4, 1.0), (3, 1.0), (1, 1.0), (1, 2.0))]
    assert degrees[0] == 0
    assert degrees == sorted(degrees)
    assert len(set(degrees)) == 4
    assert rule.violation({"on": True, "n": 1, "x": 2.0}) == (
        "on=true requires n at least 4 (is 1) and x at most 1 (is 2)"
    )


@pytest.mark.parametrize(
    ("condition", "value", "admitted"),
    [
        (Condition("n", at_least=2), 2, True),
        (Condition("n", at_least=2), 1, False),
        (Condition("n", at_most=2.5), 2, True),
        (Condition("n", at_least=1, at_most=3), 4, False),
        (Condition("n", (1, 2)), 2, True),
        (Condition("n", (1, 2), at_least=2), 1, False),
        (Condition("n", at_least=1), "2", False),
    ],
)
def test_conditions(condition: Condition, value: Value, admitted: bool) -> None:
    assert condition.admits(value) is admitted
    assert condition.holds({"n": value}) is admitted
    assert condition.holds({"m": value}) is False


def test_conditions_in_words() -> None:
    assert describe_condition(Condition("n", at_least=1, at_most=3)) == "n at least 1 and n at most 3"
