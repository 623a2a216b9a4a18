"""Everything that can be wrong with a Transaction Service, for ``TransactionService.on``."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from tests.safe.transaction_service import Exchange, Fault


def down() -> Fault:
    """It hangs up without a word, and does nothing."""
    return lambda exchange: exchange.hang_up()


def lost_reply() -> Fault:
    """It does what it was asked, and then nobody hears of it."""

    def strike(exchange: Exchange) -> None:
        exchange.honest()
        exchange.hang_up()

    return strike


def late(seconds: float) -> Fault:
    """It does what it was asked at once, and says so late."""

    def strike(exchange: Exchange) -> None:
        answer = exchange.honest()
        exchange.service.stopping.wait(seconds)
        try:
            exchange.reply(*answer)
        except OSError:
            exchange.hang_up()

    return strike


def status(code: int, document: Any = None, *, retry_after: str | None = None) -> Fault:
    """An answer of this status: 401, 422, 429 with Retry-After, 500."""
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return lambda exchange: exchange.reply(code, document, headers)


def raw(body: bytes, code: int = 200, headers: Mapping[str, str] | None = None) -> Fault:
    """Any bytes."""
    return lambda exchange: exchange.send(code, body, headers)


def half_json() -> Fault:
    """An honest answer, cut in the middle."""

    def strike(exchange: Exchange) -> None:
        code, document = exchange.honest()
        body = json.dumps(document).encode()
        exchange.send(code, body[: len(body) // 2])

    return strike


def dripping(head: bytes = b"HTTP/1.1 200 OK\r\nX-Long: ", pause_seconds: float = 0.05) -> Fault:
    """Some bytes, and then one at a time for ever: no single read waits long."""

    def strike(exchange: Exchange) -> None:
        exchange.close_connection = True
        try:
            exchange.wfile.write(head)
            while not exchange.service.stopping.wait(pause_seconds):
                exchange.wfile.write(b"a")
        except OSError:
            return

    return strike


def lying(edit: Callable[[dict[str, Any]], dict[str, Any] | None]) -> Fault:
    """An honest answer in which each transaction was edited; None leaves it out."""

    def strike(exchange: Exchange) -> None:
        code, document = exchange.honest()
        if code == 200 and "results" in document:
            edited = [row for each in document["results"] if (row := edit(dict(each))) is not None]
            document = {**document, "results": edited, "count": len(edited)}
        elif code == 200:
            row = edit(dict(document))
            code, document = (200, row) if row is not None else (404, {"detail": "No MultisigTransaction matches."})
        exchange.reply(code, document)

    return strike


def edited(**changes: Any) -> Fault:
    """Fields by their JSON names."""
    return lying(lambda row: {**row, **changes})


def dropped() -> Fault:
    """As if it had never seen the transaction."""
    return lying(lambda _row: None)
