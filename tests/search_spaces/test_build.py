import pytest

from search_spaces.build import build, in_dependency_order
from search_spaces.errors import TunerError
from search_spaces.parameter import Choices, Condition, FloatRange, IntRange, Parameter
from search_spaces.rules import AtMost, Require

FLAG = Choices((False, True))


def knob(name: str, *parents: str) -> Parameter:
    return Parameter(name, FLAG, False, when=tuple(Condition(p, (True,)) for p in parents))


def test_knobs_come_after_those_that_their_conditions_name() -> None:
    ordered = in_dependency_order("s", [knob("d", "c", "b"), knob("c", "a"), knob("b"), knob("a")])
    assert [k.name for k in ordered] == ["b", "a", "c", "d"]


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ([knob("a", "b"), knob("b", "a")], "the conditions of space s go in a circle: a, b"),
        ([knob("a", "a")], "the conditions of space s go in a circle: a"),
        ([knob("a", "bb"), knob("b")], "unknown knob in a condition of space s: 'bb'"),
    ],
)
def test_conditions_that_make_no_sense(knobs: list[Parameter], message: str) -> None:
    with pytest.raises(TunerError) as caught:
        build("s", knobs)
    assert caught.value.message == message


def test_knobs_below_an_off_knob_are_off_too() -> None:
    space = build("s", [knob("a"), knob("b", "a"), knob("c", "b")], off={"a": "there is none"})
    assert space.off == {
        "a": "there is none",
        "b": "used only when a=true, and a is off",
        "c": "used only when b=true, and b is off",
    }
    assert space.parameters == ()
    assert space.baseline == {}
    assert space.enumerate(10) == [{}]


def test_a_bound_that_a_range_cannot_reach_puts_a_knob_off() -> None:
    child = Parameter("child", FLAG, False, when=(Condition("n", at_least=5),))
    assert build("s", [Parameter("n", IntRange(1, 4), 1), child]).off == {
        "child": "used only when n at least 5, and n is 1..4"
    }
    assert build("s", [Parameter("n", FloatRange(1, 40), 1.0), child]).off == {}


def test_a_baseline_that_breaks_a_rule_is_an_error() -> None:
    numbers = [Parameter("a", IntRange(1, 4), 3), Parameter("b", IntRange(1, 4), 2)]
    with pytest.raises(TunerError, match="the baseline breaks a rule: a=3 is above b=2: pieces"):
        build("s", numbers, [AtMost("a", "b", "pieces")])


def test_a_contradiction_names_only_the_rules_that_make_it() -> None:
    numbers = [Parameter("a", IntRange(5, 6), 5), Parameter("b", IntRange(1, 4), 1), Parameter("c", IntRange(1, 9), 1)]
    rules = [AtMost("c", "a"), AtMost("a", "b", "pieces"), Require((Condition("c", (9,)),), (Condition("a", (6,)),))]
    with pytest.raises(TunerError) as caught:
        build("s", numbers, rules)
    assert caught.value.message == "no valid configuration is left: a must be at most b: pieces; but a=5..6, b=1..4"


def test_rules_that_contradict_only_together_are_named_together() -> None:
    numbers = [Parameter(n, IntRange(1, 4), 1) for n in ("a", "b", "c")]
    rules = [AtMost("a", "b"), AtMost("b", "c")]
    with pytest.raises(TunerError, match=r"a must be at most b; b must be at most c; but a=3, b=1\.\.4, c=2$"):
        build("s", numbers, rules, fixed={"a": 3, "c": 2})


def test_long_and_continuous_ranges_are_checked_by_their_ends_and_bounds() -> None:
    wide = [Parameter("a", IntRange(10, 10**9), 10), Parameter("x", FloatRange(0.0, 9.0), 0.0)]
    assert build("s", wide, [AtMost("x", "a")]).baseline == {"a": 10, "x": 0.0}
    with pytest.raises(TunerError, match="no valid configuration is left"):
        build("s", wide, [AtMost("a", "x")])
    inner = Require((Condition("a", at_least=10),), (Condition("x", at_least=3.0, at_most=4.0),))
    assert build("s", wide, [inner], baseline={"x": 3.5}).baseline["x"] == 3.5
