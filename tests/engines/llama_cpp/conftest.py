"""Models that the tests of this engine share, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from engines.base import Capabilities, Model, Workload
from engines.llama_cpp import LlamaCppEngine
from tests.engines.llama_cpp.gguf_builder import write_model


def quiet(text: str) -> None:
    """Progress that nobody reads."""


@pytest.fixture(scope="session")
def engine() -> LlamaCppEngine:
    return LlamaCppEngine()


@pytest.fixture(scope="session")
def tiny_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random F16 model of 3 MB that is not the embedded one."""
    return write_model(tmp_path_factory.mktemp("tiny") / "tiny.gguf")


@pytest.fixture(scope="session")
def tiny(engine: LlamaCppEngine, tiny_file: Path) -> Model:
    return engine.resolve_model({"source": str(tiny_file)}, quiet)


@pytest.fixture(scope="session")
def small(engine: LlamaCppEngine) -> Model:
    """The trained embedded model at its own size."""
    return engine.resolve_model({"source": "embedded", "shape": "small"}, quiet)


@pytest.fixture(scope="session")
def chat(engine: LlamaCppEngine, small: Model) -> Workload:
    return engine.resolve_workload({"max_tokens": 12}, small, quiet)


@pytest.fixture(scope="session")
def capabilities(engine: LlamaCppEngine) -> Capabilities:
    return engine.capabilities()
