"""Paths as a person types them."""

from __future__ import annotations

import os
from pathlib import Path


def user_path(text: str) -> Path:
    """The path with a leading `~` or `~user` expanded, where there is such a user; other tildes are part of a name."""
    return Path(os.path.expanduser(text))  # noqa: PTH111 - Path.expanduser would take "./~x" for a user and raise
