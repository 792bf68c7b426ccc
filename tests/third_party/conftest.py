"""A virtual environment that has the tool as this session has it, and packages of others installed beside it."""

import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree

import pytest

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Elsewhere:
    """The Python of a virtual environment, and the folder to run it in."""

    python: Path
    folder: Path

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """`python *words` there; output and errors as text."""
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "TUNER_CACHE": str(self.folder / "cache")}
        return subprocess.run(
            [self.python, *words], cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )

    def tuner(self, *words: str) -> subprocess.CompletedProcess[str]:
        """`python -m tuner *words` there."""
        return self.run("-m", "tuner", *words)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Sequence[str]], Elsewhere]:
    """Makes an environment with packages of this folder, built and installed by pip without an index."""

    def make(packages: Sequence[str]) -> Elsewhere:
        folder = tmp_path_factory.mktemp("elsewhere")
        venv.create(folder / "venv", with_pip=False, symlinks=True)
        place = folder / "venv" / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
        (place / "session.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
        elsewhere = Elsewhere(folder / "venv" / "bin" / "python", folder)
        for package in packages:
            source = copytree(HERE / package, folder / package)  # building leaves files beside the source
            offline = ("--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check")
            done = elsewhere.run(
                "-m", "pip", "install", "--quiet", *offline, "--prefix", str(folder / "venv"), str(source)
            )
            assert done.returncode == 0, done.stderr
        return elsewhere

    return make
