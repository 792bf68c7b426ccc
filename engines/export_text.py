"""What the exported files of every engine say in their comments."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engines.cache import cache_root


def place_notes(deploy: Mapping[str, Any]) -> list[str]:
    """What to know of the place that the model's file lies in."""
    if not Path(deploy["model"]["path"]).is_relative_to(cache_root()):
        return []
    return [
        "the model lies in the tuner's cache, and goes when that is cleared: copy it to where production keeps its "
        "models, and name that path instead"
    ]


def title(deploy: Mapping[str, Any]) -> str:
    """Which configuration of which study it is."""
    model = deploy["model"]
    return f"{model.get('name', '')} {model.get('quantization', '')}, from study {deploy.get('study', '')}."


def one_line(text: str) -> str:
    """Comments end at a line's end: a name may hold any character."""
    return " ".join(text.split())
