"""What a recorder has measured so far, beside its output, so that an interruption costs what is in flight alone."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search_spaces.errors import TunerError


@dataclass
class Journal:
    """A line of JSON for each measurement, begun by one that says what of."""

    path: Path
    identity: dict[str, Any]

    def read(self) -> list[tuple[str, dict[str, Any]]]:
        """(kind, document) as they were appended. Raises TunerError when the journal is of something else."""
        if not self.path.exists():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(json.dumps(self.identity))
            return []
        head, *lines = self.path.read_text().splitlines()
        if json.loads(head) != self.identity:
            raise TunerError(f"{self.path} was begun with something else", "remove it, or choose another --out")
        found = []
        for line in lines:
            with contextlib.suppress(ValueError):  # a line that an interruption cut short
                kind, document = json.loads(line)
                found.append((kind, document))
        return found

    def append(self, kind: str, document: dict[str, Any]) -> None:
        """One line, on disk when this returns."""
        with self.path.open("a") as file:
            file.write("\n" + json.dumps([kind, document]))
