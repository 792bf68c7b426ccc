"""What the exports of every engine share: the choice of the target, and what the files say in their comments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from engines.base import ExportFile
from engines.cache import cache_root
from search_spaces.errors import unknown_name

Maker = Callable[[Mapping[str, Any]], list[ExportFile]]
"""From a deploy.json document to the files of one target."""


def files_of(target: str, deploy: Mapping[str, Any], makers: Mapping[str, Maker]) -> list[ExportFile]:
    """The files of `target`. Raises TunerError when no maker is called so."""
    if target not in makers:
        raise unknown_name("export target", target, makers)
    return makers[target](deploy)


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
