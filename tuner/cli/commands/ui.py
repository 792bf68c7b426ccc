"""`ui`: the MLflow UI."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from tuner.cli.console import Console

NAME = "ui"
HELP = "serve the MLflow UI on loopback"
EPILOG = """\
The server runs until Ctrl-C. With --json, {url, pid, tracking_uri} is printed once it answers.

examples:
  python -m tuner ui
  python -m tuner ui --port 5001 --tracking-uri sqlite:////data/mlflow.db
"""
_WANTED_PORT = 5000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--port and --tracking-uri."""
    parser.add_argument("--port", type=int, help=f"default: {_WANTED_PORT}, or a free one when that is taken")
    parser.add_argument(
        "--tracking-uri", metavar="URI", help="default: $MLFLOW_TRACKING_URI, or MLflow's own sqlite:///mlflow.db"
    )


def run(options: argparse.Namespace, console: Console) -> int:
    """Serve until interrupted."""
    from tuner.results.mlflow_ui import DEFAULT_URI, free_port, serve
    from tuner.results.tracking.view import view_path

    uri = options.tracking_uri or os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_URI
    if uri.startswith(("http://", "https://")):
        console.emit({"url": uri, "pid": None, "tracking_uri": uri})
        console.print(f"{uri} (a server that runs already)")
        return 0
    try:
        port = free_port(options.port if options.port is not None else _WANTED_PORT, fixed=options.port is not None)
        console.note(f"starting the MLflow UI on {uri} …")
        with serve(uri, port) as server:
            console.emit({"url": server.url, "pid": server.process.pid, "tracking_uri": uri})
            console.print(f"{server.url}  (Ctrl-C ends it)")
            if view := view_path(Path("outputs/latest")):
                console.print(f"{server.url}{view}  (the latest study)")
            console.human.flush()
            server.process.wait()
            console.note(f"mlflow ui ended: {server.last_words()}")
            return 3
    except KeyboardInterrupt:
        return 0
