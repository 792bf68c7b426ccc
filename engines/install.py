"""The command that installs what an engine lacks: the one place that knows how this package is installed."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

_SOURCE = Path(__file__).parents[1]
"""The folder that the tuner is installed from, unless it was copied elsewhere."""


def install_hint(*extras: str, beside: str = "") -> str:
    """The command that installs `extras` of pyproject.toml for the Python that runs; `beside` is more for pip.

    The package is on no index, and a bare `pip` may be another Python's: so it is this Python's, in the tuner's folder,
    with the versions that the tuner was tested with.
    """
    pip = f"{shlex.quote(sys.executable)} -m pip install"
    wanted = shlex.quote(f".[{','.join(extras)}]") if extras else "."
    command = f"{pip} -c constraints.txt -e {wanted}"
    more = f" && {pip} {beside}" if beside else ""
    if (_SOURCE / "constraints.txt").is_file():
        return f"cd {shlex.quote(str(_SOURCE))} && {command}{more}"
    return f"in the tuner's folder: {command}{more}"


def pip_hint(arguments: str) -> str:
    """`pip install` with `arguments`, for the Python that runs."""
    return f"{shlex.quote(sys.executable)} -m pip install {arguments}"
