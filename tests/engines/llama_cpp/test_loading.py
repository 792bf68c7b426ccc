"""Whether a model counts as locked: by what the system says is locked, then by the library's log."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engines.errors import UnsupportedError
from engines.llama_cpp import loading
from engines.llama_cpp.library import LOG

_MODEL_KIB = 100


class Llama:
    """Stands in for llama_cpp.Llama where the log complains of a lock."""

    closed = False

    def __init__(self, path: str, **arguments: Any) -> None:
        LOG.lines.append("warning: failed to mlock 4096-byte buffer (after locking 0 bytes): Cannot allocate memory")

    def close(self) -> None:
        """Note that it was closed."""
        type(self).closed = True


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(loading, "library", lambda: SimpleNamespace(Llama=Llama))
    monkeypatch.setattr(loading, "model_arguments", lambda params, n_ctx: dict(params))
    monkeypatch.setattr(Llama, "closed", False)
    path = tmp_path / "model.gguf"
    path.write_bytes(bytes(_MODEL_KIB * 1024))
    return str(path)


def process_status(monkeypatch: pytest.MonkeyPatch, path: Path, locked_kib: int) -> None:
    path.write_text(f"Name:\tpython\nVmLck:\t{locked_kib:>8} kB\nVmRSS:\t  123 kB\n")
    monkeypatch.setattr(loading, "_PROCESS_STATUS", path)


def test_a_model_that_is_locked_is_accepted_whatever_the_log_says(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process_status(monkeypatch, tmp_path / "status", _MODEL_KIB - 4)
    assert isinstance(loading.load(model, {"use_mlock": True}, 256), Llama)
    assert not Llama.closed


def test_a_model_that_is_not_locked_is_refused_with_the_mend(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process_status(monkeypatch, tmp_path / "status", _MODEL_KIB // 4)
    with pytest.raises(UnsupportedError, match="cannot be locked") as caught:
        loading.load(model, {"use_mlock": True}, 256)
    assert "ulimit -l" in caught.value.hint
    assert Llama.closed


def test_where_the_system_does_not_tell_the_log_decides(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "_PROCESS_STATUS", tmp_path / "none")
    with pytest.raises(UnsupportedError):
        loading.load(model, {"use_mlock": True}, 256)
