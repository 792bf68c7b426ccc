"""What the exports of all speech synthesis engines carry along."""

from __future__ import annotations

from importlib import resources

from engines.base import ExportFile


def splitting_file() -> ExportFile:
    """The splitter that was measured, as a module that needs nothing else."""
    return ExportFile("splitting.py", (resources.files(__package__) / "splitting.py").read_text(encoding="utf-8"))
