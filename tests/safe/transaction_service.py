"""Safe's Transaction Service on a real socket, which a test may turn hostile.

``with TransactionService(anvil.rpc, chain_id) as service: service.on(down(), times=1)``

It answers as the real one's recorded replies show (``test_transaction_service.py`` replays them), by the rules of
``service_rules.py``. Faults are in ``service_faults.py``.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

from eth_utils.address import is_checksum_address

from keeper.chainlab.jsonrpc import Rpc
from tests.safe.service_rules import Answer, Board

ABOUT_SETTINGS: dict[str, Any] = {
    "AWS_CONFIGURED": False, "AWS_S3_PUBLIC_URL": None, "ETHEREUM_NODE_URL": "http://127.0.0.1:58545",
    "ETHEREUM_TRACING_NODE_URL": None, "ETH_EVENTS_BLOCK_PROCESS_LIMIT": 50, "ETH_EVENTS_BLOCK_PROCESS_LIMIT_MAX": 0,
    "ETH_EVENTS_QUERY_CHUNK_SIZE": 1000, "ETH_EVENTS_UPDATED_BLOCK_BEHIND": 5760, "ETH_INTERNAL_NO_FILTER": False,
    "ETH_INTERNAL_TRACE_TXS_BATCH_SIZE": 0, "ETH_INTERNAL_TXS_BLOCK_PROCESS_LIMIT": 10000, "ETH_L2_NETWORK": True,
    "ETH_REORG_BLOCKS": 1, "SSO_ENABLED": False, "TOKENS_LOGO_BASE_URI": "https://tokens-logo.localhost/",
    "TOKENS_LOGO_EXTENSION": ".png",
}  # fmt: skip
DEFAULT_PAGE = 100


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


Fault = Callable[["Exchange"], None]


@dataclass
class Rule:
    """A fault, and what it strikes: requests of this method whose path holds this text; so many times."""

    fault: Fault
    method: str
    path: str
    left: int | None

    def strikes(self, asked: Asked) -> bool:
        if self.left == 0 or self.method not in ("*", asked.method) or self.path not in asked.path:
            return False
        self.left = None if self.left is None else self.left - 1
        return True


class TransactionService(ThreadingHTTPServer):
    """The server; a context manager. ``url`` is what a keeper is told; ``asked`` everything that came."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, rpc: Rpc, chain_id: int, *, clock: Callable[[], float] = time.time) -> None:
        super().__init__(("127.0.0.1", 0), Exchange)
        self.board = Board(rpc, chain_id, clock)
        self.asked: list[Asked] = []
        self.rules: list[Rule] = []
        self.lock = threading.RLock()
        self.stopping = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopping.set()
        self.shutdown()
        self.server_close()

    def on(self, fault: Fault, *, method: str = "*", path: str = "", times: int | None = None) -> Rule:
        """From now on the fault strikes matching requests, so many times or for ever. The oldest rule wins."""
        rule = Rule(fault, method, path, times)
        with self.lock:
            self.rules.append(rule)
        return rule

    def calm(self) -> None:
        """No more faults."""
        with self.lock:
            self.rules.clear()

    def judge(self, asked: Asked) -> Fault | None:
        with self.lock:
            self.asked.append(asked)
            return next((rule.fault for rule in self.rules if rule.strikes(asked)), None)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is nothing to print about."""


class Exchange(BaseHTTPRequestHandler):
    """One request; a fault sees it as this."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    asked: Asked

    @property
    def service(self) -> TransactionService:
        server: TransactionService = self.server  # type: ignore[assignment]
        return server

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def _serve(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        body = json.loads(raw) if raw else None
        self.asked = Asked(self.command, parts.path, dict(parse_qsl(parts.query)), dict(self.headers.items()), body)
        fault = self.service.judge(self.asked)
        if fault is None:
            self.reply(*self.honest())
        else:
            fault(self)

    def honest(self) -> Answer:
        """What the real service would answer."""
        with self.service.lock:
            return _routed(self.service.board, self.asked, f"http://{self.headers['Host']}")

    def reply(self, status: int, document: Any, headers: Mapping[str, str] | None = None) -> None:
        self.send(status, b"" if document is None else json.dumps(document).encode(), headers)

    def send(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        sent = {"Content-Type": "application/json", "Content-Length": str(len(body)), **(headers or {})}
        for name, value in sent.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def hang_up(self) -> None:
        self.close_connection = True

    def log_message(self, *_: Any) -> None: ...


def _routed(board: Board, asked: Asked, root: str) -> Answer:
    """By the paths of its API; a path's addresses must be checksummed."""
    for method, pattern, act in _ROUTES:
        found = re.fullmatch(pattern, asked.path)
        if method == asked.method and found:
            safe = found.groupdict().get("safe")
            if safe is not None and not is_checksum_address(safe):
                return 422, {"code": 1, "message": "Checksum address validation failed", "arguments": [safe]}
            return act(board, asked, found.groupdict(), root)
    return 404, {"detail": "Not found."}


def _page(rows: list[dict[str, Any]], asked: Asked, root: str) -> dict[str, Any]:
    limit, offset = (int(asked.query.get(name, value)) for name, value in (("limit", DEFAULT_PAGE), ("offset", 0)))

    def at(place: int) -> str:
        return f"{root}{asked.path}?{urlencode({**asked.query, 'limit': limit, 'offset': place})}"

    return {
        "count": len(rows),
        "next": at(offset + limit) if offset + limit < len(rows) else None,
        "previous": at(max(0, offset - limit)) if offset else None,
        "results": rows[offset : offset + limit],
    }


def _list(board: Board, asked: Asked, named: Mapping[str, str], root: str) -> Answer:
    rows = board.listed(named["safe"], asked.query, int(named["v"]))
    return 200, {**_page(rows, asked, root), "countUniqueNonce": len({row["nonce"] for row in rows})}


def _delegates(board: Board, asked: Asked, _named: Mapping[str, str], root: str) -> Answer:
    wanted = [name for name in ("safe", "delegate", "delegator", "label") if name in asked.query]
    if not wanted:
        return 400, {"nonFieldErrors": ["At least one query param must be provided"]}
    rows = [each for each in board.delegates if all(each[name] == asked.query[name] for name in wanted)]
    return 200, _page(rows, asked, root)


def _about(_board: Board, _asked: Asked, _named: Mapping[str, str], root: str) -> Answer:
    return 200, {
        "name": "Safe Transaction Service", "version": "6.10.1", "api_version": "v1", "secure": False,
        "host": root.removeprefix("http://"), "headers": [], "settings": ABOUT_SETTINGS,
    }  # fmt: skip


_SAFE = r"/safes/(?P<safe>0x[0-9a-fA-F]{40})"
_TX = r"/multisig-transactions/(?P<hash>0x[0-9a-f]{64})"
_ROUTES: list[tuple[str, str, Callable[[Board, Asked, Mapping[str, str], str], Answer]]] = [
    ("GET", r"/api/v1/about/", _about),
    ("GET", rf"/api/v1{_SAFE}/", lambda board, _asked, named, _root: board.safe_info(named["safe"])),
    ("GET", rf"/api/v(?P<v>[12]){_SAFE}/multisig-transactions/", _list),
    (
        "POST",
        rf"/api/v[12]{_SAFE}/multisig-transactions/",
        lambda board, asked, named, _root: board.propose(named["safe"], asked.body),
    ),
    (
        "POST",
        rf"/api/v1{_SAFE}/multisig-transactions/estimations/",
        lambda _board, _asked, _named, _root: (200, {"safeTxGas": "0"}),
    ),
    ("GET", rf"/api/v(?P<v>[12]){_TX}/", lambda board, _a, named, _r: board.find(named["hash"], int(named["v"]))),
    ("DELETE", rf"/api/v2{_TX}/", lambda board, asked, named, _root: board.delete(named["hash"], asked.body)),
    ("POST", rf"/api/v1{_TX}/confirmations/", lambda board, asked, named, _r: board.confirm(named["hash"], asked.body)),
    ("GET", r"/api/v2/delegates/", _delegates),
    ("POST", r"/api/v2/delegates/", lambda board, asked, _named, _root: board.add_delegate(asked.body)),
]
