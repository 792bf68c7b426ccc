from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tuner.results.tracking.stores import Recorded
from tuner.results.tracking import tracker
from tuner.results.tracking.store import MlflowStore


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may take its time: what is not about waiting must not depend on it."""
    for name in ("FIRST_WAIT_S", "FIRST_WAIT_SERVER_S", "WAIT_S", "LAST_WAIT_S"):
        monkeypatch.setattr(tracker, name, 240.0)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "240")


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database with its tables, because making them takes seconds."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    MlflowStore(f"sqlite:///{path}").experiment("warm-up")
    return path


@pytest.fixture
def store(empty_database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorded]:
    """A database of the test's own, in the working directory."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(empty_database, tmp_path / "mlflow.db")
    return Recorded(f"sqlite:///{tmp_path / 'mlflow.db'}")
