"""A JSON-RPC server in front of a real one that remembers which methods it was asked."""

from __future__ import annotations

import json
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


class Forwarding(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        server: Recorder = self.server  # type: ignore[assignment]
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        asked = json.loads(raw)
        server.methods += [call["method"] for call in (asked if isinstance(asked, list) else [asked])]
        request = urllib.request.Request(server.target, raw, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as reply:
            body = reply.read()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None: ...


class Recorder(ThreadingHTTPServer):
    """Forwards to ``target``; port 0 takes a free one."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def __init__(self, target: str, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Forwarding)
        self.target = target
        self.methods: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shutdown()
        self.server_close()
