import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engines.base import Model
from engines.cosyvoice import capabilities, models, optimizations, session
from tests.engines.cosyvoice.stand_in import FakeTorch, write_model, write_repository


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The stand-in repository; what was imported from it is forgotten afterwards.

    The real one's modules, where an earlier test of this process imported them, are put aside for as long.
    """
    path, real = list(sys.path), _forget_repository()
    monkeypatch.setitem(sys.modules, "torchaudio", types.ModuleType("torchaudio"))
    yield write_repository(tmp_path / "CosyVoice")
    sys.path[:] = path
    _forget_repository()
    sys.modules.update(real)


def _forget_repository() -> dict[str, types.ModuleType]:
    """Take a repository's modules out of those that are imported, and return them."""
    names = [name for name in sys.modules if name.partition(".")[0] in ("cosyvoice", "matcha")]
    return {name: sys.modules.pop(name) for name in names}


@pytest.fixture
def torch(monkeypatch: pytest.MonkeyPatch) -> FakeTorch:
    """Stands for torch, so that no torch is needed."""
    fake = FakeTorch()
    for module in (session, capabilities, models):
        monkeypatch.setattr(module, "torch_module", lambda: fake)
    monkeypatch.setattr(optimizations, "transformers_version", lambda: (4, 57, 6))
    return fake


@pytest.fixture
def folder_model(repository: Path, torch: FakeTorch, tmp_path: Path) -> Model:
    """A model folder of version 2 and the stand-in repository, resolved."""
    config = {"source": str(write_model(tmp_path / "CosyVoice2-0.5B")), "repo": str(repository)}
    return models.resolve_model(config, lambda text: None)


@pytest.fixture
def calls(repository: Path) -> list[tuple[Any, ...]]:
    """What the stand-in was called with, in order; imports it."""
    sys.path.insert(0, str(repository))
    # A module that the stand-in repository writes.
    from cosyvoice.cli.model import CALLS  # type: ignore[import-not-found]

    found: list[tuple[Any, ...]] = CALLS
    found.clear()
    return found
