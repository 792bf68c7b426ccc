"""Ctrl-C, and being told to end, noticed even where Python drops the exception (a finalizer, a callback of C code)."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")


@dataclass
class _State:
    """Plain values, because a signal handler must not wait for a lock. `deferred` counts the blocks that it is in."""

    requested: bool = False
    deferred: int = 0


_state = _State()


def install() -> None:
    """Let each of the signals raise KeyboardInterrupt in the main thread, unless it is ignored (as nohup has it)."""
    _state.requested, _state.deferred = False, 0
    if threading.current_thread() is not threading.main_thread():
        return
    for name in _SIGNALS:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)


def check() -> None:
    """Raise KeyboardInterrupt if one was asked for, between two steps of long work."""
    if _state.requested:
        raise KeyboardInterrupt


@contextmanager
def deferred() -> Iterator[None]:
    """Let what happens inside happen as a whole; an interruption comes at its end, a second one at once."""
    _state.deferred += 1
    try:
        yield
    finally:
        _state.deferred -= 1
    if _state.deferred == 0:
        check()


def _interrupt(*_: object) -> None:
    again, _state.requested = _state.requested, True
    if again or not _state.deferred:
        raise KeyboardInterrupt
