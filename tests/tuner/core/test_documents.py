import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from search_spaces.errors import TunerError
from tuner.core.documents import dump, load, load_file, schema
from tuner.core.trial import MetricValue, TrialResult, TrialStatus


@dataclass(frozen=True)
class Part:
    class_: str
    size: int = 1


@dataclass(frozen=True)
class Whole:
    parts: tuple[Part, ...]
    named: Mapping[str, Part] = field(default_factory=dict)
    value: bool | int | float | str | None = None
    near: tuple[float, float] | None = None


WHOLE = Whole((Part("a"), Part("b", 2)), {"c": Part("c")}, 1.5, (0.0, math.inf))


def test_a_value_is_written_and_read_back() -> None:
    assert load(Whole, json.loads(json.dumps(dump(WHOLE)))) == WHOLE


@pytest.mark.parametrize("value", [True, 1, 1.0, "1", None])
def test_the_type_of_a_value_stays_what_it_was(value: Any) -> None:
    back = load(Whole, dump(Whole((), value=value))).value
    assert (type(back), back) == (type(value), value)


def test_a_keyword_has_an_underscore_in_python_only() -> None:
    assert dump(Part("a")) == {"class": "a", "size": 1}
    with pytest.raises(TunerError) as caught:
        load(Part, {"class_": "a"}, "part")
    assert (caught.value.message, caught.value.hint) == (
        "unknown key in part: 'class_'", "did you mean 'class'? known: class, size"
    )  # fmt: skip


def test_defaults_may_be_left_out() -> None:
    assert dump(WHOLE, sparse=True)["parts"] == [{"class": "a"}, {"class": "b", "size": 2}]
    assert load(Whole, dump(WHOLE, sparse=True)) == WHOLE


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"parts": [{"class": "a", "size": "2"}]}, "it.parts[0].size: a whole number is needed, not '2'"),
        ({"parts": [{"class": "a", "size": 2.5}]}, "it.parts[0].size: a whole number is needed, not 2.5"),
        ({"parts": [{"size": 2}]}, "it.parts[0]: key 'class' is missing"),
        ({"parts": {}}, "it.parts: a list is needed, not {}"),
        ({}, "it: key 'parts' is missing"),
        ({"parts": [], "named": {"c": 1}}, "it.named.c: a mapping is needed, not 1"),
        ({"parts": [], "value": []}, "it.value: one value is needed, not []"),
        ([], "it: a mapping is needed, not []"),
    ],
)
def test_what_does_not_fit_is_named(document: Any, message: str) -> None:
    with pytest.raises(TunerError) as caught:
        load(Whole, document, "it")
    assert caught.value.message == message


def test_the_schema_judges_as_reading_does() -> None:
    validator = Draft202012Validator(schema(Whole))
    Draft202012Validator.check_schema(schema(Whole))
    assert validator.is_valid(dump(WHOLE))
    assert not validator.is_valid({"parts": [{"class": "a", "more": 1}]})
    assert not validator.is_valid({})


def test_a_trial_keeps_what_json_has_no_word_for() -> None:
    trial = TrialResult(3, {"n": 1}, TrialStatus.OK, metrics={"ftl_ms": MetricValue(math.inf, (1.0, math.inf), "ms")})
    document = json.loads(json.dumps(dump(trial)))
    assert document["status"] == "ok"
    assert load(TrialResult, document) == trial


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "'{file}' is not JSON: "),
        ('{"class": 1}', "'{file}' is not a valid part: class: text is needed, not 1"),
        (None, "cannot read '{file}': No such file or directory"),
    ],
)
def test_a_file_is_named_with_what_is_wrong_and_what_to_do(tmp_path: Path, content: str | None, message: str) -> None:
    file = tmp_path / "part.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(TunerError) as caught:
        load_file(Part, file, "part", "write another")
    assert caught.value.message.startswith(message.format(file=file))
    assert caught.value.hint == "write another"
