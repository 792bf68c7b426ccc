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

from search_spaces.errors import EnvironmentLackingError, TunerError
from tests.tuner.synthetic import write_study
from tuner.cli.main import main
from tuner.results.ui_server import HOST, free_port, serve_mlflow, serve_optuna


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
    with pytest.raises(EnvironmentLackingError, match="mlflow ended"), serve_mlflow("nonsense://uri", free_port(0)):
        pass


@pytest.mark.parametrize(
    ("words", "page", "shown"),
    [([], "", b"MLflow"), (["--optuna", "mine"], "/dashboard", b"Optuna")],
    ids=["mlflow", "optuna"],
)
def test_a_ui_serves_on_loopback_and_goes_with_its_command(tmp_path, words, page, shown):
    write_study(tmp_path / "outputs/mine")
    process = subprocess.Popen(
        [sys.executable, "-m", "tuner", "ui", "--json", *words],
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
        with direct.open(document["url"] + page, timeout=120) as answer:
            assert shown in answer.read()
        server = psutil.Process(document["pid"])
        family = [server, *server.children(recursive=True)]
        assert len(family) <= 3
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=120) == 0
        assert psutil.wait_procs(family, timeout=60)[1] == []
    finally:
        process.kill()
        process.communicate()


def test_the_dashboard_shows_every_trial_of_a_study(tmp_path):
    storage = str(write_study(tmp_path / "mine") / "journal.log")
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with serve_optuna(storage, free_port(0)) as server, direct.open(f"{server.url}/api/studies/0", timeout=120) as told:
        document = json.loads(told.read())
    assert [t["state"] for t in document["trials"]].count("Complete") == 4
    assert {a["key"] for a in document["trials"][0]["user_attrs"]} >= {"params", "purpose", "result", "status"}


def test_a_dashboard_that_is_not_installed_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr("tuner.results.ui_server.find_spec", lambda name: None)
    with pytest.raises(EnvironmentLackingError, match="optuna-dashboard is not installed") as caught:
        serve_optuna("sqlite:///x.db", 1).__enter__()
    assert "dashboard" in caught.value.hint
