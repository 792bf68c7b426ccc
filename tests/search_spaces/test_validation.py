import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import pytest
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from search_spaces.errors import TunerError
from search_spaces.validation import explained


@dataclass(frozen=True)
class Inner:
    count: int
    span: tuple[float, float] | None = None


@dataclass(frozen=True)
class Outer:
    version: Literal[1]
    inner: Inner
    named: Mapping[str, Inner]
    listed: tuple[Inner, ...] = ()
    kind: Literal["load", "call"] = "load"
    value: bool | int | float | str = 1
    either: Inner | str = ""


GOOD: dict[str, Any] = {"version": 1, "inner": {"count": 1}, "named": {}}
ADAPTER = TypeAdapter(tuple[Outer], config=ConfigDict(extra="forbid", strict=True))


def told(changes: dict[str, Any], where: str = "FILE") -> TunerError:
    with pytest.raises(ValidationError) as caught:
        ADAPTER.validate_json(json.dumps([{**GOOD, **changes}]), strict=True)
    return explained(caught.value.errors(), tuple[Outer], where)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"inner": {"count": "2"}}, "FILE[0].inner.count: a whole number is needed, not '2'"),
        ({"inner": {"count": True}}, "FILE[0].inner.count: a whole number is needed, not True"),
        ({"inner": 3}, "FILE[0].inner: a mapping is needed, not 3"),
        ({"inner": {}}, "FILE[0].inner: key 'count' is missing"),
        ({"inner": {"count": 1, "span": [1.0]}}, "FILE[0].inner.span: the list is too short"),
        ({"named": {"it": {"cuont": 1}}}, "unknown key in FILE[0].named.it: 'cuont'"),
        ({"listed": [{"count": 1}, {"count": None}]}, "FILE[0].listed[1].count: a whole number is needed, not None"),
        ({"kind": "lode"}, "unknown value of FILE[0].kind: 'lode'"),
        ({"version": 2}, "FILE[0].version: 1 is needed, not 2"),
        ({"value": None}, "FILE[0].value: one value is needed, not None"),
        ({"either": 5}, "FILE[0].either: a mapping or text is needed, not 5"),
        ({"either": {"cuont": 5}}, "unknown key in FILE[0].either: 'cuont'"),
        ({"inner": [0] * 99}, f"FILE[0].inner: a mapping is needed, not {repr([0] * 99)[:100]}…"),
    ],
)
def test_the_place_the_value_and_what_is_needed(changes: dict[str, Any], message: str) -> None:
    assert told(changes).message == message


def test_the_nearest_key_and_the_nearest_option() -> None:
    assert told({"named": {"it": {"cuont": 1}}}).hint == "did you mean 'count'? known: count, span"
    assert told({"either": {"cuont": 5}}).hint == "did you mean 'count'? known: count, span"
    assert told({"kind": "lode"}).hint == "did you mean 'load'? known: call, load"


def test_an_unknown_key_comes_before_what_it_may_have_caused() -> None:
    assert told({"inner": {"cuont": 1}}).message == "unknown key in FILE[0].inner: 'cuont'"


@dataclass(frozen=True)
class Limited:
    least: Annotated[float, Field(ge=1)] = 1
    most: Annotated[float, Field(le=1)] = 1
    above: Annotated[float, Field(gt=0)] = 1
    digest: Annotated[str, Field(pattern="^[0-9a-f]*$")] = ""
    name: Annotated[str, Field(min_length=1)] = "a"
    named: Mapping[Annotated[str, Field(pattern="^[a-z]+$")], int] = field(default_factory=dict)
    listed: tuple[Annotated[int, Field(multiple_of=2)], ...] = ()


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"least": 0.5}, "least: at least 1 is needed, not 0.5"),
        ({"most": 2}, "most: at most 1 is needed, not 2"),
        ({"above": 0}, "above: more than 0 is needed, not 0"),
        ({"digest": "xy"}, "digest: text of the form ^[0-9a-f]*$ is needed, not 'xy'"),
        ({"name": ""}, "name: a text is needed, not ''"),
        ({"named": {"a b": 1}}, "named: the name 'a b' is no name"),
        ({"listed": [3]}, "listed[0]: Input should be a multiple of 2, not 3"),
        (3, "a mapping is needed, not 3"),
    ],
)
def test_limits(document: Any, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(Limited).validate_python(document)
    assert explained(caught.value.errors(), Limited, "").message == message
