"""faster-whisper and CTranslate2 as this process has them: late imports, and what their failures mean."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engines.errors import EngineError, MissingLibraryError
from engines.failures import Signs
from engines.install import install_hint

EXTRA = "faster-whisper"
CPU, CUDA = "cpu", "cuda"
_SIGNS = Signs(
    library="CTranslate2",
    no_memory=("out of memory", "failed to allocate", "bad_alloc", "cannot allocate", "std::bad_alloc"),
    unsupported=("do not support efficient", "does not support", "not supported", "no cuda", "cuda driver"),
    bad_model=(
        "unable to open file",
        "failed to load",
        "unsupported model",
        "incompatible",
        "doesn't exist",
        "missing",
    ),
    no_memory_hint="use a smaller model or compute type",
    bad_model_hint="give a folder that ct2-transformers-converter wrote, with its tokenizer.json",
)


def faster_whisper() -> Any:
    """The package. Raises MissingLibraryError with the install command."""
    return _imported("faster_whisper")


def ctranslate2() -> Any:
    """The library below it. Raises MissingLibraryError with the install command."""
    return _imported("ctranslate2")


def gpu_count() -> int:
    """GPUs that this build can use."""
    return int(ctranslate2().get_cuda_device_count())


def default_device() -> str:
    """What `device="auto"` takes."""
    return CUDA if gpu_count() else CPU


def compute_types(device: str) -> frozenset[str]:
    """What CTranslate2 computes in on a device of this machine."""
    return frozenset(map(str, ctranslate2().get_supported_compute_types(device)))


def failure(error: Exception, path: Path | str) -> EngineError:
    """The error that explains what CTranslate2 raised."""
    return _SIGNS.failure(" ".join(str(error).split()) or type(error).__name__, "", path)


def _imported(name: str) -> Any:
    import importlib

    try:
        return importlib.import_module(name)
    except (ImportError, OSError) as error:
        raise MissingLibraryError(f"{name} cannot be used: {error}", install_hint(EXTRA)) from error
