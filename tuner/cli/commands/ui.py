"""`ui`: the MLflow UI of all studies, or the Optuna dashboard of one."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from tuner.cli.commands.arguments import add_outputs
from tuner.cli.console import Console

if TYPE_CHECKING:
    from tuner.results.ui_server import Server

NAME = "ui"
HELP = "serve the MLflow UI, or the Optuna dashboard of a study, on loopback"
EPILOG = """\
The server runs until Ctrl-C. With --json, {url, pid, tracking_uri} (of --optuna {url, pid, storage}) is printed once it
answers.

examples:
  python -m tuner ui
  python -m tuner ui --port 5001 --tracking-uri sqlite:////data/mlflow.db
  python -m tuner ui --optuna latest
"""
_MLFLOW_PORT, _OPTUNA_PORT = 5000, 8080


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--port, --tracking-uri, --optuna and --outputs."""
    ports = f"default: {_MLFLOW_PORT} (--optuna: {_OPTUNA_PORT}), or a free one when that is taken"
    parser.add_argument("--port", type=int, help=ports)
    parser.add_argument(
        "--tracking-uri", metavar="URI", help="default: $MLFLOW_TRACKING_URI, or MLflow's own sqlite:///mlflow.db"
    )
    parser.add_argument(
        "--optuna", metavar="STUDY", nargs="?", const="latest", help="the Optuna dashboard of a study (default: latest)"
    )
    add_outputs(parser)


def run(options: argparse.Namespace, console: Console) -> int:
    """Serve until interrupted."""
    return _optuna(options, console) if options.optuna else _mlflow(options, console)


def _mlflow(options: argparse.Namespace, console: Console) -> int:
    from tuner.results.tracking.view import view_path
    from tuner.results.ui_server import DEFAULT_URI, serve_mlflow

    uri = options.tracking_uri or os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_URI
    if uri.startswith(("http://", "https://")):
        console.emit({"url": uri, "pid": None, "tracking_uri": uri})
        console.print(f"{uri} (a server that runs already)")
        return 0
    pages = [f"{view}  (the latest study)"] if (view := view_path(Path(options.outputs) / "latest")) else []
    console.note(f"starting the MLflow UI on {uri} …")
    port = _port(options, _MLFLOW_PORT)
    return _serve(console, lambda: serve_mlflow(uri, port), {"tracking_uri": uri}, pages)


def _optuna(options: argparse.Namespace, console: Console) -> int:
    from tuner.results.storage import storage_of
    from tuner.results.studies import find_study
    from tuner.results.ui_server import serve_optuna

    storage = storage_of(find_study(options.optuna, Path(options.outputs)))
    console.note(f"starting the Optuna dashboard on {storage} …")
    port = _port(options, _OPTUNA_PORT)
    return _serve(console, lambda: serve_optuna(storage, port), {"storage": storage}, [])


def _port(options: argparse.Namespace, wanted: int) -> int:
    from tuner.results.ui_server import free_port

    return free_port(options.port if options.port is not None else wanted, fixed=options.port is not None)


def _serve(
    console: Console,
    start: Callable[[], AbstractContextManager[Server]],
    about: dict[str, str],
    pages: list[str],
) -> int:
    try:
        with start() as server:
            console.emit({"url": server.url, "pid": server.process.pid, **about})
            console.print(f"{server.url}  (Ctrl-C ends it)")
            for page in pages:
                console.print(f"{server.url}{page}")
            console.human.flush()
            server.process.wait()
            console.note(f"the server ended: {server.last_words()}")
            return 3
    except KeyboardInterrupt:
        return 0
