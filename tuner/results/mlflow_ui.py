"""The MLflow UI on loopback, as lean as it can be started: one worker process and no job runner."""

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
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import IO

from engines.install import install_hint
from search_spaces.errors import EnvironmentLackingError, TunerError

HOST = "127.0.0.1"
DEFAULT_URI = "sqlite:///mlflow.db"
_START_TIMEOUT_S = 120.0
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


@contextlib.contextmanager
def serve(tracking_uri: str, port: int) -> Iterator[Server]:
    """Start the UI and wait until it answers; it ends with the block.

    Raises EnvironmentLackingError when MLflow is missing or the server ends or stays silent.
    """
    if find_spec("mlflow") is None:
        raise EnvironmentLackingError("MLflow is not installed", install_hint())
    log = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the server
    options = {"backend-store-uri": tracking_uri, "host": HOST, "port": str(port), "workers": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "mlflow", "ui", *(word for name in options for word in (f"--{name}", options[name]))],
        env={**os.environ, **_LEAN},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    try:
        server = Server(f"http://{HOST}:{port}", process, log)
        _wait(server)
        yield server
    finally:
        _stop(process)
        log.close()


def _wait(server: Server) -> None:
    """Until the server's health page answers."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # loopback is not a proxy's business
    deadline = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline:
        if server.process.poll() is not None:
            raise EnvironmentLackingError(f"mlflow ui ended: {server.last_words()}", "check the tracking URI")
        with contextlib.suppress(OSError), direct.open(f"{server.url}/health", timeout=2):
            return
        time.sleep(0.1)
    raise EnvironmentLackingError(
        f"mlflow ui did not answer within {_START_TIMEOUT_S:g} s", "try `mlflow ui` by itself"
    )


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the server and its workers."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=5)
            break
