"""Lists that users give as files: a text a line, or JSON a line. What is wrong with one is said with its place."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from search_spaces.errors import TunerError


def read_text(path: Path, what: str, fix: str, error: type[TunerError]) -> str:
    """The text of a file that a user named; `what` it is called, and `fix` is the hint. Raises `error`."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as cause:
        raise error(f"there is no {what} {path}", fix) from cause
    except OSError as cause:
        raise error(f"cannot read {path}: {cause.strerror}", fix) from cause
    except UnicodeDecodeError as cause:
        raise error(f"{path} is not UTF-8 text", "save it as UTF-8") from cause


def json_lines(text: str, name: str, entry: str, error: type[TunerError]) -> Iterator[tuple[int, Any]]:
    """Number and value of each line that is not blank; `entry` is what a line should hold. Raises `error`."""
    # Not splitlines: a JSON string may hold other characters that it takes for ends of lines.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except ValueError as cause:
                raise error(f"{name}, line {number} is not JSON: {cause}", f"write {entry} a line") from cause
