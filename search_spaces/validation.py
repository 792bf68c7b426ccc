"""What pydantic finds wrong with data, as one TunerError: the place, the value, the nearest match or the options."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn, Union, get_args, get_origin, get_type_hints

from search_spaces.errors import TunerError, unknown_name

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_LONGEST = 100
"""Characters of a value that are shown."""
_WORDS = {
    "bool": "true or false",
    "dataclass": "a mapping",
    "dict": "a mapping",
    "float": "a number",
    "int": "a whole number",
    "list": "a list",
    "mapping": "a mapping",
    "model": "a mapping",
    "string": "text",
    "tuple": "a list",
}
"""The first word of pydantic's error types that are about a type (`int_type`, `int_from_float`)."""
_UNKNOWN_KEY = ("extra_forbidden", "unexpected_keyword_argument")
_ANY_VALUE = {"true or false", "a number", "text"}


def refuse(message: str, key: str = "", hint: str = "") -> NoReturn:
    """From a validator: what is wrong with the value that it was given, or with `key` of it."""
    from pydantic_core import PydanticCustomError

    raise PydanticCustomError("refused", "{message}", {"message": message, "key": key, "hint": hint})


def explained(details: Sequence[ErrorDetails], kind: object, where: str) -> TunerError:
    """The first thing that is wrong with data read as `kind`; unknown keys before what they may have caused.

    `where` is what the data is called; the place of an error in it goes after a dot ("" leaves both out).
    """
    first = next((e for e in details if e["type"] in _UNKNOWN_KEY), details[0])
    place = _Place(where, kind).down(first["loc"])
    found = first["type"]
    if found in _UNKNOWN_KEY or found == "missing":
        parent = _Place(where, kind).down(first["loc"][:-1])
        return _wrong_key(parent, first["loc"][-1], found)
    if found == "refused":
        context = first["ctx"]
        return place.key(context["key"]).error(context["message"], context["hint"])
    if found == "literal_error":
        return _wrong_option(place, first["input"], get_args(place.kind))
    if found == "union_tag_invalid":
        options = [tag.strip(" '") for tag in first["ctx"]["expected_tags"].split(",")]
        return _wrong_option(place.key(first["ctx"]["discriminator"].strip("'")), first["ctx"]["tag"], options)
    if found == "union_tag_not_found":
        return _wrong_key(place, first["ctx"]["discriminator"].strip("'"), "missing")
    if found == "invalid_key" or first["loc"][-1:] == ("[key]",):
        above = first["loc"][: -1 if found == "invalid_key" else -2]
        fault = "is no name" if isinstance(first["input"], str) else "is not text"
        return _Place(where, kind).down(above).error(f"the name {_shown(first['input'])} {fault}")
    alternatives = [e for e in details if _Place(where, kind).down(e["loc"]).text == place.text]
    needed = _needed(alternatives) or _limit(first)
    said = f"{needed} is needed" if needed else first["msg"]
    return place.error(f"{said}, not {_shown(first['input'])}")


@dataclass(frozen=True)
class _Place:
    """A place in a document, and the type that was read there (None when it is not told)."""

    text: str
    kind: object

    def key(self, name: str) -> _Place:
        """The place of a key."""
        return _Place(f"{self.text}.{name}".strip("."), None) if name else self

    def down(self, parts: Sequence[str | int]) -> _Place:
        """The place that pydantic's path leads to. Which member of a union was tried is no place of its own."""
        place = self
        for part in parts:
            place = place._step(part)
        return place

    def _step(self, part: str | int) -> _Place:
        kind = _bare(self.kind)
        if _members(kind):
            return _Place(self.text, next((m for m in _members(kind) if part in _tags(m)), None))
        origin, inner = get_origin(kind), get_args(kind)
        if isinstance(origin, type) and issubclass(origin, Mapping):
            return _Place(self.key(str(part)).text, inner[1])
        if isinstance(part, int):
            return _Place(f"{self.text}[{part}]", next(iter(inner), None))
        return _Place(self.key(part).text, _fields(kind).get(part))

    def error(self, message: str, hint: str = "") -> TunerError:
        """`message` about this place."""
        return TunerError(f"{self.text}: {message}" if self.text else message, hint)


def _bare(kind: object) -> object:
    """Without its annotations and without None beside it."""
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    members = _members(kind)
    return _bare(members[0]) if len(members) == 1 else kind


def _members(kind: object) -> list[object]:
    """The members of a union, None left out; nothing for other types."""
    union = get_origin(kind) in (Union, types.UnionType)
    return [member for member in get_args(kind) if member is not type(None)] if union else []


def _tags(member: object) -> set[object]:
    """What pydantic may call the member of a union: its tag, a value of its discriminator, or its name."""
    told = {m.tag for m in get_args(member)[1:] if hasattr(m, "tag")} if get_origin(member) is Annotated else set()
    bare = _bare(member)
    literals = {v for f in _fields(bare).values() if get_origin(_bare(f)) is Literal for v in get_args(_bare(f))}
    return told | literals | {getattr(bare, "__name__", "")}


def _fields(kind: object) -> Mapping[str, object]:
    """The fields of a model or a dataclass by their names in documents, with their types; none of anything else."""
    models: Mapping[str, Any] = getattr(kind, "model_fields", {})
    if models:
        return {field.alias or name: field.annotation for name, field in models.items()}
    hints = get_type_hints(kind, include_extras=True) if isinstance(kind, type) and is_dataclass(kind) else {}
    return {name.rstrip("_"): hint for name, hint in hints.items()}


def _wrong_key(parent: _Place, key: object, found: str) -> TunerError:
    if found == "missing":
        if isinstance(key, int):
            return parent.error("the list is too short")
        return parent.error(f"key {key!r} is missing")
    return unknown_name(f"key in {parent.text}:" if parent.text else "key", str(key), _fields(_bare(parent.kind)))


def _wrong_option(place: _Place, value: object, options: Sequence[object]) -> TunerError:
    if len(options) == 1:
        return place.error(f"{options[0]!r} is needed, not {_shown(value)}")
    return unknown_name(f"value of {place.text}:", str(value), [str(option) for option in options])


def _needed(alternatives: Sequence[ErrorDetails]) -> str:
    """What may stand at a place; "" when something other than the type is wrong."""
    words = {_WORDS.get(e["type"].split("_")[0], "") for e in alternatives if _is_about_a_type(e["type"])}
    if "a number" in words:
        words.discard("a whole number")
    if words >= _ANY_VALUE:
        words = (words - _ANY_VALUE) | {"one value"}
    return " or ".join(sorted(words)) if "" not in words else ""


def _is_about_a_type(found: str) -> bool:
    return found.endswith("_type") or found in ("int_from_float", "int_parsing", "float_parsing", "bool_parsing")


def _limit(error: ErrorDetails) -> str:
    """What a limit on a value asks for; "" where pydantic's own words must do."""
    found, limits = error["type"], error.get("ctx", {})
    words = {
        "greater_than": "more than {gt:g}",
        "greater_than_equal": "at least {ge:g}",
        "less_than_equal": "at most {le:g}",
        "string_pattern_mismatch": "text of the form {pattern}",
        "string_too_short": "a text",
    }
    return words[found].format(**limits) if found in words else ""


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
