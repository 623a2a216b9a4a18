"""What a node says right before a signature, and what it says of a transaction afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal

from keeper.errors import ConfigError, FatalError, RpcError
from keeper.world.chain import fees
from keeper.world.chain.fees import Fees, GasMarket
from keeper.world.chain.send_state import Seen, Tried
from keeper.world.journal.attempts import Attempt, Ending, StoredTransaction
from keeper.world.protocols import Node


@dataclass(frozen=True, slots=True)
class Head:
    """The newest block, what gas costs after it, and how many transactions the sender has in it."""

    number: int
    timestamp: int
    market: GasMarket
    nonce: int


@dataclass(frozen=True, slots=True)
class Look:
    """A transaction as the chain shows it. ``block``: number and hash of the block it is in; ``ending`` its receipt,
    which counts once the block is deep enough."""

    seen: Seen
    block: tuple[int, str] | None = None
    ending: Ending | None = None


@contextmanager
def plain_answers() -> Iterator[None]:
    """What is JSON and no answer to the question is the node's fault, to be waited out: RpcError, and no defect."""
    try:
        yield
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise RpcError(f"the node answered with something else than it was asked ({error!r})") from error


def tried(transaction: StoredTransaction) -> Sequence[Tried]:
    """Its attempts as the rules want them."""
    return [
        Tried(Fees(each.max_fee_wei, each.max_priority_fee_wei), each.signed_timestamp, each.cancels)
        for each in transaction.attempts
    ]


def require_own(transaction: StoredTransaction, address: str, chain_id: int) -> None:
    """ConfigError where it is another chain's or key's: what is seen of these says nothing of it."""
    if (transaction.chain_id, transaction.sender) != (chain_id, address.lower()):
        raise ConfigError(
            f"nonce {transaction.nonce} of {transaction.sender} on chain {transaction.chain_id} is not settled, and "
            f"the strategy now has chain {chain_id} and key {address}: put them back until it is"
        )


@plain_answers()
def read_head(node: Node, address: str, chain_id: int) -> Head:
    """What has to be known right before a signature.

    Raises:
        FatalError: the node is on another chain.
        TransientError: it does not answer, or not what was asked, or the chain has no base fee.
    """
    block, nonce, found = node.batch(
        [
            ("eth_getBlockByNumber", ["latest", False]),
            ("eth_getTransactionCount", [address, "latest"]),
            ("eth_chainId", []),
        ]
    )
    if int(found, 16) != chain_id:
        raise FatalError(
            f"the node is on chain {int(found, 16)}, the strategy on {chain_id}: nothing was signed; "
            "correct the rpc URL"
        )
    number, timestamp = int(block["number"], 16), int(block["timestamp"], 16)
    return Head(number, timestamp, _market(node, block), int(nonce, 16))


@plain_answers()
def look_at(node: Node, address: str, transaction: StoredTransaction, confirmations: int) -> Look:
    """The chain's word on a transaction: its receipt, its place in the pool, its nonce.

    TransientError where the node does not answer or contradicts itself.
    """
    last = transaction.attempts[-1]
    hashes = [("eth_getTransactionReceipt", [attempt.hash]) for attempt in transaction.attempts]
    # The nonce comes first: a transaction mined between the two answers then shows its receipt.
    count, head, pooled, *receipts = node.batch(
        [
            ("eth_getTransactionCount", [address, "latest"]),
            ("eth_getBlockByNumber", ["latest", False]),
            ("eth_getTransactionByHash", [last.hash]),
            *hashes,
        ]
    )
    number, nonce = int(head["number"], 16), int(count, 16)
    offered = fees.offer(_base_fee(head), last.max_priority_fee_wei, None)
    assert offered is not None  # there is no ceiling
    seen = Seen(number, int(head["timestamp"], 16), offered, in_pool=pooled is not None)
    for attempt, receipt in zip(transaction.attempts, receipts, strict=True):
        if receipt is not None and receipt["transactionHash"].lower() == attempt.hash:
            return _included(node, seen, attempt, receipt)
    if nonce <= transaction.nonce:
        return Look(replace(seen, gap=nonce < transaction.nonce))
    deep = max(0, number - confirmations + 1)
    final_count = int(node.request("eth_getTransactionCount", [address, hex(deep)]), 16)
    return Look(replace(seen, used=True, used_finally=final_count > transaction.nonce))


def _included(node: Node, seen: Seen, attempt: Attempt, receipt: Mapping[str, Any]) -> Look:
    """A receipt counts when its block is the canonical one at its height."""
    block = node.request("eth_getBlockByNumber", [receipt["blockNumber"], False])
    if block is None or block["hash"] != receipt["blockHash"]:
        raise RpcError(f"the node shows a receipt in block {receipt['blockHash']}, which is not part of its chain")
    number, succeeded = int(receipt["blockNumber"], 16), int(receipt["status"], 16) == 1
    paid = int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16)  # the books and the limits need it
    if paid < 0 or not isinstance(receipt["logs"], list):
        raise RpcError(f"the node's receipt of {attempt.hash} is none")
    state: Literal["FINAL_OK", "FINAL_REVERTED", "CANCELLED"] = "FINAL_OK" if succeeded else "FINAL_REVERTED"
    ending = Ending("CANCELLED" if attempt.cancels else state, receipt, int(block["timestamp"], 16))
    return Look(replace(seen, mined_in=number), (number, str(receipt["blockHash"])), ending)


def _market(node: Node, block: Mapping[str, Any]) -> GasMarket:
    """From the fee history; a node that does not keep one is asked for its advice."""
    try:
        request = [hex(fees.HISTORY_BLOCKS), "latest", [fees.TIP_PERCENTILE]]
        history, advised = node.batch([("eth_feeHistory", request), ("eth_maxPriorityFeePerGas", [])])
        return fees.market(history, int(advised, 16))
    except (RpcError, KeyError, IndexError, TypeError, ValueError):
        return GasMarket(_base_fee(block), int(node.request("eth_maxPriorityFeePerGas", []), 16))


def _base_fee(block: Mapping[str, Any]) -> int:
    """The base fee of the block after this one."""
    if block.get("baseFeePerGas") is None:
        raise RpcError("the chain's blocks have no base fee: chains before EIP-1559 are not supported")
    figures = (int(block[name], 16) for name in ("baseFeePerGas", "gasUsed", "gasLimit"))
    return fees.next_base_fee(*figures)
