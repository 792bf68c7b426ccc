import contextlib
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request

import psutil
import pytest
from tuner.results.mlflow_ui import HOST, free_port, serve

from search_spaces.errors import EnvironmentLackingError, TunerError
from tuner.cli.main import main


@pytest.fixture
def taken():
    """A port that somebody listens on."""
    with contextlib.closing(socket.socket()) as listener:
        listener.bind((HOST, 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_free_port_is_taken_as_wanted(taken):
    """Another process may take one in between, but not five times."""
    assert any(free_port(port) == port for port in (free_port(0) for _ in range(5)))


def test_a_taken_port_is_evaded_unless_it_was_asked_for(taken):
    assert free_port(taken) != taken
    with pytest.raises(TunerError, match=f"cannot listen on port {taken}"):
        free_port(taken, fixed=True)


def test_a_port_that_cannot_be():
    with pytest.raises(TunerError, match="cannot listen on port 70000"):
        free_port(70000, fixed=True)


def test_a_running_server_is_only_pointed_to(capsys):
    assert main(["ui", "--tracking-uri", "http://example.org:5000", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["url"] == "http://example.org:5000"


def test_a_server_that_cannot_start_says_why():
    with pytest.raises(EnvironmentLackingError, match="mlflow ui ended"), serve("nonsense://uri", free_port(0)):
        pass


def test_the_ui_serves_on_loopback_and_goes_with_its_command(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", "tuner", "ui", "--json"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db"},
    )
    try:
        assert process.stdout is not None
        lines = itertools.takewhile(lambda line: line != "}\n", process.stdout)
        document = json.loads("".join(lines) + "}")
        assert document["url"].startswith(f"http://{HOST}:")
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(document["url"], timeout=120) as page:
            assert b"MLflow" in page.read()
        server = psutil.Process(document["pid"])
        family = [server, *server.children(recursive=True)]
        assert len(family) <= 3
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=120) == 0
        assert psutil.wait_procs(family, timeout=60)[1] == []
    finally:
        process.kill()
        process.communicate()
