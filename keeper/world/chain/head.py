"""The chain's newest block and what a transaction would tip, in one exchange."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from keeper.errors import RpcError
from keeper.model.observation import Block
from keeper.world.protocols import Node


class HeadNode(Node, Protocol):
    """A node that can answer a batch call by call."""

    def batch_outcomes(self, requests: list[tuple[str, list[Any]]]) -> list[Any | RpcError]: ...


@dataclass(frozen=True, slots=True)
class Head:
    """The newest block, the priority fee, wei per gas, that the node advises after it, and how many transactions the
    owner had sent."""

    block: Block
    priority_fee_wei: int
    sent_count: int = 0


def read_head(node: HeadNode, chain_id: int, owner: str) -> Head:
    """The newest block. Without ``eth_maxPriorityFeePerGas`` the fee history is asked, then the gas price.

    On a chain without a base fee (before EIP-1559) the whole gas price stands as the base fee, and no tip.

    Raises:
        RpcError: the node does not know its newest block, or has no word at all on fees.
    """
    header, priority, count = node.batch_outcomes(
        [
            ("eth_getBlockByNumber", ["latest", False]),
            ("eth_maxPriorityFeePerGas", []),
            ("eth_getTransactionCount", [owner, "latest"]),
        ]
    )
    if isinstance(header, RpcError):
        raise header
    if isinstance(count, RpcError):
        raise count
    try:
        number, timestamp = int(header["number"], 16), int(header["timestamp"], 16)
        block_hash, base_fee = str(header["hash"]), header.get("baseFeePerGas")
        sent_count = int(count, 16)
    except (TypeError, KeyError, ValueError):
        raise RpcError("the node does not know its newest block") from None
    if base_fee is None:
        gas_price = int(node.request("eth_gasPrice", []), 16)
        return Head(Block(chain_id, number, block_hash, timestamp, gas_price), 0, sent_count)
    block = Block(chain_id, number, block_hash, timestamp, int(base_fee, 16))
    if isinstance(priority, str):
        return Head(block, int(priority, 16), sent_count)
    return Head(block, _priority_from_history(node, block.base_fee_wei), sent_count)


def _priority_from_history(node: Node, base_fee_wei: int) -> int:
    """The median of what the last ten blocks' median transaction tipped."""
    try:
        history = node.request("eth_feeHistory", ["0xa", "latest", [50]])
        tips = sorted(int(reward[0], 16) for reward in history["reward"])
        return tips[len(tips) // 2]
    except (RpcError, KeyError, TypeError, IndexError, ValueError):
        return max(0, int(node.request("eth_gasPrice", []), 16) - base_fee_wei)
