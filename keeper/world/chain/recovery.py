"""Noticing that a reorganisation took a final transaction out of the chain.

"Final" is a depth, not a proof. So before each cycle the strategy's transactions of the last blocks are looked up
again; one that is no longer where it was becomes live once more, with everything that was booked of it taken back, and
the normal way of settling brings it to its end: the same bytes again, or its nonce taken back.
"""

from __future__ import annotations

from typing import Final

from keeper.errors import TransientError
from keeper.world.chain import sights
from keeper.world.journal.attempts import StoredTransaction
from keeper.world.journal.transactions import TransactionLog
from keeper.world.protocols import Node

WATCHED_BLOCKS: Final = 128


def revive_undone(node: Node, log: TransactionLog, strategy: str, chain_id: int) -> int:
    """Make live again what a reorganisation undid of the strategy's transactions on the node's chain; how many there
    were.

    Raises:
        TransientError: the node does not answer what was asked, or shows neither the old chain nor a new one as long.
    """
    recent = log.recent_final(strategy, chain_id, WATCHED_BLOCKS)
    if not recent:
        return 0
    hashes = [_mined_hash(transaction) for transaction in recent]
    requests = [("eth_getTransactionReceipt", [each]) for each in hashes]
    with sights.plain_answers():
        head, *receipts = node.batch([("eth_blockNumber", []), *requests])
        undone = [
            transaction
            for transaction, receipt in zip(recent, receipts, strict=True)
            if receipt is None or receipt["blockHash"] != transaction.block_hash
        ]
        for transaction in undone:
            _require_other_chain(node, transaction, int(head, 16))
    for transaction in undone:
        log.record_undone(transaction.id)
    return len(undone)


def _require_other_chain(node: Node, transaction: StoredTransaction, head_number: int) -> None:
    """A node that lags, or has lost its index of receipts, is no reorganisation."""
    number, where = transaction.block_number, f"transaction {_mined_hash(transaction)}"
    assert number is not None
    if head_number < number:
        raise TransientError(
            f"the node's newest block is {head_number}, but {where} was mined in block {number}: it lags behind, or "
            "the chain is being reorganised"
        )
    block = node.request("eth_getBlockByNumber", [hex(number), False])
    if block is None or block["hash"] == transaction.block_hash:
        raise TransientError(f"the node does not show the receipt of {where} that it showed before")


def _mined_hash(transaction: StoredTransaction) -> str:
    assert transaction.ending is not None
    return str(transaction.ending.receipt["transactionHash"])
