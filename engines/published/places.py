"""Where published weights lie on this machine, and whether they do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from engines.cache import cache_root
from engines.errors import MissingModelError
from engines.published.catalogue import WHOLE_FOLDER, Published
from search_spaces.errors import TunerError

_MIB = 1024 * 1024


def folder(weights: Published) -> Path:
    """The folder of the weights' files, whether it is there or not."""
    return cache_root() / "published" / weights.name


def is_here(weights: Published) -> bool:
    """Whether every file is there with the length that it should have. Their content was checked when they came."""
    files = {folder(weights) / name: file.size_bytes for name, file in weights.files.items()}
    return all(path.is_file() and path.stat().st_size == size_bytes for path, size_bytes in files.items())


def fetch_command(weights: Published) -> str:
    """What to type to get the weights."""
    accept = f" accept={weights.licence.accept}" if weights.licence.accept else ""
    return f"python -m tuner models fetch {weights.name}{accept}"


def path_of(weights: Published) -> Path:
    """What engines open: a file or the folder. Raises MissingModelError where the weights are not here."""
    _check_here(weights)
    sources = [options["source"] for options in weights.engines.values() if "source" in options]
    return folder(weights) / next(iter([*sources, *weights.files]))


def options_for(weights: Published, engine: str) -> Mapping[str, str]:
    """The options of `engine`'s `model` configuration for the weights, files by their paths.

    Raises TunerError where they are for other engines, MissingModelError where they are not here.
    """
    if engine not in weights.engines:
        serves = " or ".join(f"engine={name}" for name in weights.engines)
        raise TunerError(
            f"{weights.name} ({weights.what}) is no model of engine {engine!r}",
            f"it is for {weights.task}: add {serves}"
            if serves
            else "no engine here opens it: it is for other programs",
        )
    _check_here(weights)
    place = folder(weights)
    files = {**{name: str(place / name) for name in weights.files}, WHOLE_FOLDER: str(place)}
    return {option: files.get(value, value) for option, value in weights.engines[engine].items()}


def _check_here(weights: Published) -> None:
    if not is_here(weights):
        size = f"{weights.size_bytes / _MIB:.0f} MiB, {weights.licence.name}"
        raise MissingModelError(f"{weights.name} was not fetched yet ({size})", fetch_command(weights))
