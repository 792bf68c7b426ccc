"""piper-tts and onnxruntime as this process has them: late imports, and what their failures mean.

Only worker processes call these: piper-tts is under the GPL.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from importlib import metadata
from pathlib import Path
from typing import Any

from engines.errors import MissingLibraryError
from engines.install import install_hint
from engines.onnx_sessions import library

EXTRA = "piper"
_SIGNS = library.signs(
    no_memory_hint="use a smaller voice (low or x_low), or shorter sentences", bad_model_hint="use a voice of Piper"
)


def onnxruntime() -> Any:
    """The module. Raises MissingLibraryError."""
    return library.onnxruntime(EXTRA)


def piper() -> Any:
    """The module. Raises MissingLibraryError."""
    try:
        import piper as module
        import piper.config
    except (ImportError, OSError) as error:
        raise MissingLibraryError(f"piper-tts cannot be used: {error}", install_hint(EXTRA)) from error
    return module


def build_of() -> dict[str, str]:
    """`version` of piper-tts, the runtime's, and a digest of the runtime's binaries."""
    piper()
    return {"version": metadata.version("piper-tts"), **library.build_of(onnxruntime())}


def explained(path: Path | str) -> AbstractContextManager[None]:
    """Turn what onnxruntime raises into an EngineError that says what it means; `path` is the model's file."""
    return library.explained(_SIGNS, path)
