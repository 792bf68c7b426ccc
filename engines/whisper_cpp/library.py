"""The whisper.cpp library as this process has it: late import, its log, and what its failures mean.

Only worker processes call these.
"""

from __future__ import annotations

import atexit
from pathlib import Path
from typing import Any

from engines.errors import EngineError, MissingLibraryError
from engines.failures import Signs
from engines.ggml_log import GgmlLog
from engines.install import install_hint

_SIGNS = Signs(
    library="whisper.cpp",
    no_memory=("failed to allocate", "out of memory", "cannot allocate", "bad_alloc", "alloc failed", "cudamalloc"),
    unsupported=("larger than the maximum allowed", "too many decoders", "not supported", "unsupported"),
    bad_model=(
        "invalid model",
        "failed to load model",
        "not enough space",
        "unknown tensor",
        "wrong shape",
        "wrong size",
    ),
    no_memory_hint="use a smaller model or quantization",
    bad_model_hint="use a ggml file of whisper.cpp",
)


class Log(GgmlLog):
    """whisper.cpp's own log."""

    def __init__(self) -> None:
        super().__init__()
        self._attached = False

    def attach(self, binding: Any) -> None:
        """Make the library log here."""
        if not self._attached:
            binding.whisper_log_set(lambda level, text: self.receive(int(level), text))
            # The library logs when it is unloaded, after the interpreter that would run this callback.
            atexit.register(binding.whisper_log_set, None)
            self._attached = True


LOG = Log()


def binding() -> Any:
    """The `_pywhispercpp` module with its log attached. Raises MissingLibraryError with the install command."""
    try:
        import _pywhispercpp
    except (ImportError, OSError) as error:
        raise MissingLibraryError(f"pywhispercpp cannot be used: {error}", install_hint("stt")) from error
    LOG.attach(_pywhispercpp)
    return _pywhispercpp


def model_class() -> Any:
    """`pywhispercpp.model.Model`, the class that people deploy."""
    binding()
    from pywhispercpp.model import Model

    return Model


def failure(message: str, path: Path | str) -> EngineError:
    """The error that explains why the library failed, from what it logged since `LOG.clear()`."""
    return _SIGNS.failure(message, LOG.reason(), path)
