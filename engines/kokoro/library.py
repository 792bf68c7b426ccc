"""kokoro-onnx and onnxruntime as this process has them: late imports, and what their failures mean.

Only worker processes call these.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from engines.errors import EngineError, MissingLibraryError
from engines.failures import Signs
from engines.install import install_hint

_SIGNS = Signs(
    library="onnxruntime",
    no_memory=("out of memory", "bad_alloc", "failed to allocate", "cudaerrormemoryallocation"),
    unsupported=("not_implemented", "not implemented", "could not find an implementation", "not supported"),
    bad_model=("invalidprotobuf", "invalid_protobuf", "load model", "no_suchfile", "invalidgraph", "invalid_graph"),
    no_memory_hint="use a smaller variant, or split the text",
    bad_model_hint="use an ONNX file of Kokoro",
)


def onnxruntime() -> Any:
    """The module. Raises MissingLibraryError."""
    try:
        import onnxruntime as library
    except (ImportError, OSError) as error:
        raise MissingLibraryError(f"onnxruntime cannot be used: {error}", install_hint("kokoro")) from error
    library.set_default_logger_severity(3)  # errors alone: it warns of every operator that a provider leaves to the CPU
    return library


def kokoro_onnx() -> Any:
    """The module. Raises MissingLibraryError."""
    try:
        import kokoro_onnx as library
    except (ImportError, OSError) as error:
        raise MissingLibraryError(f"kokoro-onnx cannot be used: {error}", install_hint("kokoro")) from error
    return library


def onnx() -> Any:
    """The module. Raises MissingLibraryError."""
    try:
        import onnx as library
    except ImportError as error:
        raise MissingLibraryError(f"onnx cannot be used: {error}", install_hint("kokoro")) from error
    return library


def languages() -> list[str]:
    """What the phonemizer of kokoro-onnx can read, sorted. Raises MissingLibraryError."""
    kokoro_onnx()
    from kokoro_onnx.tokenizer import Tokenizer

    Tokenizer()  # tells the phonemizer where its library is
    return sorted(import_module("phonemizer.backend").EspeakBackend.supported_languages())


@contextmanager
def spelled(text: str) -> Iterator[None]:
    """Turn what the phonemizer raises into an EngineError that says that it was not the model."""
    try:
        yield
    except (RuntimeError, ValueError, OSError) as error:
        raise EngineError(
            f"the phonemizer cannot read {text!r}: {_one_line(error)}", "check model.language, or leave the text out"
        ) from error


@contextmanager
def explained(path: Path | str) -> Iterator[None]:
    """Turn what onnxruntime raises into an EngineError that says what it means; `path` is the model's file."""
    try:
        yield
    except EngineError:
        raise
    except MemoryError:
        raise
    except Exception as error:  # onnxruntime's exceptions share no base class of their own
        raise _SIGNS.failure(f"{type(error).__name__}: {_one_line(error)}", "", path) from error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:400]
