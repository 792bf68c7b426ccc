"""The files of a study's folder that its parent run carries."""

from __future__ import annotations

from pathlib import Path

PLOT_FOLDER = "plots"
FILES = (
    "study.yaml", "deploy.json", "tournament.json", "importance.json", "ablation.json", "trials.csv",
    "report.html", "report.md",
)  # fmt: skip


def study_artifacts(study_dir: Path) -> tuple[Path, ...]:
    """The result files that exist."""
    return tuple(path for name in FILES if (path := study_dir / name).is_file())


def study_plots(study_dir: Path) -> tuple[Path, ...]:
    """The plots of the report that exist."""
    return tuple(sorted((study_dir / PLOT_FOLDER).glob("*.svg")))
