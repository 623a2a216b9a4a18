"""Which block stood at a moment, by asking for some thirty headers."""

from __future__ import annotations

from typing import Any

from keeper.errors import ConfigError, RpcError
from keeper.world.feeds.swaps import TapeBlock
from keeper.world.protocols import Node
from keeper.world.tape.checks_pool import moment


def header(node: Node, block: int | str) -> TapeBlock:
    """Number, hash and time of a block, or of the newest one (``latest``)."""
    asked = hex(block) if isinstance(block, int) else block
    reply: Any = node.request("eth_getBlockByNumber", [asked, False])
    number = int(reply["number"], 16)
    if isinstance(block, int) and number != block:
        raise RpcError(f"the node answered block {block} with another")
    return TapeBlock(number, str(reply["hash"]).lower(), int(reply["timestamp"], 16))


def first_block_at(node: Node, timestamp: int, head: TapeBlock) -> int:
    """The first block at or after a moment (UNIX seconds).

    Raises:
        ConfigError: the moment lies ahead of the newest settled block.
    """
    if timestamp > head.timestamp:
        raise ConfigError(
            f"{moment(timestamp)} is not settled yet: the newest block that is deep enough is {head.number} of "
            f"{moment(head.timestamp)}; choose an earlier time, or `--to latest`"
        )
    low, high = -1, head.number  # low is before the moment, high at or after it
    while high - low > 1:
        middle = (low + high) // 2
        if header(node, middle).timestamp >= timestamp:
            high = middle
        else:
            low = middle
    return high
