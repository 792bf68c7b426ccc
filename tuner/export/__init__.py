"""From a study's deploy.json to the files that production starts from; what they say is the engine's business."""

from __future__ import annotations

from pathlib import Path

from engines.registry import load_engine
from search_spaces.errors import unknown_name
from tuner.export.document import read_deploy
from tuner.export.files import write_files
from tuner.studies import find_deploy

__all__ = ["export"]


def export(reference: str, target: str, out_dir: Path, outputs: Path, overwrite: bool = False) -> list[Path]:
    """Write the files of `target` for a study (name, folder, `latest`) or a deploy.json; their paths.

    Raises TunerError when there is no such study or target, the document is not sound, the folder cannot be written,
    or a file of the same name but other content is there and `overwrite` is not set.
    """
    deploy = read_deploy(find_deploy(reference, outputs))
    engine = load_engine(deploy["engine"]["name"])
    if target not in engine.export_targets:
        raise unknown_name("export target", target, engine.export_targets)
    return write_files(engine.export(target, deploy), out_dir, overwrite)
