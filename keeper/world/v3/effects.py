"""What a mined transaction did to the owner's balances, to the wei, read from its receipt alone.

The pool's own events carry the amounts that moved; the position manager's tell whose they are. (The manager's
``Collect`` cannot be used for amounts: it reports what was asked for, sometimes a few wei more than the pool paid.)
Whatever the ERC-20 ``Transfer`` logs show beyond that is a deposit or a withdrawal, so the entries always add up.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from keeper.model.ledger import NATIVE, Effects, EntryKind, LedgerEntry, OpenedPosition
from keeper.world.chain.contracts import Contracts
from keeper.world.v3.identity import PoolIdentity
from keeper.world.v3.logs import Log, integer, known_logs, octets, signed_topic


def effects_of(
    contracts: Contracts, pool: PoolIdentity, receipt: Mapping[str, Any], owner: str, timestamp: int
) -> Effects:
    """The ledger entries, opened and burned positions of one receipt. A reverted one has only its gas."""
    reader = _ReceiptReader(contracts, pool, receipt, owner, timestamp)
    for log in known_logs(receipt):
        reader.take(log)
    return reader.finish()


class _ReceiptReader:
    """Goes through the logs in order, remembering what belongs to the next one."""

    def __init__(
        self, contracts: Contracts, pool: PoolIdentity, receipt: Mapping[str, Any], owner: str, timestamp: int
    ) -> None:
        self._receipt = receipt
        self._owner = int(owner, 16)
        self._manager = int(contracts.positions, 16)
        self._pool = int(pool.address, 16)
        self._tokens = (pool.token0, pool.token1)
        self._hash = "0x" + octets(receipt["transactionHash"]).hex()
        self._block = integer(receipt["blockNumber"])
        self._timestamp = timestamp
        self._entries: list[LedgerEntry] = []
        self._opened: list[OpenedPosition] = []
        self._burned: list[int] = []
        self._moved: dict[int, int] = defaultdict(int)
        self._last_transfer: dict[int, int] = {}
        self._principal: dict[int, tuple[int, int, int]] = {}
        self._pool_mint: Log | None = None
        self._pool_collect: Log | None = None
        self._new_nft: int | None = None

    def take(self, log: Log) -> None:
        """Dispatches on who emitted the log."""
        if log.address == self._manager:
            self._take_from_manager(log)
        elif log.address == self._pool:
            self._take_from_pool(log)
        elif log.name.startswith("Transfer"):
            self._take_transfer(log)

    def finish(self) -> Effects:
        """Adds what is left to explain, and the gas."""
        for at, token in enumerate(self._tokens):
            explained = sum(entry.amount for entry in self._entries if entry.token == token.address)
            rest = self._moved[at] - explained
            if rest:
                kind: EntryKind = "deposit" if rest > 0 else "withdrawal"
                self._add(kind, at, rest, None, self._last_transfer.get(at, -1))
        gas_wei = self._gas_wei()
        if gas_wei:
            self._entries.append(
                LedgerEntry("gas", NATIVE, -gas_wei, None, self._hash, -1, self._block, self._timestamp)
            )
        return Effects(tuple(self._entries), tuple(self._opened), tuple(self._burned))

    def _gas_wei(self) -> int:
        """What the owner paid for it: nothing if somebody else sent it. ``l1Fee`` is an OP-stack chain's."""
        if int(self._receipt["from"], 16) != self._owner:
            return 0
        used, price = integer(self._receipt["gasUsed"]), integer(self._receipt["effectiveGasPrice"])
        return used * price + integer(self._receipt.get("l1Fee") or 0)

    def _take_from_manager(self, log: Log) -> None:
        if log.name.startswith("Transfer"):
            giver, taker, token_id = log.topics
            if giver == 0 and taker == self._owner:
                self._new_nft = token_id
            elif taker == 0:
                self._burned.append(token_id)
        elif log.name.startswith("IncreaseLiquidity"):
            self._take_increase(log)
        elif log.name.startswith("DecreaseLiquidity"):
            before = self._principal.get(log.topics[0], (0, 0, 0))
            self._principal[log.topics[0]] = before[0] + log.unsigned(1), before[1] + log.unsigned(2), log.index
        elif log.name.startswith("Collect(uint256"):
            self._take_collect(log)

    def _take_from_pool(self, log: Log) -> None:
        if log.name.startswith("Mint") and log.topics[0] == self._manager:
            self._pool_mint = log
        elif log.name.startswith("Collect(address") and log.topics[0] == self._manager:
            self._pool_collect = log
        elif log.name.startswith("Swap") and log.topics[1] == self._owner:
            for at in (0, 1):
                self._add("swap", at, -log.signed(at), None, log.index)

    def _take_transfer(self, log: Log) -> None:
        for at, token in enumerate(self._tokens):
            if log.address == token.sort_key and len(log.topics) == 2:
                giver, taker = log.topics
                delta = log.unsigned(0) * ((taker == self._owner) - (giver == self._owner))
                if delta:
                    self._moved[at] += delta
                    self._last_transfer[at] = log.index

    def _take_increase(self, log: Log) -> None:
        """The pool's Mint just before it says which pool and ticks; a mint's NFT was transferred in between."""
        minted, self._pool_mint = self._pool_mint, None
        new_nft, self._new_nft = self._new_nft, None
        if minted is None:  # another pool's
            return
        token_id = log.topics[0]
        liquidity, *amounts = (log.unsigned(word) for word in range(3))
        for at, amount in enumerate(amounts):
            self._add("mint", at, -amount, token_id, log.index)
        if new_nft == token_id:
            lower, upper = signed_topic(minted.topics[1]), signed_topic(minted.topics[2])
            self._opened.append(OpenedPosition(token_id, lower, upper, liquidity, *amounts))

    def _take_collect(self, log: Log) -> None:
        """What the pool paid: principal decreased in this transaction first, the rest is fees."""
        paid, self._pool_collect = self._pool_collect, None
        if paid is None or int.from_bytes(paid.data[:32], "big") != self._owner:
            return
        token_id = log.topics[0]
        *owed, decrease_index = self._principal.pop(token_id, (0, 0, log.index))
        for at in (0, 1):
            collected = paid.unsigned(1 + at)
            principal = min(owed[at], collected)
            self._add("decrease", at, principal, token_id, decrease_index)
            self._add("collect", at, collected - principal, token_id, log.index)

    def _add(self, kind: EntryKind, at: int, amount: int, token_id: int | None, log_index: int) -> None:
        if amount:
            self._entries.append(
                LedgerEntry(
                    kind,
                    self._tokens[at].address,
                    amount,
                    token_id,
                    self._hash,
                    log_index,
                    self._block,
                    self._timestamp,
                )
            )
