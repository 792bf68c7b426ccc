"""The llama.cpp library as this process has it: late import, its log, its devices, and what its failures mean.

Only worker processes call these.
"""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engines.errors import EngineError, MissingLibraryError
from engines.failures import Signs
from engines.ggml_log import GgmlLog
from engines.install import install_hint

_SIGNS = Signs(
    library="llama.cpp",
    no_memory=(
        "failed to allocate", "unable to allocate", "insufficient memory", "out of memory", "cannot allocate memory",
        "bad_alloc", "alloc failed", "cudamalloc", "failed to reserve",
    ),
    unsupported=(
        "requires flash", "does not divide", "not supported", "unsupported", "requires flash_attn", "not compatible",
        "does not support",
    ),
    bad_model=(
        "unknown model architecture", "error loading model", "failed to load model", "invalid", "missing tensor",
    ),
    no_memory_hint="use a smaller quantization, context or batch",
    bad_model_hint="use a GGUF file of a supported architecture",
)  # fmt: skip


class Log(GgmlLog):
    """llama.cpp's own log."""

    def __init__(self) -> None:
        super().__init__()
        self._callback: Any = None

    def attach(self, llama_cpp: Any) -> None:
        """Make the library log here. Its own wrapper prints every line and cannot be asked for them."""
        if self._callback is None:
            # The library holds a bare pointer: the wrapper object must outlive it.
            self._callback = llama_cpp.llama_log_callback(self._receive)
            llama_cpp.llama_log_set(self._callback, ctypes.c_void_p(0))

    def _receive(self, level: int, text: bytes, user_data: object) -> None:
        self.receive(level, text.decode("utf-8", errors="replace"))


LOG = Log()


def library() -> Any:
    """The `llama_cpp` package with its log attached. Raises MissingLibraryError with the install command."""
    try:
        import llama_cpp
    except (ImportError, OSError, RuntimeError) as error:
        # RuntimeError and OSError: the package is there, but its shared library does not load.
        hint = f"{install_hint('llm')} (llama-cpp-python is built from source and needs a C++ compiler)"
        raise MissingLibraryError(f"llama-cpp-python cannot be used: {error}", hint) from error
    LOG.attach(llama_cpp)
    llama_cpp.llama_backend_init()
    return llama_cpp


def failure(message: str, path: Path | str) -> EngineError:
    """The error that explains why the library failed, from what it logged since `LOG.clear()`."""
    return _SIGNS.failure(message, LOG.reason(), path)


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
    return len(_gpus())


def gpu_free_mib() -> list[float]:
    """The memory in MiB that is free on each GPU in llama.cpp's order, less this process's context; 0 if not told."""
    ggml, free, total = _ggml(), ctypes.c_size_t(), ctypes.c_size_t()
    found = []
    for gpu in _gpus():
        ggml.ggml_backend_dev_memory(gpu, ctypes.byref(free), ctypes.byref(total))
        found.append(free.value / (1024 * 1024))
    return found


def _gpus() -> list[int]:
    """The handles of the devices that llama.cpp takes: integrated ones only where there is no other."""
    if not library().llama_supports_gpu_offload():
        return []
    ggml = _ggml()
    found = [ggml.ggml_backend_dev_get(number) for number in range(ggml.ggml_backend_dev_count())]
    of_kind = {kind: [gpu for gpu in found if ggml.ggml_backend_dev_type(gpu) == kind] for kind in _GPU_DEVICE_TYPES}
    return next((gpus for gpus in of_kind.values() if gpus), [])


def _ggml() -> Any:
    from llama_cpp import _ggml

    ggml, size, handle = _ggml.libggml, ctypes.c_size_t, ctypes.c_void_p
    for name, arguments, result in (
        ("count", [], size),
        ("get", [size], handle),
        ("type", [handle], ctypes.c_int),
        ("memory", [handle, ctypes.POINTER(size), ctypes.POINTER(size)], None),
    ):
        function = getattr(ggml, f"ggml_backend_dev_{name}")
        function.argtypes, function.restype = arguments, result
    return ggml


_GPU_DEVICE_TYPES = (1, 2)
"""GGML_BACKEND_DEVICE_TYPE_GPU and _IGPU of ggml-backend.h, the former preferred."""
