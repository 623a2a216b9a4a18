"""A JSON-RPC server that misbehaves as told, on a real socket."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from keeper.world.chain.node import HttpNode

Answer = Callable[["Exchange"], None]
ABSENT = "http://127.0.0.1:9"


class Exchange(BaseHTTPRequestHandler):
    """One request; ``call`` is what was asked."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    call: Any

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        self.call = json.loads(raw)
        server: HostileServer = self.server  # type: ignore[assignment]
        server.seen.append(self.call)
        server.connections.add(self.client_address)
        if isinstance(self.call, dict) and self.call["method"] == "eth_chainId" and server.chain_id is not None:
            return self.reply({"result": hex(server.chain_id)})
        answer = server.script.pop(0) if len(server.script) > 1 else server.script[0]
        answer(self)

    def reply(self, outcome: dict[str, Any], **changes: Any) -> None:
        self.send(json.dumps({"jsonrpc": "2.0", "id": self.call["id"], **outcome, **changes}).encode())

    def send(self, body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None: ...


class HostileServer(ThreadingHTTPServer):
    """Answers by ``script``, one entry a request, the last one for ever."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, *script: Answer, chain_id: int | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Exchange)
        self.script = list(script)
        self.chain_id = chain_id
        self.seen: list[Any] = []
        self.connections: set[Any] = set()
        self.url = f"http://127.0.0.1:{self.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shutdown()
        self.server_close()


def good(result: Any = "0x2a") -> Answer:
    return lambda exchange: exchange.reply({"result": result})


def error(code: int, message: str, **more: Any) -> Answer:
    return lambda exchange: exchange.reply({"error": {"code": code, "message": message, **more}})


def status(number: int, **headers: str) -> Answer:
    return lambda exchange: exchange.send(b"<html>go away</html>", number, headers)


def body(raw: bytes, **headers: str) -> Answer:
    return lambda exchange: exchange.send(raw, 200, {name.replace("_", "-"): text for name, text in headers.items()})


def half_json(exchange: Exchange) -> None:
    exchange.send(b'{"jsonrpc":"2.0","id":%d,"resu' % exchange.call["id"])


def cut_off(exchange: Exchange) -> None:
    exchange.send(b'{"jsonrpc":"2.0"', 200, {"Content-Length": "5000"})
    exchange.close_connection = True


def hang_up(exchange: Exchange) -> None:
    exchange.close_connection = True


def wrong_id(exchange: Exchange) -> None:
    exchange.reply({"result": "0x2a"}, id=exchange.call["id"] + 1)


def hang(exchange: Exchange) -> None:
    time.sleep(3)
    exchange.close_connection = True


def drip(exchange: Exchange) -> None:
    """One byte every tenth of a second: no single read ever times out."""
    exchange.send_response(200)
    exchange.send_header("Content-Length", "1000")
    exchange.end_headers()
    for _ in range(40):
        try:
            exchange.wfile.write(b" ")
            time.sleep(0.1)
        except OSError:
            return


def node(*urls: str, **settings: Any) -> HttpNode:
    """A node that does not wait long."""
    return HttpNode(urls, **{"timeout_seconds": 2.0, "backoff_seconds": 0.001, **settings})
