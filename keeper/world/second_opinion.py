"""A second node's word on what the first one said, at the same block hash: one that lies must not steer money alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any, Final

from keeper.errors import RpcError, TransientError
from keeper.model.observation import Block, MissingInput, PoolState
from keeper.world.protocols import Node
from keeper.world.v3.state import Reading, StateReader

DISAGREES: Final = "second_opinion"
ABSENT: Final = "second_opinion_absent"

_TRIES: Final = 4
_PAUSE_SECONDS: Final = 0.75
# The words of the contracts for what a person would look up there.
_SLOT0: Final = ("sqrt_price_x96", "tick", "fee_protocol", "observation_cardinality")


class SecondOpinion:
    """Reads everything again through another node. ``sleep`` takes seconds: the second node may be a block behind."""

    def __init__(self, node: Node, reader: StateReader, *, sleep: Callable[[float], object] = time.sleep) -> None:
        self._node, self._reader, self._sleep = node, reader, sleep

    def on(self, block: Block, reading: Reading) -> MissingInput | None:
        """None when both nodes say the same. ``second_opinion``: they do not; ``second_opinion_absent``: the second
        one cannot tell. Never raises for what the second node does."""
        try:
            header = self._header(block.hash)
            if header is None:
                return MissingInput(ABSENT, f"not available: the second node does not know block {block.number} yet")
            again = self._reader.read(block.hash)
            different = [*_header_differences(block, header), *_differences(reading, again)]
        except TransientError as error:
            return MissingInput(ABSENT, f"not available: {error}")
        except (KeyError, TypeError, ValueError, AttributeError):
            return MissingInput(ABSENT, "not available: the second node does not answer as a node does")
        if not different:
            return None
        return MissingInput(DISAGREES, f"the two nodes disagree on {', '.join(different)} at block {block.number}")

    def _header(self, block_hash: str) -> Any:
        for attempt in range(_TRIES):
            if attempt:
                self._sleep(_PAUSE_SECONDS)
            try:
                header = self._node.request("eth_getBlockByHash", [block_hash, False])
            except RpcError:
                header = None  # some nodes say "not found" in these words
            if header is not None:
                return header
        return None


def _header_differences(block: Block, header: Any) -> Iterator[str]:
    base_fee = header.get("baseFeePerGas")
    told = (int(header["number"], 16), int(header["timestamp"], 16))
    fee_differs = base_fee is not None and int(base_fee, 16) != block.base_fee_wei
    if told != (block.number, block.timestamp) or fee_differs:
        yield "the block's header"


def _differences(one: Reading, other: Reading) -> Iterator[str]:
    """What differs, by the names of the contracts."""
    names = [each.name for each in fields(PoolState) if getattr(one.pool, each.name) != getattr(other.pool, each.name)]
    if any(name in _SLOT0 for name in names):
        yield "slot0"
    yield from (name.replace("_", " ") for name in names if name not in _SLOT0)
    if one.twaps != other.twaps:
        yield "the mean prices"
    if one.positions != other.positions:
        yield "the positions"
    if one.wallet != other.wallet:
        yield "the wallet"
