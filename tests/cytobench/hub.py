"""A Hub for tests on a port of this machine: as much of its HTTP interface as fetching a snapshot takes."""

from __future__ import annotations

import hashlib
import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

COMMIT = "c" * 40


class Hub:
    """Serves ``models``, files by name of each ``owner/name``, and keeps the path of each request in ``asked``."""

    def __init__(self) -> None:
        self.models: dict[str, dict[str, bytes]] = {}
        self.asked: list[str] = []
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                hub.asked.append(self.path)
                _answer(self, hub.models, with_body=True)

            def do_HEAD(self) -> None:
                hub.asked.append(self.path)
                _answer(self, hub.models, with_body=False)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def environment(self, home: Path) -> dict[str, str]:
        """For a process that takes this for the Hub, with its cache below ``home``; the client reads it on import."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        return {**kept, "HF_HOME": str(home), "HF_ENDPOINT": self.url, "NO_PROXY": "127.0.0.1"}

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _answer(request: BaseHTTPRequestHandler, models: dict[str, dict[str, bytes]], with_body: bool) -> None:
    parts = urlsplit(request.path).path.strip("/").split("/")
    in_api = parts[:2] == ["api", "models"]
    name, rest = ("/".join(parts[2:4]), parts[4:]) if in_api else ("/".join(parts[:2]), parts[2:])
    body, headers = None, {}
    if in_api and name in models and rest[:1] == ["revision"]:
        body = json.dumps({"id": name, "sha": COMMIT, "siblings": []}).encode()
    elif in_api and name in models and rest[:1] == ["tree"]:
        entries = [
            {"type": "file", "path": path, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
            for path, content in models[name].items()
        ]
        body = json.dumps(entries).encode()
    elif rest[:1] == ["resolve"]:
        body = models.get(name, {}).get("/".join(rest[2:]))
        headers = {"ETag": f'"{hashlib.sha1(body or b"").hexdigest()}"', "X-Repo-Commit": COMMIT}
    request.send_response(404 if body is None else 200)
    for key, value in {**headers, "Content-Length": str(len(body or b""))}.items():
        request.send_header(key, value)
    if body is None:
        request.send_header("X-Error-Code", "RepoNotFound")
    request.end_headers()
    if with_body and body:
        request.wfile.write(body)
