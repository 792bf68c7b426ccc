"""What torch and the repository raise, as errors that the tool knows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from engines.errors import EngineError, OutOfMemoryError, UnsupportedError

_NO_MEMORY = ("out of memory", "not enough memory", "can't allocate memory", "cudnn_status_alloc_failed")
_UNSUPPORTED = (
    "no available kernel", "not implemented for", "no kernel image", "unsupported", "not supported", "inductor",
    "flashattention only", "dynamo",
)  # fmt: skip
_NO_MEMORY_HINT = "use fp16, a lower concurrency, or load_vllm=false"


@contextmanager
def explained() -> Iterator[None]:
    """Turn failures for a known reason into OutOfMemoryError or UnsupportedError; others pass as they are."""
    try:
        yield
    except EngineError:
        raise
    except MemoryError as error:
        raise OutOfMemoryError("not enough memory on the host", _NO_MEMORY_HINT) from error
    except RuntimeError as error:  # torch's own, and NotImplementedError, which is one
        if (known := _known(error)) is None:
            raise
        raise known from error


def _known(error: Exception) -> EngineError | None:
    # What torch.compile raises has the compiler's whole output in it; its class tells that it was compiling.
    origin = f"{type(error).__module__} {error}".lower()
    line = " ".join((str(error).strip() or type(error).__name__).splitlines()[0].split())[:300]
    if any(sign in origin for sign in _NO_MEMORY):
        return OutOfMemoryError(line, _NO_MEMORY_HINT)
    if any(sign in origin for sign in _UNSUPPORTED):
        return UnsupportedError(line)
    return None
