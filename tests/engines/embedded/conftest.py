"""The embedded model, written once, and read through llama.cpp."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engines.embedded.language_model import write_gguf


@pytest.fixture(scope="session")
def gguf_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The GGUF file of a shape, made at its first use."""
    folder = tmp_path_factory.mktemp("embedded")

    def make(shape: str) -> Path:
        path = folder / f"{shape}.gguf"
        if not path.exists():
            write_gguf(shape, path, lambda text: None)
        return path

    return make


@pytest.fixture
def open_llama() -> Iterator[Callable[..., Any]]:
    """Load a GGUF file in llama.cpp; closed when the test ends."""
    llama_cpp = pytest.importorskip("llama_cpp")
    opened: list[Any] = []

    def load(path: Path, **options: Any) -> Any:
        # One thread: two wait for each other on a busy machine, and the small shape needs no second.
        llama = llama_cpp.Llama(str(path), n_ctx=1024, n_threads=1, n_threads_batch=1, verbose=False, **options)
        opened.append(llama)
        return llama

    yield load
    for llama in opened:
        llama.close()
