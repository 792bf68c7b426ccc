"""onnxruntime as this process has it: its late import, which build it is, and what its failures mean.

Only worker processes call these.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

from engines.cache import binaries_digest
from engines.errors import EngineError, MissingLibraryError
from engines.failures import Signs
from engines.install import install_hint

_RUNTIMES = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml", "onnxruntime-openvino", "onnxruntime-rocm")
"""Distributions that install the module onnxruntime."""


def onnxruntime(extra: str) -> Any:
    """The module; `extra` of pyproject.toml brings it. Raises MissingLibraryError."""
    try:
        import onnxruntime as library
    except (ImportError, OSError) as error:
        raise MissingLibraryError(f"onnxruntime cannot be used: {error}", install_hint(extra)) from error
    library.set_default_logger_severity(3)  # errors alone: it warns of every operator that a provider leaves to the CPU
    return library


def build_of(runtime: Any) -> dict[str, str]:
    """`onnxruntime`, the distribution and its version, and `build`, a digest of its binaries."""
    return dict(_build(str(runtime.__file__), str(runtime.__version__)))


@functools.cache
def _build(module_file: str, version: str) -> tuple[tuple[str, str], ...]:
    folder = Path(module_file).parent / "capi"
    binaries = sorted(f for f in folder.iterdir() if re.search(r"\.(so|dylib|dll|pyd)(\.|$)", f.name) and f.is_file())
    return (("onnxruntime", _distribution() or version), ("build", binaries_digest(binaries)))


def _distribution() -> str:
    for name in _RUNTIMES:
        try:
            return f"{name} {metadata.version(name)}"
        except metadata.PackageNotFoundError:
            continue
    return ""


def signs(no_memory_hint: str, bad_model_hint: str) -> Signs:
    """How onnxruntime's failures are told apart, with an engine's own hints."""
    return Signs(
        library="onnxruntime",
        no_memory=("out of memory", "bad_alloc", "failed to allocate", "cudaerrormemoryallocation"),
        unsupported=("not_implemented", "not implemented", "could not find an implementation", "not supported"),
        bad_model=("invalidprotobuf", "invalid_protobuf", "load model", "no_suchfile", "invalidgraph", "invalid_graph"),
        no_memory_hint=no_memory_hint,
        bad_model_hint=bad_model_hint,
    )


@contextmanager
def explained(known: Signs, path: Path | str) -> Iterator[None]:
    """Turn what onnxruntime raises into an EngineError that says what it means; `path` is the model's file."""
    try:
        yield
    except EngineError:
        raise
    except MemoryError:
        raise
    except Exception as error:  # onnxruntime's exceptions share no base class of their own
        raise known.failure(f"{type(error).__name__}: {one_line(error)}", "", path) from error


def one_line(error: Exception) -> str:
    """What it says, at 400 characters at most."""
    return " ".join(str(error).split())[:400]
