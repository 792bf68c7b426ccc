"""The boundary between typed values and JSON data: every document of ours is dumped, checked and described here.

A document's type is a frozen dataclass. Its JSON Schema is made from the type, so that the two cannot differ. A field
whose name would be a keyword of Python's ends in an underscore, which the document leaves out (`class_`: "class").
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from search_spaces.errors import TunerError
from search_spaces.validation import explained

if TYPE_CHECKING:
    from pydantic import TypeAdapter

T = TypeVar("T")


def dump(value: Any, sparse: bool = False) -> Any:
    """JSON data of a dataclass, which `load` reads back as an equal value. `sparse` leaves defaults out."""
    return _adapter(type(value)).dump_python((value,), mode="json", exclude_defaults=sparse)[0]


def load(kind: type[T], document: Any, where: str = "the document") -> T:
    """A value of `kind` from JSON data. Raises TunerError that names the place and the value that do not fit.

    Nothing is converted ("2" is no number) and unknown keys are errors. `where` is what the document is called in
    errors; "" leaves that out.
    """
    from pydantic import ValidationError

    try:
        found: T = _adapter(kind).validate_json(json.dumps([document], default=str))[0]
    except ValidationError as error:
        details = error.errors(include_url=False)
        raise explained([{**e, "loc": e["loc"][1:]} for e in details], kind, where) from None
    return found


def load_file(kind: type[T], path: Path, called: str, hint: str) -> T:
    """The document in a file, `called` so in errors. Raises TunerError, with `hint`, for none and for a bad one."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TunerError(f"cannot read {str(path)!r}: {error.strerror}", hint) from None
    except ValueError as error:
        raise TunerError(f"{str(path)!r} is not JSON: {error}", hint) from None
    try:
        return load(kind, document, "")
    except TunerError as error:
        advice = "; ".join(text for text in (error.hint, hint) if text)
        raise TunerError(f"{str(path)!r} is not a valid {called}: {error.message}", advice) from None


def schema(kind: type[Any]) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of the documents of `kind`."""
    whole = _adapter(kind).json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **whole["prefixItems"][0],
        "$defs": whole["$defs"],
    }


def _adapter(kind: Any) -> TypeAdapter[Any]:
    """Of a list with one value: a dataclass alone would not take the configuration."""
    from pydantic import ConfigDict, TypeAdapter

    if kind not in _ADAPTERS:
        config = ConfigDict(
            extra="forbid",
            strict=True,
            alias_generator=lambda name: name.rstrip("_"),
            serialize_by_alias=True,
            use_attribute_docstrings=True,
        )
        _ADAPTERS[kind] = TypeAdapter(tuple[kind], config=config)
    return _ADAPTERS[kind]


_ADAPTERS: dict[Any, TypeAdapter[Any]] = {}
"""Made once for each type: that takes some milliseconds."""
