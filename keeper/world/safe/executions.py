"""What a Safe carried out, from its own events: the only truth about a proposal's end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from eth_utils.crypto import keccak

from keeper.errors import RpcError, TransientError
from keeper.model.safe import SafeExecution
from keeper.world.chain import codec
from keeper.world.protocols import Node

SUCCESS_TOPIC: Final = "0x" + keccak(text="ExecutionSuccess(bytes32,uint256)").hex()
FAILURE_TOPIC: Final = "0x" + keccak(text="ExecutionFailure(bytes32,uint256)").hex()
_BLOCKS_AT_ONCE: Final = 10_000


def executions(node: Node, safe: str, from_block: int, to_block: int) -> tuple[SafeExecution, ...]:
    """Every execution from one block to another, both included, oldest first.

    Asked for in pieces; where the node refuses a piece, in halves of it. The hash is indexed from 1.4.0 on and lies in
    the data before: both forms are read.

    Raises:
        RpcError: the node refuses even a single block, or answers with something else than logs.
        TransientError: it does not answer.
    """
    found: dict[tuple[str, int], SafeExecution] = {}
    for log, first, last in _logs(node, safe, from_block, to_block):
        execution = _execution(log, safe, first, last)
        found[execution.block_hash, execution.log_index] = execution
    return tuple(sorted(found.values(), key=lambda each: (each.block_number, each.log_index)))


def _logs(node: Node, safe: str, from_block: int, to_block: int) -> Iterator[tuple[Any, int, int]]:
    """Each log with the bounds of the piece it was asked for in."""
    blocks, first = _BLOCKS_AT_ONCE, from_block
    while first <= to_block:
        last = min(to_block, first + blocks - 1)
        asked = {"address": safe, "topics": [[SUCCESS_TOPIC, FAILURE_TOPIC]]}
        try:
            logs = node.request("eth_getLogs", [{**asked, "fromBlock": hex(first), "toBlock": hex(last)}])
        except RpcError:
            if first == last:
                raise
            blocks = (last - first + 1) // 2  # every provider has its own limit, and its own words for it
            continue
        if not isinstance(logs, list):
            raise TransientError("the node answered eth_getLogs with something else than logs")
        yield from ((log, first, last) for log in logs)
        first = last + 1


def _execution(log: Any, safe: str, first: int, last: int) -> SafeExecution:
    try:
        topics, data = [each.lower() for each in log["topics"]], bytes.fromhex(log["data"][2:])
        number = int(log["blockNumber"], 16)
        hashed = topics[1] if len(topics) == 2 else "0x" + data[: codec.WORD].hex()
        whole = len(topics) in (1, 2) and len(data) == codec.WORD * (3 - len(topics))
        own = log["address"].lower() == safe.lower() and not log.get("removed") and first <= number <= last
        if not (whole and own and topics[0] in (SUCCESS_TOPIC, FAILURE_TOPIC)):
            raise ValueError
        identity = [_hash(log[name]) for name in ("transactionHash", "blockHash")]
        return SafeExecution(
            _hash(hashed), topics[0] == SUCCESS_TOPIC, identity[0], number, identity[1], int(log["logIndex"], 16)
        )
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        raise RpcError("the node answered eth_getLogs with something else than the logs that were asked for") from None


def _hash(value: str) -> str:
    if len(bytes.fromhex(value.removeprefix("0x"))) != codec.WORD:
        raise ValueError(value)
    return value.lower()
