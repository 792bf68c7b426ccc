"""The llama.cpp library as this process has it: late import, its log, its devices, and what its failures mean.

Only worker processes call these.
"""

from __future__ import annotations

import contextlib
import ctypes
import sys
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from engines.errors import EngineError, MissingLibraryError, ModelFileError, OutOfMemoryError, UnsupportedError

_WARN, _ERROR, _CONTINUE = 3, 4, 5
"""GGML_LOG_LEVEL_* of ggml.h."""
_KEPT_LINES = 5000
"""A load logs several lines for each layer and tensor."""
_NO_MEMORY = (
    "failed to allocate", "unable to allocate", "insufficient memory", "out of memory", "cannot allocate memory",
    "bad_alloc", "alloc failed", "cudamalloc", "failed to reserve",
)  # fmt: skip
_UNSUPPORTED = (
    "requires flash", "does not divide", "not supported", "unsupported", "requires flash_attn", "not compatible",
    "does not support",
)  # fmt: skip
_BAD_MODEL = ("unknown model architecture", "error loading model", "failed to load model", "invalid", "missing tensor")
_INSTALL_HINT = "pip install 'voice-stack-tuner[llm]' (llama-cpp-python is built from source and needs a C++ compiler)"


class Log:
    """llama.cpp's own log: the last lines are kept, warnings and errors also go to standard error."""

    def __init__(self) -> None:
        self.lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self._errors: deque[str] = deque(maxlen=_KEPT_LINES)
        self._level = 0
        self._callback: Any = None
        self.listener: Callable[[str], None] | None = None
        """Told each new line, when set."""

    def attach(self, llama_cpp: Any) -> None:
        """Make the library log here. Its own wrapper prints every line and cannot be asked for them."""
        if self._callback is None:
            # The library holds a bare pointer: the wrapper object must outlive it.
            self._callback = llama_cpp.llama_log_callback(self._receive)
            llama_cpp.llama_log_set(self._callback, ctypes.c_void_p(0))

    def clear(self) -> None:
        """Forget the lines so far, so that the next failure is explained by its own."""
        self.lines.clear()
        self._errors.clear()

    def reason(self) -> str:
        """The error lines since `clear`, first cause first, in one line."""
        return "; ".join(dict.fromkeys(_without_function(line) for line in list(self._errors)[:3]))

    def contains(self, text: str) -> bool:
        """True when a line since `clear` contains `text`, in any case."""
        return any(text in line.lower() for line in self.lines)

    def _receive(self, level: int, text: bytes, user_data: object) -> None:
        line = text.decode("utf-8", errors="replace")
        if level == _CONTINUE:
            if self.lines:
                self.lines[-1] += line.rstrip("\n")
        else:
            self._level = level
            self.lines.append(line.rstrip("\n"))
            if self.listener is not None:
                self.listener(line)
            if level == _ERROR:
                self._errors.append(line.strip())
        if self._level in (_WARN, _ERROR):
            sys.stderr.write(line)


LOG = Log()


def library() -> Any:
    """The `llama_cpp` package with its log attached. Raises MissingLibraryError with the install command."""
    try:
        import llama_cpp
    except (ImportError, OSError, RuntimeError) as error:
        # RuntimeError and OSError: the package is there, but its shared library does not load.
        raise MissingLibraryError(f"llama-cpp-python cannot be used: {error}", _INSTALL_HINT) from error
    LOG.attach(llama_cpp)
    llama_cpp.llama_backend_init()
    return llama_cpp


def failure(message: str, path: Path | str) -> EngineError:
    """The error that explains why the library failed, from what it logged since `LOG.clear()`."""
    reason = LOG.reason() or message
    text = f"{reason} {message}".lower()
    if any(sign in text for sign in _NO_MEMORY):
        return OutOfMemoryError(f"not enough memory: {reason}", "use a smaller quantization, context or batch")
    if any(sign in text for sign in _UNSUPPORTED):
        return UnsupportedError(reason, "change the knob that it names")
    if any(sign in text for sign in _BAD_MODEL):
        return ModelFileError(f"llama.cpp cannot load {path}: {reason}", "use a GGUF file of a supported architecture")
    return EngineError(f"llama.cpp failed: {reason}", "see the worker's standard error")


@contextlib.contextmanager
def vocabulary(path: Path) -> Iterator[Any]:
    """The model handle of `path` with its hyperparameters and vocabulary but no weights.

    Proves that the library knows the architecture and the tokenizer. Raises ModelFileError.
    """
    llama_cpp = library()
    LOG.clear()
    parameters = llama_cpp.llama_model_default_params()
    parameters.vocab_only = True
    handle = llama_cpp.llama_model_load_from_file(str(path).encode(), parameters)
    if not handle:
        raise failure("failed to load model", path)
    try:
        yield handle
    finally:
        llama_cpp.llama_model_free(handle)


def gpu_count() -> int:
    """How many GPUs this build of the library can use."""
    llama_cpp = library()
    if not llama_cpp.llama_supports_gpu_offload():
        return 0
    from llama_cpp import _ggml

    ggml = _ggml.libggml
    ggml.ggml_backend_dev_count.restype = ctypes.c_size_t
    ggml.ggml_backend_dev_get.argtypes, ggml.ggml_backend_dev_get.restype = [ctypes.c_size_t], ctypes.c_void_p
    ggml.ggml_backend_dev_type.argtypes, ggml.ggml_backend_dev_type.restype = [ctypes.c_void_p], ctypes.c_int
    kinds = [ggml.ggml_backend_dev_type(ggml.ggml_backend_dev_get(i)) for i in range(ggml.ggml_backend_dev_count())]
    return sum(kind in _GPU_DEVICE_TYPES for kind in kinds)


_GPU_DEVICE_TYPES = (1, 2)
"""GGML_BACKEND_DEVICE_TYPE_GPU and _IGPU of ggml-backend.h."""


def _without_function(line: str) -> str:
    """A log line without the C function's name that it begins with."""
    name, colon, rest = line.partition(": ")
    return rest if colon and " " not in name else line
