"""Files that are whole or absent: written beside their place, then renamed into it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def write_text(path: Path, text: str) -> None:
    """Write a text file so that no reader ever sees a part of it. Raises OSError."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, document: object) -> None:
    """Write a JSON file so that no reader ever sees a part of it. Raises OSError."""
    write_text(path, json.dumps(document, indent=2) + "\n")


def read_json(path: Path) -> Any:
    """The JSON data of a file; None when it is absent or not whole."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
