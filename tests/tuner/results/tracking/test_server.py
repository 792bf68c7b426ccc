"""A tracking server that is absent, silent, dies in mid-sweep, or comes back: the sweep goes on either way."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from tests.tuner.results.tracking.stores import Recorded, run_study, watched
from tests.tuner.synthetic import TRIALS, outcome, study_info
from tuner.core.deploy import TrackingRun
from tuner.results.tracking import tracker as tracker_module
from tuner.results.tracking.attempt import Backoff, BoundedJob, Job

SERVER = """
import os, sys
os.environ["_MLFLOW_SERVER_FILE_STORE"] = f"sqlite:///{sys.argv[1]}/mlflow.db"
os.environ["_MLFLOW_SERVER_ARTIFACT_ROOT"] = f"{sys.argv[1]}/artifacts"
os.environ["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"
from mlflow.server import app
app.run("127.0.0.1", int(sys.argv[2]))
"""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def serving(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A real MLflow server on the database in `folder`."""
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
    command = [sys.executable, "-c", SERVER, str(folder), str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment) as process:
        try:
            wait_until_healthy(process, port)
            yield process
        finally:
            process.kill()


def wait_until_healthy(process: subprocess.Popen[bytes], port: int) -> None:
    while process.poll() is None:
        try:
            with urlopen(f"http://127.0.0.1:{port}/health", timeout=1):
                return
        except (URLError, OSError):
            time.sleep(0.05)
    raise AssertionError("the MLflow server has ended")


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again after each trial, so that the test need not wait."""
    monkeypatch.setattr(tracker_module, "RETRY_AFTER_S", (0.0,))


@pytest.fixture
def now() -> list[float]:
    """The second that it is to whoever spaces out attempts."""
    return [0.0]


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch, now: list[float]) -> list[float]:
    """How long each attempt of a tracker may take."""
    made: list[float] = []

    class Watched(BoundedJob):
        def run(self, job: Job, most_s: float) -> bool:
            made.append(most_s)
            return super().run(job, most_s)

    monkeypatch.setattr(tracker_module, "BoundedJob", Watched)
    monkeypatch.setattr(tracker_module, "Backoff", lambda delays_s: Backoff(delays_s, lambda: now[0]))
    return made


def test_an_absent_server_costs_little_and_is_told_at_start_and_end(tmp_path: Path, attempts: list[float]) -> None:
    uri = f"http://127.0.0.1:{free_port()}"
    run = run_study(uri, tmp_path)
    assert len(attempts) == 2, "at the start and at the end"
    assert len(run.notices) == 2
    assert run.notices[0] == (
        f"MLflow at {uri} cannot be used (Connection refused); the sweep goes on and logs when it returns"
    )
    assert run.notices[1] == "MLflow lacks 8 of 8 trials and the verdict; the next run of the same sweep logs them"
    assert run.tracker.tracking == TrackingRun()


def test_a_server_that_never_answers_stalls_no_trial_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, attempts: list[float], now: list[float]
) -> None:
    """An attempt waits no longer than it may (see BoundedJob), and they are spaced out."""
    for name, seconds in (("FIRST_WAIT_SERVER_S", 0.4), ("WAIT_S", 0.2), ("LAST_WAIT_S", 0.3)):
        monkeypatch.setattr(tracker_module, name, seconds)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        run = watched(f"http://127.0.0.1:{listener.getsockname()[1]}")
        run.tracker.study_started(study_info(tmp_path))
        for trial in TRIALS:
            now[0] += 1.0
            run.tracker.trial_finished(trial)
        run.tracker.study_finished(outcome())
    assert attempts == [0.4, 0.2, 0.3], "at the start, five seconds later, and at the end"
    assert run.notices[-1].startswith("MLflow lacks 8 of 8 trials")
    for thread in threading.enumerate():
        if thread.name == "tracking":
            thread.join(60)


@pytest.mark.usefixtures("eager")
def test_a_server_that_dies_in_mid_sweep_and_returns_gets_every_trial(store: Recorded, tmp_path: Path) -> None:
    port = free_port()
    run = watched(f"http://127.0.0.1:{port}")
    with serving(tmp_path, port) as server:
        run.tracker.study_started(study_info(tmp_path))
        for trial in TRIALS[:2]:
            run.tracker.trial_finished(trial)
        os.kill(server.pid, signal.SIGKILL)
        server.wait()
        for trial in TRIALS[2:5]:
            run.tracker.trial_finished(trial)
        assert len(store.trials()) == 2
    with serving(tmp_path, port):
        run.tracker.trial_finished(TRIALS[5])
        assert len(store.trials()) == 6
        for trial in TRIALS[6:]:
            run.tracker.trial_finished(trial)
        run.tracker.study_finished(outcome())
    assert {number: len(runs) for number, runs in store.trials().items()} == dict.fromkeys(range(8), 1)
    assert [parent.data.tags["verdict"] for parent in store.parents()] == ["gain"]
    assert len(run.notices) == 2
    assert "cannot be used" in run.notices[0]
    assert "can be used again" in run.notices[1]


@pytest.mark.usefixtures("eager")
def test_what_an_absent_server_missed_is_logged_by_the_next_run(store: Recorded, tmp_path: Path) -> None:
    port = free_port()
    run_study(f"http://127.0.0.1:{port}", tmp_path)
    with serving(tmp_path, port):
        run = run_study(f"http://127.0.0.1:{port}", tmp_path, finished=TRIALS)
    assert run.notices == []
    assert {number: len(runs) for number, runs in store.trials().items()} == dict.fromkeys(range(8), 1)
    assert [parent.info.status for parent in store.parents()] == ["FINISHED"]
