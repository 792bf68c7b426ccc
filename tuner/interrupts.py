"""Ctrl-C, and being told to end, noticed even where Python drops the exception (a finalizer, a callback of C code)."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")
_requested = threading.Event()
_put_off = threading.Event()


def install() -> None:
    """Let each of the signals raise KeyboardInterrupt in the main thread, unless it is ignored (as nohup has it)."""
    _requested.clear()
    if threading.current_thread() is not threading.main_thread():
        return
    for name in _SIGNALS:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)


def check() -> None:
    """Raise KeyboardInterrupt if one was asked for, between two steps of long work."""
    if _requested.is_set():
        raise KeyboardInterrupt


@contextmanager
def put_off() -> Iterator[None]:
    """Let what happens inside happen as a whole; an interruption comes at its end."""
    _put_off.set()
    try:
        yield
    finally:
        _put_off.clear()
    check()


def _interrupt(*_: object) -> None:
    _requested.set()
    if not _put_off.is_set():
        raise KeyboardInterrupt
