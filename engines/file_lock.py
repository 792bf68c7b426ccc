"""Locks on open files, which go with the process that holds them."""

from __future__ import annotations

from typing import IO, Any


def lock(handle: IO[Any], wait: bool = False) -> bool:
    """Lock an open file for this process; False when another one holds it and `wait` is not asked for."""
    try:
        import fcntl
    except ImportError:  # Windows
        return _lock_on_windows(handle, wait)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def unlock(handle: IO[Any]) -> None:
    """Give a lock back."""
    try:
        import fcntl
    except ImportError:  # Windows: closing the file does it
        return
    fcntl.flock(handle, fcntl.LOCK_UN)


def _lock_on_windows(handle: IO[Any], wait: bool) -> bool:
    import msvcrt

    how = msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK  # type: ignore[attr-defined]  # Windows only
    try:
        handle.seek(0)
        msvcrt.locking(handle.fileno(), how, 1)  # type: ignore[attr-defined]  # Windows only
    except OSError:
        return False
    return True
