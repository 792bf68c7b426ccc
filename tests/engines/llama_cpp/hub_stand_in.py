"""A model hub on loopback: what huggingface_hub asks of one to list a repository and to download its files."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

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
