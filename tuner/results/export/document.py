"""deploy.json as it is read back."""

from __future__ import annotations

from pathlib import Path

from tuner.core.deploy import DeployConfig
from tuner.core.documents import load_file


def read_deploy(path: Path) -> DeployConfig:
    """The document in the file. Raises TunerError when it cannot be read, is not JSON or is not sound."""
    return load_file(DeployConfig, path, "deploy.json", "take the deploy.json that a sweep wrote, unchanged")
