"""A hostile JSON-RPC node in front of an honest one, on a real socket.

``with HostileNode(anvil.url) as node: node.on("eth_sendRawTransaction", drop_reply, times=1)``

What can go wrong is in ``node_faults.py``. A fault of the exchange (a dropped reply, a status, half a body) strikes the
whole HTTP exchange that holds a matching call; a fault of an answer strikes each matching call of a batch by itself.
Everything that was asked is in ``seen``, every signed transaction that arrived in ``sent``.
"""

from __future__ import annotations

import http.client
import json
import random
import socket
import struct
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from eth_utils.crypto import keccak

Reply = dict[str, Any]
Forward = Callable[[], Reply]


@dataclass(frozen=True, slots=True)
class Asked:
    """One call of an exchange."""

    method: str
    params: list[Any]
    number: Any


@dataclass(frozen=True, slots=True)
class SentBytes:
    """A signed transaction as it arrived at the node."""

    hash: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong: with one answer, or with the whole exchange (then ``answer`` is not used)."""

    name: str
    answer: Callable[[HostileNode, Asked, Forward], Reply] | None = None
    exchange: Callable[[Exchange], None] | None = None


@dataclass
class Rule:
    """A fault and when it strikes. ``method`` "*" means every one; ``left`` None that it never ends."""

    method: str
    fault: Fault
    left: int | None
    skip: int
    when: Callable[[Asked], bool]
    struck: int = 0

    def strikes(self, asked: Asked) -> bool:
        """Whether it is this call's turn; counts it if so."""
        if self.left == 0 or self.method not in ("*", asked.method) or not self.when(asked):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.left = None if self.left is None else self.left - 1
        self.struck += 1
        return True


@dataclass
class Storm:
    """Strikes a share of all exchanges with any of its faults, by a seed."""

    faults: Sequence[Fault]
    share: float
    dice: random.Random
    struck: list[str] = field(default_factory=list)
    exchanges: int = 0

    def next(self) -> Fault | None:
        self.exchanges += 1
        if self.dice.random() >= self.share:
            return None
        fault = self.dice.choice(self.faults)
        self.struck.append(fault.name)
        return fault


class HostileNode:
    """The proxy; a context manager. ``url`` is what a keeper is told. Safe to command from the test's thread."""

    def __init__(self, upstream_url: str) -> None:
        parts = urlsplit(upstream_url)
        self._upstream = (parts.hostname or "", parts.port or 80)
        self._lock = threading.Lock()
        self._rules: list[Rule] = []
        self._storm: Storm | None = None
        self._server = _Server(self)
        self.stopping = threading.Event()
        self.seen: list[Asked] = []
        self.sent: list[SentBytes] = []
        self.withheld: list[SentBytes] = []
        self.at_once = 0
        self.most_at_once = 0
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()

    def on(self, method: str, fault: Fault, *, times: int | None = None, skip: int = 0,
           when: Callable[[Asked], bool] = lambda _asked: True) -> Rule:  # fmt: skip
        """From now on ``fault`` strikes the next ``times`` matching calls, after sparing ``skip`` of them."""
        rule = Rule(method, fault, times, skip, when)
        with self._lock:
            self._rules.append(rule)
        return rule

    def storm(self, faults: Sequence[Fault], share: float, seed: int) -> Storm:
        """Strike a share of all exchanges at random."""
        self._storm = Storm(faults, share, random.Random(seed))
        return self._storm

    def calm(self) -> None:
        """No more faults."""
        with self._lock:
            self._rules.clear()
            self._storm = None

    def release(self) -> None:
        """Hand over what was withheld, oldest first."""
        while self.withheld:
            self.ask("eth_sendRawTransaction", "0x" + self.withheld.pop(0).raw.hex())

    def ask(self, method: str, *params: Any) -> Any:
        """The honest node's result. AssertionError if it refuses."""
        reply = self.forward(Asked(method, list(params), 0))
        assert "error" not in reply, reply
        return reply["result"]

    def forward(self, asked: Asked) -> Reply:
        """The honest node's answer: ``result`` or ``error``."""
        line = http.client.HTTPConnection(*self._upstream, timeout=30)
        try:
            body = {"jsonrpc": "2.0", "id": 1, "method": asked.method, "params": asked.params}
            line.request("POST", "/", json.dumps(body), {"Content-Type": "application/json"})
            reply: Reply = json.loads(line.getresponse().read())
            return {name: reply[name] for name in ("result", "error") if name in reply}
        finally:
            line.close()

    def count(self, change: int) -> None:
        """How many exchanges are under way, and the most that ever were."""
        with self._lock:
            self.at_once += change
            self.most_at_once = max(self.most_at_once, self.at_once)

    def judge(self, asked: Sequence[Asked]) -> tuple[Fault | None, dict[int, list[Fault]]]:
        """The fault of the exchange if there is one, and those of each answer by its place."""
        with self._lock:
            self.seen += asked
            for each in asked:
                if each.method == "eth_sendRawTransaction":
                    raw = bytes.fromhex(each.params[0][2:])
                    self.sent.append(SentBytes("0x" + keccak(raw).hex(), raw))
            struck = [(place, rule.fault) for place, each in enumerate(asked)
                      for rule in self._rules if rule.strikes(each)]  # fmt: skip
            stormy = None if self._storm is None else self._storm.next()
        if stormy is not None:
            struck += [(place, stormy) for place in range(len(asked))]
        whole = next((fault for _, fault in struck if fault.exchange is not None), None)
        single: dict[int, list[Fault]] = {}
        for place, fault in struck:
            if fault.answer is not None:
                single.setdefault(place, []).append(fault)
        return whole, single


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, node: HostileNode) -> None:
        super().__init__(("127.0.0.1", 0), Exchange)
        self.node = node

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is nothing to print about."""


class Exchange(BaseHTTPRequestHandler):
    """One HTTP exchange, as a fault of the exchange sees it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body leave in two writes: without this each answer takes 40 ms more
    node: HostileNode

    def do_POST(self) -> None:
        server: _Server = self.server  # type: ignore[assignment]
        self.node = server.node
        self.node.count(1)
        self._counted = True
        try:
            self._serve()
        finally:
            self._leave()

    def _leave(self) -> None:
        """Before the answer goes out: whoever has it may ask the next question at once."""
        if self._counted:
            self._counted = False
            self.node.count(-1)

    def _serve(self) -> None:
        document = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._batched = isinstance(document, list)
        self._asked = [Asked(each["method"], each.get("params", []), each["id"])
                       for each in (document if self._batched else [document])]  # fmt: skip
        fault, self._single = self.node.judge(self._asked)
        if fault is not None and fault.exchange is not None:
            fault.exchange(self)
        else:
            self.send(self.reply())

    def reply(self) -> bytes:
        """Forward every call; what a truthful (or single-answer faulty) node would send back."""
        answers = [self._answer(place, each) for place, each in enumerate(self._asked)]
        return json.dumps(answers if self._batched else answers[0]).encode()

    def _answer(self, place: int, asked: Asked) -> Reply:
        def forward() -> Reply:
            return self.node.forward(asked)

        act: Forward = forward
        for fault in self._single.get(place, []):
            act = _bent(self.node, fault, asked, act)
        reply = act()
        return {"jsonrpc": "2.0", "id": reply.pop("id", asked.number), **reply}

    def send(self, body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self._leave()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def hang_up(self, *, reset: bool = False) -> None:
        """Close without a word; ``reset`` so that the other side gets ECONNRESET."""
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        self.close_connection = True

    def finish(self) -> None:
        try:
            super().finish()
        except (OSError, ValueError):
            self.close_connection = True  # it was reset

    def log_message(self, *_: Any) -> None: ...


def _bent(node: HostileNode, fault: Fault, asked: Asked, act: Forward) -> Forward:
    assert fault.answer is not None
    bend = fault.answer
    return lambda: bend(node, asked, act)
