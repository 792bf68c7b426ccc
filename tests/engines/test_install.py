from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from engines import install
from engines.install import install_hint, pip_hint


def test_the_command_installs_extras_for_this_python_in_the_tuners_folder() -> None:
    folder, _, command = install_hint("kokoro", "shape").partition(" && ")
    assert (Path(shlex.split(folder)[1]) / "pyproject.toml").is_file()
    assert shlex.split(command) == [
        sys.executable, "-m", "pip", "install", "-c", "constraints.txt", "-e", ".[kokoro,shape]",
    ]  # fmt: skip
    assert install_hint().endswith(" -e .")


def test_what_goes_beside_is_a_command_of_its_own() -> None:
    assert install_hint("shape", beside="--no-deps a==1").endswith(f" && {pip_hint('--no-deps a==1')}")


def test_a_copy_without_its_source_says_where_to_type_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(install, "_SOURCE", tmp_path)
    assert install_hint("stt").startswith("in the tuner's folder: ")


def test_every_extra_that_an_engine_names_exists() -> None:
    """A hint of an engine's own would go stale: `engines/install.py` is the only place that knows the command."""
    import re
    import tomllib

    root = Path(__file__).parents[2]
    extras = tomllib.loads((root / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    sources = [path.read_text(encoding="utf-8") for path in (root / "engines").rglob("*.py")]
    calls = [call for text in sources for call in re.findall(r"install_hint\(([^)]*)\)", text)]
    named = {name for call in calls for name in re.findall(r"[\"']([a-z-]+)[\"']", call.partition("beside")[0])}
    assert named
    assert named <= set(extras)
    assert not any("voice-stack-tuner[" in text for text in sources)
