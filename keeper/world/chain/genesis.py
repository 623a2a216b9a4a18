"""Is it the same chain as ever? Its first block tells: a chain id can be claimed by anybody."""

from __future__ import annotations

from collections.abc import Callable

from keeper.errors import FatalError, RpcError
from keeper.world.protocols import Node


def check_genesis(node: Node, chain_id: int, remembered: Callable[[int, str], str]) -> None:
    """Hold block 0's hash against the one first seen; ``remembered(chain_id, hash)`` keeps the first and returns it.

    A node that has no block 0 to show cannot be checked.

    Raises:
        FatalError: another chain with the same id.
        TransientError: the node does not answer.
    """
    try:
        block = node.request("eth_getBlockByNumber", ["0x0", False])
        found = str(block["hash"]).lower()
    except (RpcError, TypeError, KeyError):
        return
    expected = remembered(chain_id, found)
    if found != expected:
        raise FatalError(
            f"the node's chain {chain_id} begins with block {found}, the journal was begun on one that begins with "
            f"{expected}: it is another chain with the same id. Correct the rpc URL, or give this chain a journal of "
            "its own with `journal:` in keeper.yaml"
        )
