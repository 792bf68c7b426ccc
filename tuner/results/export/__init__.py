"""From a study's deploy.json to the files that production starts from; what they say is the engine's business."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engines.registry import load_engine
from search_spaces.errors import unknown_name
from search_spaces.template import load_template
from tuner.core.deploy import DeployConfig
from tuner.results.export.document import read_deploy
from tuner.results.export.files import write_files
from tuner.results.export.knob_types import check_types
from tuner.results.studies import find_deploy

__all__ = ["Exported", "export"]


@dataclass(frozen=True)
class Exported:
    """The study's own name, and the files written for it."""

    study: str
    paths: list[Path]


def _silent(text: str) -> None:
    """Tell nobody."""


def export(
    reference: str,
    target: str,
    out_dir: Path,
    outputs: Path,
    overwrite: bool = False,
    notify: Callable[[str], None] = _silent,
) -> Exported:
    """Write the files of `target` for a study (name, folder, `latest`) or a deploy.json.

    `notify` gets a line when the model is not on this machine: the export may well be for another. Raises TunerError
    when there is no such study or target, the document is not sound, the folder cannot be written, or a file of the
    same name but other content is there and `overwrite` is not set.
    """
    file = find_deploy(reference, outputs)
    deploy = read_deploy(file)
    engine = load_engine(deploy.engine.name)
    if target not in engine.export_targets:
        raise unknown_name("export target", target, engine.export_targets)
    check_types(deploy.params, load_template(engine.space), repr(str(file)))
    paths = write_files(engine.export(target, deploy.deployment), out_dir, overwrite)
    if missing := _missing_model(deploy):
        notify(f"note: the model is not on this machine: {missing}; production needs it at that path")
    return Exported(deploy.study, paths)


def _missing_model(deploy: DeployConfig) -> str:
    """The path of the model's file if it is not there, else ""."""
    path = deploy.model.path
    return "" if not path or Path(path).exists() else path
