"""What can go wrong with a node. Each is a ``Fault`` for ``HostileNode.on``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from tests.faults.proxy import Asked, Exchange, Fault, Forward, HostileNode, Reply, SentBytes
from tests.faults.signed_bytes import read_signed

_SLOT0: Final = "0x3850c7bd"


def _exchange(name: str, act: Callable[[Exchange], None]) -> Fault:
    return Fault(name, exchange=act)


def _drop_reply(exchange: Exchange) -> None:
    exchange.reply()
    exchange.hang_up()


def _half_json(exchange: Exchange) -> None:
    whole = exchange.reply()
    exchange.send(whole[: len(whole) // 2])


def _huge(exchange: Exchange) -> None:
    body = exchange.reply()
    exchange.send(body + b" " * (80 << 20))


drop_reply: Final = _exchange("the reply is lost, the request was served", _drop_reply)
drop_request: Final = _exchange("the request is lost", lambda exchange: exchange.hang_up())
reset: Final = _exchange("connection reset", lambda exchange: exchange.hang_up(reset=True))
half_json: Final = _exchange("half the JSON", _half_json)
huge_body: Final = _exchange("a huge body", _huge)
not_json: Final = _exchange("a page instead of JSON", lambda exchange: exchange.send(b"<html>busy</html>"))


def status(number: int, **headers: str) -> Fault:
    """That HTTP status and nothing of use; ``Retry_After="1"`` and the like are its headers."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return _exchange(f"HTTP {number}", lambda exchange: exchange.send(b"go away", number, given))


def delay(seconds: float) -> Fault:
    """The answer comes late, or never if the node is stopped first."""

    def act(exchange: Exchange) -> None:
        if exchange.node.stopping.wait(seconds):
            exchange.hang_up()
        else:
            exchange.send(exchange.reply())

    return _exchange(f"{seconds:g} s late", act)


def hung(seconds: float = 3_600.0) -> Fault:
    """The socket stays open, and nothing comes: the request was lost."""

    def act(exchange: Exchange) -> None:
        exchange.node.stopping.wait(seconds)
        exchange.hang_up()

    return _exchange("a hung socket", act)


def refuse(message: str, code: int = -32000) -> Fault:
    """A JSON-RPC error in place of the answer; the request is not served."""
    return Fault(message, lambda _node, _asked, _forward: {"error": {"code": code, "message": message}})


already_known: Final = refuse("already known")
nonce_too_low: Final = refuse("nonce too low: next nonce 7, tx nonce 6")
underpriced: Final = refuse("replacement transaction underpriced")


def answer(change: Callable[[Any], Any], name: str = "an edited answer") -> Fault:
    """The node's own result, changed."""

    def bend(_node: HostileNode, _asked: Asked, forward: Forward) -> Reply:
        reply = forward()
        return {**reply, "result": change(reply["result"])} if "result" in reply else reply

    return Fault(name, bend)


def wrong_chain_id(chain_id: int) -> Fault:
    """For ``eth_chainId``."""
    return answer(lambda _result: hex(chain_id), f"chain id {chain_id}")


def _numbered(change: Callable[[Any], Any], name: str) -> Fault:
    return Fault(name, lambda _node, asked, forward: {**forward(), "id": change(asked.number)})


wrong_id: Final = _numbered(lambda number: number + 1_000_000, "the id of another request")
id_as_string: Final = _numbered(str, "the id as a string")


def _withhold(node: HostileNode, asked: Asked, _forward: Forward) -> Reply:
    sent = next(each for each in reversed(node.sent) if "0x" + each.raw.hex() == asked.params[0].lower())
    node.withheld.append(sent)
    return {"result": sent.hash}


withhold: Final = Fault("a transaction is accepted and forgotten", _withhold)


def lagging(blocks: int) -> Fault:
    """For "*": everything is served as it was so many blocks ago."""
    return Fault(f"{blocks} blocks behind", lambda node, asked, _forward: _as_of(
        node, asked, max(0, int(node.ask("eth_blockNumber"), 16) - blocks)))  # fmt: skip


def frozen_at(block: int) -> Fault:
    """For "*": no block after that one is ever served."""
    return Fault(f"frozen at block {block}", lambda node, asked, _forward: _as_of(node, asked, block))


def _as_of(node: HostileNode, asked: Asked, block: int) -> Reply:
    if asked.method == "eth_blockNumber":
        return {"result": hex(block)}
    params = [hex(block) if each in ("latest", "pending") else each for each in asked.params]
    reply = node.forward(Asked(asked.method, params, asked.number))
    found = reply.get("result")
    if asked.method in ("eth_getTransactionReceipt", "eth_getTransactionByHash") and isinstance(found, dict):
        mined = found.get("blockNumber")
        return {"result": None} if mined is not None and int(mined, 16) > block else reply
    return reply


def edited_slot0(pool: str, sqrt_price_x96: int, tick: int) -> Fault:
    """For ``eth_call``: the pool's price is told as another, in whatever call it is read."""

    def bend(node: HostileNode, asked: Asked, forward: Forward) -> Reply:
        reply = forward()
        if "result" not in reply or len(asked.params) < 2:
            return reply
        true = node.forward(Asked("eth_call", [{"to": pool, "data": _SLOT0}, asked.params[1]], 0)).get("result", "")
        false = sqrt_price_x96.to_bytes(32, "big").hex() + tick.to_bytes(32, "big", signed=True).hex()
        return {"result": reply["result"].replace(true[2 : 2 + 128], false)} if len(true) > 130 else reply

    return Fault("slot0 is edited", bend)


def geth_pool() -> Fault:
    """For ``eth_sendRawTransaction``: geth's rules where anvil is lax. A replacement must offer at least 10 % more of
    both fees; a known transaction and a used nonce are refused in geth's words."""
    pending: dict[tuple[str, int], SentBytes] = {}

    def bend(node: HostileNode, asked: Asked, forward: Forward) -> Reply:
        raw = bytes.fromhex(asked.params[0][2:])
        fresh = read_signed(raw)
        count = int(node.ask("eth_getTransactionCount", fresh.sender, "latest"), 16)
        if fresh.nonce < count:
            return _error(f"nonce too low: next nonce {count}, tx nonce {fresh.nonce}")
        old = pending.get((fresh.sender, fresh.nonce))
        if old is not None and _in_pool(node, old.hash):
            if old.raw == raw:
                return _error("already known")
            before = read_signed(old.raw)
            fees = (fresh.max_fee_wei, before.max_fee_wei), (fresh.max_priority_fee_wei, before.max_priority_fee_wei)
            if any(now * 100 < was * 110 for now, was in fees):
                return _error("replacement transaction underpriced")
        reply = forward()
        if "result" in reply:
            pending[fresh.sender, fresh.nonce] = SentBytes(fresh.hash, raw)
        return reply

    return Fault("geth's rules of replacement", bend)


def _in_pool(node: HostileNode, transaction_hash: str) -> bool:
    found = node.ask("eth_getTransactionByHash", transaction_hash)
    return found is not None and found.get("blockNumber") is None


def _error(message: str) -> Reply:
    return {"error": {"code": -32000, "message": message}}


STORM: Final = (
    drop_reply, drop_request, reset, half_json, not_json, status(429), status(429, Retry_After="1"), status(503),
    status(500), wrong_id, refuse("limit exceeded", -32005), delay(0.02), hung(2.0),
)  # fmt: skip
"""What a bad day brings: none of it makes a node lie, all of it makes it useless."""
