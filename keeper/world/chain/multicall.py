"""Many reads at ONE block hash through Multicall3, in as few exchanges as the node's gas limit for calls allows."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from keeper.errors import RpcError
from keeper.world.chain import codec
from keeper.world.protocols import Node

MULTICALL3 = "0xcA11bde05977b3631167028862bE2a173976CA11"
"""Where Multicall3 stands on nearly every chain."""

Call = tuple[str, bytes]
"""A read: target address and calldata."""

_cached_item = functools.lru_cache(maxsize=1 << 15)(codec.aggregate3_item)


_TOO_MUCH = ("out of gas", "gas limit", "gas required exceeds", "too large", "timeout", "timed out", "limit exceeded")


class Multicall:
    """Reads through Multicall3 at ``address``.

    ``chunk_calls`` bounds one ``eth_call``: some 25,000 gas a call, where nodes allow 30 to 50 million.

    Raises (from every read):
        RpcError: the node refused, or there is no Multicall3 at the address.
        TransientError: no usable answer.
    """

    def __init__(self, node: Node, address: str = MULTICALL3, *, chunk_calls: int = 500) -> None:
        self.node = node
        self.address = address
        self._chunk_calls = chunk_calls

    def read(self, calls: Sequence[Call], block_hash: str) -> list[bytes | None]:
        """What each call returns at the block; None where it reverted. One block for all of them, or an error."""
        results: list[bytes | None] = []
        for start in range(0, len(calls), self._chunk_calls):
            results += self._read_chunk(calls[start : start + self._chunk_calls], block_hash)
        return results

    def native_balance_call(self, owner: str) -> Call:
        """The read of an account's native balance, in wei."""
        return self.address, codec.call("getEthBalance(address)", owner)

    def _read_chunk(self, calls: Sequence[Call], block_hash: str) -> list[bytes | None]:
        data = codec.aggregate3([_cached_item(target, calldata) for target, calldata in calls])
        # requireCanonical: a block that a reorganisation has removed is refused instead of read (EIP-1898).
        block = {"blockHash": block_hash, "requireCanonical": True}
        try:
            reply = self.node.request("eth_call", [{"to": self.address, "data": "0x" + data.hex()}, block])
        except RpcError as error:
            if len(calls) == 1 or not _is_too_much(error):
                raise
            middle = len(calls) // 2
            return self._read_chunk(calls[:middle], block_hash) + self._read_chunk(calls[middle:], block_hash)
        try:
            results = codec.decode_aggregate3(bytes.fromhex(reply[2:]))
        except (ValueError, TypeError):
            raise RpcError(f"{self.address} does not answer as Multicall3 does; check `contracts`") from None
        if len(results) != len(calls):
            raise RpcError(f"Multicall3 answered {len(results)} of {len(calls)} calls")
        return results


def _is_too_much(error: RpcError) -> bool:
    return any(words in str(error).lower() for words in _TOO_MUCH)
