"""A pool that keeps transactions from being mined, by geth's rules: for what is stuck, bumped and cancelled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.faults.proxy import Asked, Fault, Forward, HostileNode, Reply
from tests.faults.signed_bytes import Signed, read_signed


@dataclass
class HeldPool:
    """Takes every transaction and shows it as pending; hands on only those that ``mines`` lets through.

    A replacement must offer a tenth more of both fees; the first ``refusals`` of them are refused whatever they offer.
    ``accepted`` are the raw bytes that were taken for each nonce, oldest first.
    """

    node: HostileNode
    mines: Callable[[Signed, int], bool] = lambda _signed, _times: False
    refusals: int = 0
    accepted: dict[int, list[bytes]] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.node.on("eth_sendRawTransaction", Fault("held in the pool", self._take))
        self.node.on("eth_getTransactionByHash", Fault("shown as pending", self._show))

    def release(self) -> None:
        """The newest attempt of each nonce goes to the chain, and nothing is held any more."""
        self.mines = lambda _signed, _times: True
        for tries in self.accepted.values():
            self.node.forward(Asked("eth_sendRawTransaction", ["0x" + tries[-1].hex()], 0))

    def _take(self, _node: HostileNode, asked: Asked, forward: Forward) -> Reply:
        raw = bytes.fromhex(asked.params[0][2:])
        fresh = read_signed(raw)
        tries = self.accepted.setdefault(fresh.nonce, [])
        if raw in tries:
            return self._refuse("already known")
        if tries:
            old = read_signed(tries[-1])
            fees = (fresh.max_fee_wei, old.max_fee_wei), (fresh.max_priority_fee_wei, old.max_priority_fee_wei)
            self.refusals -= 1
            if self.refusals >= 0 or any(now * 100 < was * 110 for now, was in fees):
                return self._refuse("replacement transaction underpriced")
        tries.append(raw)
        return forward() if self.mines(fresh, len(tries)) else {"result": fresh.hash}

    def _show(self, _node: HostileNode, asked: Asked, forward: Forward) -> Reply:
        reply = forward()
        held: dict[str, Any] = {read_signed(tries[-1]).hash: {"hash": asked.params[0], "blockNumber": None}
                                for tries in self.accepted.values() if tries}  # fmt: skip
        return {"result": reply.get("result") or held.get(asked.params[0].lower())}

    def _refuse(self, message: str) -> Reply:
        self.refused.append(message)
        return {"error": {"code": -32000, "message": message}}
