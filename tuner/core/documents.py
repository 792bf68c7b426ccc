"""The boundary between typed values and JSON data: every document of ours is dumped, checked and described here.

A document's type is a frozen dataclass. Its JSON Schema is made from the type, so that the two cannot differ.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from search_spaces.errors import TunerError

if TYPE_CHECKING:
    from pydantic import TypeAdapter

T = TypeVar("T")


def dump(value: Any) -> Any:
    """JSON data of a dataclass, which `load` reads back as an equal value."""
    return _adapter(type(value)).dump_python(value, mode="json")


def load(kind: type[T], document: Any, where: str = "the document") -> T:
    """A value of `kind` from JSON data. Raises TunerError that names the field and the value that do not fit."""
    from pydantic import ValidationError

    try:
        found: T = _adapter(kind).validate_python(document)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or kind.__name__
        shown = repr(first["input"])
        shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
        raise TunerError(f"{where}: {field} is {shown}: {first['msg'].lower()}", "") from None
    return found


def schema(kind: type[Any]) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of the documents of `kind`."""
    return _adapter(kind).json_schema()


def _adapter(kind: Any) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter

    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


_ADAPTERS: dict[Any, TypeAdapter[Any]] = {}
"""Made once for each type: that takes some milliseconds."""
