"""deploy.json as it is read back: checked against its schema."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from search_spaces.errors import TunerError

_REMEDY = "take the deploy.json that a sweep wrote, unchanged"


@cache
def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of deploy.json."""
    document: dict[str, Any] = json.loads(
        (files("tuner.results.export") / "deploy.schema.json").read_text(encoding="utf-8")
    )
    return document


def check_deploy(document: Any, origin: str) -> None:
    """Raises TunerError with the first thing that is wrong and where."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    error = best_match(Draft202012Validator(schema()).iter_errors(document))
    if error is not None:
        place = ".".join(str(part) for part in error.absolute_path)
        message = error.message if len(error.message) <= 200 else f"{error.message[:200]}…"
        raise TunerError(f"{origin} is not a valid deploy.json: {f'{place}: ' if place else ''}{message}", _REMEDY)


def read_deploy(path: Path) -> dict[str, Any]:
    """The document in the file. Raises TunerError when it cannot be read, is not JSON or breaks the schema."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TunerError(f"cannot read {str(path)!r}: {error.strerror}", "give the path of a deploy.json") from None
    except ValueError as error:
        raise TunerError(f"{str(path)!r} is not JSON: {error}", _REMEDY) from None
    check_deploy(document, repr(str(path)))
    assert isinstance(document, dict)
    return document
