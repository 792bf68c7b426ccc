"""Whether the study that a folder holds is the one that is asked for now."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from search_spaces.errors import TunerError
from tuner.preparation import Prepared

_PARTS = ("engine", "model", "workload", "space", "objectives", "constraints")


def check_identity(known: Mapping[str, Any], prepared: Prepared, directory: Path) -> None:
    """Raise TunerError when `known`, the folder's study.yaml (empty where there is none), is of another study."""
    if not known or known.get("digest") == prepared.digest:
        return
    document = prepared.document()
    changed = [part for part in _PARTS if known.get(part) != document.get(part)]
    raise TunerError(
        f"study {prepared.name!r} in {str(directory)!r} is another one: {', '.join(changed) or 'hardware'} differs",
        "give this one another name with study=NAME, or leave study= out",
    )


def begun_at(known: Mapping[str, Any]) -> str:
    """When the study was begun: what its study.yaml says, else now."""
    return str(known.get("created_at") or time.strftime("%Y-%m-%dT%H:%M:%S%z"))


def other_seed(known: Mapping[str, Any], seed: int) -> list[str]:
    """A line for the user when the study was begun with another seed, which its finished trials keep."""
    begun = (known.get("configuration") or {}).get("seed")
    if begun is None or begun == seed:
        return []
    return [
        f"this study was begun with seed={begun}; only what is still to be searched follows seed={seed} "
        "(study=NAME begins another)"
    ]
