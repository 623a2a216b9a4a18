"""What others may do to a wallet behind the keeper's back, and eyes that do not see what is there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from keeper.assembly_trust import wallet_reconciler
from keeper.chainlab.calls import call_data
from keeper.errors import RpcError
from keeper.model.ledger import LedgerEntry
from keeper.world.chain.node import HttpNode
from keeper.world.journal import queries
from keeper.world.observer import ChainObserver
from keeper.world.venues.uniswap_v3 import build
from tests.policy.desk import CHAIN_ID, NAME, Desk


def as_owner(desk: Desk, to: str, signature: str, *arguments: Any, without_trace: bool = True) -> dict[str, Any]:
    """A call from the owner's address. ``without_trace`` puts nonce and gas money back, as if an approval had been
    used: only what the call changed remains."""
    rpc = desk.warm.anvil.rpc
    nonce, native = (rpc(method, desk.owner, "latest") for method in ("eth_getTransactionCount", "eth_getBalance"))
    rpc("anvil_impersonateAccount", desk.owner)
    receipt = send(desk, desk.owner, to, call_data(signature, *arguments))
    rpc("anvil_stopImpersonatingAccount", desk.owner)
    if without_trace:
        rpc("anvil_setNonce", desk.owner, nonce)
        desk.warm.anvil.set_balance(desk.owner, int(native, 16))
        desk.warm.anvil.mine()
    return receipt


def send(desk: Desk, sender: str, to: str, data: str, value_wei: int = 0) -> dict[str, Any]:
    rpc = desk.warm.anvil.rpc
    sent = {"from": sender, "to": to, "data": data, "gas": hex(6_000_000), "value": hex(value_wei)}
    digest = rpc("eth_sendTransaction", sent)
    desk.warm.anvil.mine()
    receipt = dict(rpc("eth_getTransactionReceipt", digest))
    assert receipt["status"] == "0x1", receipt
    return receipt


def with_eyes(desk: Desk, node: Any = None, **changes: Any) -> Desk:
    """The desk with another observer, and books that are held against what it sees."""
    seeing = node or HttpNode([desk.warm.anvil.url], chain_id=CHAIN_ID)
    venue = build(seeing, desk.warm.contracts, desk.warm.deployment.pool)
    settings = desk.strategy.settings
    desk.observer = ChainObserver(
        seeing, venue, desk.owner, desk.journal.samples, chain_id=CHAIN_ID,
        quote_is_token0=settings.quote == "token0", twap_windows_seconds=settings.limits.twap_windows_seconds,
        **changes,
    )  # fmt: skip
    desk.reconciler = wallet_reconciler(CHAIN_ID, settings, desk.journal, seeing, desk.observer, venue, desk.owner)
    return desk


@dataclass
class LyingNode:
    """A real node whose answers pass through ``lie`` (method, result)."""

    inner: HttpNode
    lie: Callable[[str, Any], Any]

    def request(self, method: str, params: Sequence[Any]) -> Any:
        return self.lie(method, self.inner.request(method, params))

    def batch(self, requests: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        answers = self.inner.batch(requests)
        return [self.lie(method, answer) for (method, _), answer in zip(requests, answers, strict=True)]

    def batch_outcomes(self, requests: Sequence[tuple[str, Sequence[Any]]]) -> list[Any | RpcError]:
        answers = self.inner.batch_outcomes(requests)
        return [self.lie(method, answer) for (method, _), answer in zip(requests, answers, strict=True)]

    def send_raw_transaction(self, raw: bytes) -> str:
        return str(self.inner.send_raw_transaction(raw))


def ledger(desk: Desk) -> tuple[LedgerEntry, ...]:
    with desk.journal.reading() as query:
        return queries.ledger_entries(query, CHAIN_ID, desk.owner)


def events(desk: Desk, kind: str) -> list[str]:
    with desk.journal.reading() as query:
        return [each.message for each in queries.events(query) if each.kind == kind]


def position_rows(desk: Desk) -> Mapping[int, tuple[Any, ...]]:
    """Liquidity, ending and whether it is open, by token id."""
    with desk.journal.reading() as query:
        rows = query("SELECT token_id, liquidity, ending, closed_timestamp FROM positions WHERE strategy = ?", (NAME,))
    return {int(row[0]): (int(row[1]), row[2], row[3] is None) for row in rows}


def is_exact(desk: Desk) -> bool:
    return not any(desk.difference().values())
