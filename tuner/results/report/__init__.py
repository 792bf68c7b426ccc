"""The report of a study: report.md and report.html, made from the files of the study's folder alone."""

from __future__ import annotations

from pathlib import Path

from search_spaces.errors import EnvironmentLackingError
from tuner.core.files import write_text


def write_report(study_dir: Path) -> list[Path]:
    """Write report.html, report.md, its plots and trials.csv into `study_dir`; the files that were written.

    Raises TunerError when there is no study, EnvironmentLackingError when the folder cannot be written.
    """
    from tuner.results.report.blocks import Plot
    from tuner.results.report.contents import contents
    from tuner.results.report.markdown import PLOT_FOLDER, markdown
    from tuner.results.report.page import page
    from tuner.results.report.study_files import read_study
    from tuner.results.report.trials_csv import trials_csv

    study = read_study(study_dir)
    blocks = contents(study)
    about = study.about
    subtitle = " · ".join((about.task, about.model.name, about.engine["name"], about.hardware.class_, about.created_at))
    texts = {f"{PLOT_FOLDER}/{block.name}.svg": block.svg for block in blocks if isinstance(block, Plot)}
    texts |= {"trials.csv": trials_csv(study.results)}
    texts |= {"report.md": markdown(about.name, blocks), "report.html": page(about.name, subtitle, blocks)}
    try:
        return [_write(study_dir / name, text) for name, text in texts.items()]
    except OSError as error:
        raise EnvironmentLackingError(
            f"cannot write the report into {str(study_dir)!r}: {error.strerror}", "free space or make it writable"
        ) from None


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    write_text(path, text)
    return path
