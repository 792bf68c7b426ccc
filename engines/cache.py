"""The tool's cache on disk: files that are made once, whole or not at all, by one process at a time."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from engines.file_lock import lock
from search_spaces.errors import EnvironmentLackingError

_CHUNK_BYTES = 1 << 22
_MIB = 1024 * 1024
_FREE_MARGIN_BYTES = 64 * _MIB
"""Left free on the disk, so that making a file does not take the last of it from everybody else."""


class CacheError(EnvironmentLackingError):
    """The cache cannot be written: no room, or no permission."""


def cache_root() -> Path:
    """The folder of everything that can be made again: $TUNER_CACHE, else ~/.cache/voice-stack-tuner."""
    configured = os.environ.get("TUNER_CACHE")
    return Path(configured).expanduser().absolute() if configured else Path.home() / ".cache" / "voice-stack-tuner"


def make_once(path: Path, needed_bytes: int, make: Callable[[Path], None]) -> Path:
    """`path`, made by `make(temporary_path)` unless it exists.

    Only one process makes it while others wait; `path` appears with its whole content or not at all, and nothing is
    left behind by a failure. `needed_bytes` is what it will take. Raises CacheError when the disk has no room.
    """
    if path.exists():
        return path
    with cache_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with locked(path):
            if not path.exists():
                _make(path, needed_bytes, make)
    return path


def _make(path: Path, needed_bytes: int, make: Callable[[Path], None]) -> None:
    """Make `path` under its lock. A temporary file there is one of a process that was killed: it is overwritten."""
    temporary = path.with_name(path.name + ".part")
    temporary.unlink(missing_ok=True)
    free_bytes = shutil.disk_usage(path.parent).free
    if free_bytes < needed_bytes + _FREE_MARGIN_BYTES:
        raise no_room(path, needed_bytes, free_bytes)
    try:
        make(temporary)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of `path` (a file beside it). The operating system frees it when its process dies."""
    with path.with_name(path.name + ".lock").open("ab") as file:
        lock(file, wait=True)
        yield


@contextlib.contextmanager
def cache_errors(path: Path) -> Iterator[None]:
    """Turn the operating system's refusals to write `path` into a CacheError."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise no_room(path, None, None) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
            raise CacheError(
                f"cannot write to the cache: {error.strerror}: {error.filename or path}",
                "set TUNER_CACHE to a folder that can be written",
            ) from error
        raise


def no_room(path: Path, needed_bytes: int | None, free_bytes: int | None) -> CacheError:
    """The error for a disk without room for `path`."""
    needs = f" needs {needed_bytes / _MIB:.0f} MiB" if needed_bytes is not None else " did not fit"
    has = f", {free_bytes / _MIB:.0f} MiB are free" if free_bytes is not None else ""
    return CacheError(f"the disk is full: {path}{needs}{has}", "free some space, or set TUNER_CACHE to another disk")


def file_sha256(path: Path, progress: Callable[[str], None] = lambda text: None) -> str:
    """The SHA-256 of a file's content in hex, remembered by path, size, time of change and inode."""
    status = path.stat()
    identity = [str(path.absolute()), status.st_size, status.st_mtime_ns, status.st_ino]
    key = hashlib.sha256(json.dumps(identity).encode()).hexdigest()
    remembered = cache_root() / "sha256" / key[:2] / key
    with contextlib.suppress(OSError):
        known = remembered.read_text(encoding="ascii")
        if len(known) == hashlib.sha256().digest_size * 2:
            return known
    digest = _hash(path, status.st_size, progress)
    # Without a cache that can be written, hashing again costs time and nothing else.
    with contextlib.suppress(OSError, CacheError):
        make_once(remembered, len(digest), lambda temporary: _write_text(temporary, digest))
    return digest


def binaries_digest(files: Iterable[Path]) -> str:
    """12 hex digits over a library's files, names and content: one version built with other flags is another build."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.name} {file_sha256(file)}\n".encode())
    return digest.hexdigest()[:12]


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="ascii")


def _hash(path: Path, size_bytes: int, progress: Callable[[str], None]) -> str:
    digest, done, told = hashlib.sha256(), 0, 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
            done += len(chunk)
            if done - told >= 1 << 30:
                progress(f"reading {path.name} {100 * done // max(size_bytes, 1)} %")
                told = done
    return digest.hexdigest()
