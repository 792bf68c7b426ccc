from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_spaces.errors import TunerError
from search_spaces.facts import Expression, Fact, checked_facts, listed, number
from search_spaces.parameter import Value


@given(st.integers(1, 512))
def test_half_of_a_fact_but_at_least_one(cores: int) -> None:
    half = Expression(fact="cores", divide=2, at_least=1)
    assert half.value({"cores": cores}, "it") == max(1, cores // 2)


def test_bounds_may_be_facts() -> None:
    capped = Expression(literal=512, at_most=Expression(fact="context", add=-1))
    assert capped.value({"context": 4096}, "it") == 512
    assert capped.value({"context": 300}, "it") == 299
    assert capped.facts() == ("context",)


def test_what_stands_in_for_an_unknown_fact() -> None:
    chosen = Expression(fact="own", add=1, otherwise=Expression(fact="cores", divide=2))
    assert chosen.value({"own": 5, "cores": 8}, "it") == 6
    assert chosen.value({"cores": 8}, "it") == 4
    assert chosen.facts() == ("own", "cores")


@pytest.mark.parametrize("value", [True, "Q4_0", 0.5, 3])
def test_a_literal_is_itself(value: Value) -> None:
    assert Expression(literal=value).value({}, "it") is value


def test_an_unknown_fact_is_named_with_the_place() -> None:
    with pytest.raises(TunerError, match="the range of n_threads needs the fact 'cores', which is unknown"):
        Expression(fact="cores").value({}, "the range of n_threads")
    with pytest.raises(TunerError, match="it: 'six' is not a number"):
        number("six", "it")


@pytest.mark.parametrize(
    ("kind", "value"), [("int", True), ("int", 2.5), ("bool", 1), ("text", 3), ("list", 3), ("float", "1")]
)
def test_a_fact_of_a_wrong_type(kind: Any, value: Value) -> None:
    with pytest.raises(TunerError, match="of the engine is not"):
        checked_facts("llm", {"x": Fact("x", kind, "it")}, {"x": value})


def test_declared_facts_are_kept_with_defaults_and_others_ignored() -> None:
    declared = {"a": Fact("a", "int", default=1), "b": Fact("b", "float"), "c": Fact("c", "text")}
    assert checked_facts("llm", declared, {"b": 2, "z": "?"}) == {"a": 1, "b": 2}


def test_list_facts_are_comma_separated() -> None:
    assert listed(" Q4_0,F16, Q4_0,,") == ("Q4_0", "F16")
