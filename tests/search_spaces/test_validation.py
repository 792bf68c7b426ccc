import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from pydantic import ConfigDict, TypeAdapter, ValidationError

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
