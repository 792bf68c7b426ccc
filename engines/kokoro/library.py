"""kokoro-onnx and onnxruntime as this process has them: late imports, and what their failures mean.

Only worker processes call these.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from engines.errors import EngineError, MissingLibraryError
from engines.install import install_hint
from engines.onnx_sessions import library

_SIGNS = library.signs(
    no_memory_hint="use a smaller variant, or split the text", bad_model_hint="use an ONNX file of Kokoro"
)


def onnxruntime() -> Any:
    """The module. Raises MissingLibraryError."""
    return library.onnxruntime("kokoro")


def kokoro_onnx() -> Any:
    """The module. Raises MissingLibraryError."""
    try:
        import kokoro_onnx
    except (ImportError, OSError) as error:
        raise MissingLibraryError(f"kokoro-onnx cannot be used: {error}", install_hint("kokoro")) from error
    return kokoro_onnx


def onnx() -> Any:
    """The module. Raises MissingLibraryError."""
    try:
        import onnx as module
    except ImportError as error:
        raise MissingLibraryError(f"onnx cannot be used: {error}", install_hint("kokoro")) from error
    return module


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
            f"the phonemizer cannot read {text!r}: {library.one_line(error)}",
            "check model.language, or leave the text out",
        ) from error


def explained(path: Path | str) -> AbstractContextManager[None]:
    """Turn what onnxruntime raises into an EngineError that says what it means; `path` is the model's file."""
    return library.explained(_SIGNS, path)
