"""The web pages of MLflow and of Optuna on loopback, each by its own server, as lean as it can be started."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import IO

from engines.install import install_hint
from search_spaces.errors import EnvironmentLackingError, TunerError

HOST = "127.0.0.1"
DEFAULT_URI = "sqlite:///mlflow.db"
_START_TIMEOUT_S = 120.0
_EXTRAS = {"optuna-dashboard": "dashboard"}
_LEAN = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}


@dataclass(frozen=True)
class Server:
    """A running UI. `log` is what it wrote."""

    url: str
    process: subprocess.Popen[bytes]
    log: IO[bytes]

    def last_words(self) -> str:
        """The last line of the log."""
        self.log.seek(0)
        lines = [line.strip() for line in self.log.read().decode(errors="replace").splitlines() if line.strip()]
        return lines[-1] if lines else f"exit status {self.process.returncode}"


def free_port(wanted: int, fixed: bool = False) -> int:
    """`wanted` when nothing listens there, else one that the system picks. Raises TunerError if `fixed` and taken."""
    with contextlib.closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, wanted))
        except (OSError, OverflowError) as error:
            if fixed or isinstance(error, OverflowError):
                reason = getattr(error, "strerror", None) or "ports go from 0 to 65535"
                raise TunerError(
                    f"cannot listen on port {wanted}: {reason}", "leave --port out for a free one"
                ) from None
            probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def serve_mlflow(tracking_uri: str, port: int) -> AbstractContextManager[Server]:
    """The MLflow UI of a tracking store, with one worker and no job runner. See `_serve`."""
    options = {"backend-store-uri": tracking_uri, "host": HOST, "port": str(port), "workers": "1"}
    words = [word for name in options for word in (f"--{name}", options[name])]
    return _serve("mlflow", [sys.executable, "-m", "mlflow", "ui", *words], port, "/health", "check the tracking URI")


def serve_optuna(storage: str, port: int) -> AbstractContextManager[Server]:
    """The Optuna dashboard of a storage: a database's URL, or the path of a journal. See `_serve`."""
    command = [sys.executable, "-c", "from optuna_dashboard._cli import main; main()", storage]
    words = [*command, "--host", HOST, "--port", str(port), "--server", "wsgiref", "--quiet"]
    return _serve("optuna-dashboard", words, port, "/dashboard", "check the storage")


@contextlib.contextmanager
def _serve(package: str, command: Sequence[str], port: int, health: str, hint: str) -> Iterator[Server]:
    """Start a UI and wait until it answers; it ends with the block.

    Raises EnvironmentLackingError when the package is missing, or the server ends or stays silent.
    """
    if find_spec(package.replace("-", "_")) is None:
        raise EnvironmentLackingError(f"{package} is not installed", install_hint(_EXTRAS.get(package, "")))
    log = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the server
    process = subprocess.Popen(
        command,
        env={**os.environ, **_LEAN},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    try:
        server = Server(f"http://{HOST}:{port}", process, log)
        _wait(server, package, health, hint)
        yield server
    finally:
        _stop(process)
        log.close()


def _wait(server: Server, package: str, health: str, hint: str) -> None:
    """Until the server's health page answers."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # loopback is not a proxy's business
    deadline = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline:
        if server.process.poll() is not None:
            raise EnvironmentLackingError(f"{package} ended: {server.last_words()}", hint)
        with contextlib.suppress(OSError), direct.open(f"{server.url}{health}", timeout=2):
            return
        time.sleep(0.1)
    raise EnvironmentLackingError(
        f"{package} did not answer within {_START_TIMEOUT_S:g} s", f"try `{package}` by itself"
    )


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the server and its workers."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=5)
            break
