"""The whisper.cpp library as this process has it: late import, its log, and what its failures mean.

Only worker processes call these.
"""

from __future__ import annotations

import atexit
import sys
from collections import deque
from pathlib import Path
from typing import Any

from engines.errors import EngineError, MissingLibraryError, ModelFileError, OutOfMemoryError, UnsupportedError

_WARN, _ERROR, _CONTINUE = 3, 4, 5
"""GGML_LOG_LEVEL_* of ggml.h."""
_KEPT_LINES = 2000
_NO_MEMORY = ("failed to allocate", "out of memory", "cannot allocate", "bad_alloc", "alloc failed", "cudamalloc")
_UNSUPPORTED = ("larger than the maximum allowed", "too many decoders", "not supported", "unsupported")
_BAD_MODEL = (
    "invalid model",
    "failed to load model",
    "not enough space",
    "unknown tensor",
    "wrong shape",
    "wrong size",
)
_INSTALL_HINT = "pip install 'voice-stack-tuner[stt]'"


class Log:
    """whisper.cpp's own log: the last lines are kept, warnings and errors also go to standard error."""

    def __init__(self) -> None:
        self.lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self._errors: deque[str] = deque(maxlen=_KEPT_LINES)
        self._level = 0
        self._attached = False

    def attach(self, binding: Any) -> None:
        """Make the library log here."""
        if not self._attached:
            binding.whisper_log_set(self._receive)
            # The library logs when it is unloaded, after the interpreter that would run this callback.
            atexit.register(binding.whisper_log_set, None)
            self._attached = True

    def clear(self) -> None:
        """Forget the lines so far, so that the next failure is explained by its own."""
        self.lines.clear()
        self._errors.clear()

    def reason(self) -> str:
        """The error lines since `clear`, first cause first, in one line; "" when there are none."""
        return "; ".join(dict.fromkeys(_without_function(line) for line in list(self._errors)[:3]))

    def _receive(self, level: Any, text: str) -> None:
        number = int(level)
        if number == _CONTINUE:
            if self.lines:
                self.lines[-1] += text.rstrip("\n")
        else:
            self._level = number
            self.lines.append(text.rstrip("\n"))
            if number == _ERROR:
                self._errors.append(text.strip())
        if self._level in (_WARN, _ERROR):
            sys.stderr.write(text)


LOG = Log()


def binding() -> Any:
    """The `_pywhispercpp` module with its log attached. Raises MissingLibraryError with the install command."""
    try:
        import _pywhispercpp
    except (ImportError, OSError) as error:
        raise MissingLibraryError(f"pywhispercpp cannot be used: {error}", _INSTALL_HINT) from error
    LOG.attach(_pywhispercpp)
    return _pywhispercpp


def model_class() -> Any:
    """`pywhispercpp.model.Model`, the class that people deploy."""
    binding()
    from pywhispercpp.model import Model

    return Model


def failure(message: str, path: Path | str) -> EngineError:
    """The error that explains why the library failed, from what it logged since `LOG.clear()`."""
    reason = LOG.reason() or message
    text = f"{reason} {message}".lower()
    if any(sign in text for sign in _NO_MEMORY):
        return OutOfMemoryError(f"not enough memory: {reason}", "use a smaller model or quantization")
    if any(sign in text for sign in _UNSUPPORTED):
        return UnsupportedError(reason, "change the knob that it names")
    if any(sign in text for sign in _BAD_MODEL):
        return ModelFileError(f"whisper.cpp cannot load {path}: {reason}", "use a ggml file of whisper.cpp")
    return EngineError(f"whisper.cpp failed: {reason}", "see the worker's standard error")


def _without_function(line: str) -> str:
    """A log line without the C function's name that it begins with."""
    name, colon, rest = line.partition(": ")
    return rest if colon and " " not in name else line
