"""The files of a study's folder that its parent run carries."""

from __future__ import annotations

from pathlib import Path

FILES = ("study.yaml", "deploy.json", "tournament.json", "report.html", "report.md")


def study_artifacts(study_dir: Path) -> tuple[Path, ...]:
    """The result files that exist."""
    return tuple(path for name in FILES if (path := study_dir / name).is_file())
