"""A model hub on loopback: what huggingface_hub asks of one to list a repository and to download its files.

And a client of it, which resolves an engine's models.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

_RESOLVE = """
import json, sys
from engines.registry import load_engine
from search_spaces.errors import TunerError
told = []
try:
    model = load_engine(sys.argv[1]).resolve_model({"source": sys.argv[2]}, told.append)
    print(json.dumps({"variants": dict(model.variants), "native": model.native, "told": told}))
except TunerError as error:
    print(json.dumps({"error": error.message, "hint": error.hint, "exit_status": error.exit_status}))
"""


@dataclass
class Client:
    """Resolves models of `engine` in a process of its own: huggingface_hub reads its environment when imported."""

    engine: str
    endpoint: str
    home: Path
    requests: list[str]
    environment: dict[str, str] = field(default_factory=dict)

    def resolve(self, source: str) -> dict[str, Any]:
        """The model's variants, native quantization and what was told; or the error, its hint and exit status."""
        environment = {
            **os.environ, "HF_ENDPOINT": self.endpoint, "HF_HOME": str(self.home), "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_XET": "1", **self.environment,
        }  # fmt: skip
        command = [sys.executable, "-c", _RESOLVE, self.engine, source]
        run = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
        answer: dict[str, Any] = json.loads(run.stdout)
        return answer

    def downloads(self, suffix: str) -> list[str]:
        """The files of that suffix that were asked for so far, by their names."""
        return [r.rpartition("/")[2] for r in self.requests if r.startswith("GET") and r.endswith(suffix)]


COMMIT = "c" * 40
GATED, BROKEN = "org/gated", "org/broken"


@contextlib.contextmanager
def hub(repositories: Mapping[str, Mapping[str, Path]]) -> Iterator[tuple[str, list[str]]]:
    """The address of a hub with `repositories` (name → file → content), and the list of requests so far."""
    requests: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            self._answer(body=True)

        def _answer(self, body: bool) -> None:
            path = unquote(urlsplit(self.path).path).strip("/")
            requests.append(f"{self.command} /{path}")
            parts = path.split("/")
            if parts[:2] == ["api", "models"]:
                self._api("/".join(parts[2:4]), parts[4:])
            else:
                self._file("/".join(parts[:2]), parts[3], "/".join(parts[4:]), body)

        def _api(self, repository: str, rest: list[str]) -> None:
            if self._refused(repository, rest[1] if len(rest) > 1 else "main"):
                return
            files = repositories[repository]
            siblings = [{"rfilename": name, "size": file.stat().st_size} for name, file in files.items()]
            self._send(200, json.dumps({"id": repository, "sha": COMMIT, "siblings": siblings}).encode())

        def _file(self, repository: str, revision: str, name: str, body: bool) -> None:
            if self._refused(repository, revision):
                return
            if name not in repositories[repository]:
                self._send(404, b"", {"X-Error-Code": "EntryNotFound"})
                return
            content = repositories[repository][name].read_bytes()
            headers = {
                "ETag": f'"{hashlib.sha256(content).hexdigest()}"',
                "X-Repo-Commit": COMMIT,
                "Accept-Ranges": "bytes",
            }
            self._send(200, content, headers, body)

        def _refused(self, repository: str, revision: str) -> bool:
            if repository == GATED:
                self._send(403, b"{}", {"X-Error-Code": "GatedRepo"})
            elif repository == BROKEN:
                self._send(500, b"{}")
            elif repository not in repositories:
                self._send(401, b"{}", {"X-Error-Code": "RepoNotFound"})
            elif revision not in ("main", COMMIT):
                self._send(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
            else:
                return False
            return True

        def _send(
            self, status: int, content: bytes, headers: Mapping[str, str] | None = None, body: bool = True
        ) -> None:
            self.send_response(status)
            for name, value in {
                "Content-Length": str(len(content)),
                "Content-Type": "application/json",
                **(headers or {}),
            }.items():
                self.send_header(name, value)
            self.end_headers()
            if body and self.command == "GET":
                self.wfile.write(content)

        def log_message(self, *args: object) -> None:
            """Nothing: the requests are kept."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", requests
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
