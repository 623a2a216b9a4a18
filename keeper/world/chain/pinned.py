"""Reads at one block which are made at most once, however often and from wherever they are asked for."""

from __future__ import annotations

from collections.abc import Iterable

from keeper.errors import RpcError
from keeper.world.chain.multicall import Call, Multicall


class PinnedReads:
    """``fetch`` what is going to be needed in as few exchanges as possible, then take it with ``get``.

    What was taken at one block is a good guess of what the next block's reader will need: see ``taken``.
    """

    def __init__(self, multicall: Multicall, block_hash: str) -> None:
        self._multicall = multicall
        self._block_hash = block_hash
        self._results: dict[Call, bytes | None] = {}
        self._taken: dict[Call, None] = {}
        self.exchanges = 0

    @property
    def taken(self) -> tuple[Call, ...]:
        """Every call whose result was used."""
        return tuple(self._taken)

    def fetch(self, calls: Iterable[Call]) -> None:
        """Makes those of the calls that have not been made yet."""
        missing = [call for call in dict.fromkeys(calls) if call not in self._results]
        if missing:
            self.exchanges += 1
            self._results.update(zip(missing, self._multicall.read(missing, self._block_hash), strict=True))

    def get(self, call: Call) -> bytes | None:
        """The result of a fetched call, None where it reverted."""
        self._taken[call] = None
        return self._results[call]

    def must(self, call: Call, what: str) -> bytes:
        """The result of a call that has to succeed.

        Raises:
            RpcError: it reverted or returned nothing.
        """
        result = self.get(call)
        if not result:
            raise RpcError(f"{call[0]} does not answer {what}")
        return result
