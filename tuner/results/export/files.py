"""Writing an export: whole files or none, and never over something that is not the same without being told to."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from engines.base import ExportFile
from search_spaces.errors import EnvironmentLackingError, TunerError

_EXECUTE = stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH


def write_files(exports: Sequence[ExportFile], folder: Path, overwrite: bool) -> list[Path]:
    """Write each file into `folder`, which is made. Raises TunerError before the first write if one is in the way."""
    paths = [folder / export.name for export in exports]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not overwrite:
            _refuse_foreign(exports, paths)
        _replace_all(exports, paths)
    except (FileExistsError, NotADirectoryError):
        raise TunerError(f"{str(folder)!r} is not a folder", "give another one with --out DIR") from None
    except OSError as error:
        raise EnvironmentLackingError(
            f"cannot write to {str(folder)!r}: {error.strerror}", "give a writable folder with --out DIR"
        ) from None
    return paths


def _refuse_foreign(exports: Sequence[ExportFile], paths: Sequence[Path]) -> None:
    """A file that an earlier export wrote with the same content is no obstacle; any other is somebody's."""
    foreign = [p.name for p, e in zip(paths, exports, strict=True) if _present(p) and not _same(p, e.text)]
    if foreign:
        raise TunerError(
            f"{', '.join(foreign)} in {str(paths[0].parent)!r} would be overwritten with other content",
            "add --overwrite, or give another folder with --out DIR",
        )


def _present(path: Path) -> bool:
    return path.exists() or path.is_symlink()


def _same(path: Path, text: str) -> bool:
    return path.is_file() and path.read_bytes() == text.encode()


def _replace_all(exports: Sequence[ExportFile], paths: Sequence[Path]) -> None:
    """Write everything beside its place, then rename: a disk that fills up half-way leaves the old files whole."""
    temporaries = [path.with_name(f".{path.name}.{os.getpid()}") for path in paths]
    try:
        for export, temporary in zip(exports, temporaries, strict=True):
            _write(temporary, export)
        for temporary, path in zip(temporaries, paths, strict=True):
            temporary.replace(path)
    finally:
        for temporary in temporaries:
            temporary.unlink(missing_ok=True)


def _write(path: Path, export: ExportFile) -> None:
    with path.open("w", encoding="utf-8", newline="") as handle:
        handle.write(export.text)
        handle.flush()
        os.fsync(handle.fileno())
    if export.executable:
        # As the umask allows: execute where there is permission to read.
        mode = path.stat().st_mode
        path.chmod(mode | (mode >> 2 & _EXECUTE))
