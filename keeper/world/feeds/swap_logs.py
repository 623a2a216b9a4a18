"""Reading a pool's events through ``eth_getLogs``, in pieces as large as the node will give."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

from keeper.errors import RpcError, TransientError
from keeper.model.ticks import MAX_SQRT_PRICE_X96, MAX_TICK, MIN_SQRT_PRICE_X96, MIN_TICK
from keeper.world.chain import codec
from keeper.world.feeds.log_spans import FIRST_BLOCKS, QUICK_SECONDS, LogSpans, OldLogsRefusedError
from keeper.world.feeds.swaps import MarkKind, PoolMark, PoolSwap, TapeBlock, TapePiece

_MOST_LOGS: Final = 1 << 31
_HEADERS_A_BATCH: Final = 50
_SWAP, _BIRTH, _CUT, _FLASH = (
    codec.TOPICS[name]
    for name in (
        "Swap(address,address,int256,int256,uint160,uint128,int24)", "Initialize(uint160,int24)",
        "SetFeeProtocol(uint8,uint8,uint8,uint8)", "Flash(address,address,uint256,uint256,uint256,uint256)",
    )
)  # fmt: skip
_WORDS: Final = {_SWAP: 5, _BIRTH: 2, _CUT: 4, _FLASH: 4}

__all__ = ["OldLogsRefusedError", "SwapLogs"]


class LogNode(Protocol):
    """A node that can answer a batch call by call."""

    def batch_outcomes(self, requests: Sequence[tuple[str, Sequence[Any]]]) -> list[Any | RpcError]: ...


class SwapLogs:
    """The events of one pool. How many blocks are asked for at once is learnt from the node's answers."""

    def __init__(
        self,
        node: LogNode,
        pool_address: str,
        *,
        first_blocks: int = FIRST_BLOCKS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.node = node
        self._pool = pool_address.lower()
        self._spans = LogSpans(first_blocks, clock)
        self._clock = clock

    @property
    def blocks(self) -> int:
        """How many blocks the next piece may have."""
        return self._spans.blocks

    def read_down_from(self, last_block: int, lowest_block: int, deadline: float) -> TapePiece:
        """The events of ``last_block`` and of as many blocks below it as the node gives at once, down to a lowest one.

        Smaller pieces are tried until ``deadline`` (of the clock).

        Raises:
            OldLogsRefusedError: the node has no logs of that time.
            TransientError: no usable answer, or one that contradicts itself.
        """
        while True:
            first_block = max(lowest_block, last_block - self.blocks + 1)
            span = last_block - first_block + 1
            began = self._spans.begin()
            try:
                piece, count = self._read(first_block, last_block, max(deadline, began + QUICK_SECONDS))
            except TransientError as error:
                if not self._spans.learns_from(error, span) or self._clock() >= deadline:
                    raise
                continue
            if self._spans.takes(count, span, began):
                return piece

    def headers(self, numbers: Iterable[int], deadline: float = math.inf) -> list[TapeBlock]:
        """The chain's own blocks of these numbers, in order; TransientError where ``deadline`` passes meanwhile. Errors
        as ``read_down_from``."""
        wanted = list(numbers)
        found: list[TapeBlock] = []
        for start in range(0, len(wanted), _HEADERS_A_BATCH):
            asked = wanted[start : start + _HEADERS_A_BATCH]
            if start and self._clock() >= deadline:
                raise TransientError(f"the node did not give the headers of {len(wanted)} blocks in time")
            replies = self.node.batch_outcomes([("eth_getBlockByNumber", [hex(number), False]) for number in asked])
            found += [_block(reply, number) for reply, number in zip(replies, asked, strict=True)]
        return found

    def _read(self, first_block: int, last_block: int, deadline: float) -> tuple[TapePiece, int]:
        """The piece, and how many logs the node sent. Its last block is asked for after the logs: where it still has
        the hash that the caller expects, the logs belong to that chain."""
        wanted = {
            "address": self._pool, "fromBlock": hex(first_block), "toBlock": hex(last_block),
            "topics": [[_SWAP, _BIRTH, _CUT, _FLASH]],
        }  # fmt: skip
        answers: list[Any] = self.node.batch_outcomes(
            [
                ("eth_getLogs", [wanted]),
                ("eth_getBlockByNumber", [hex(first_block), False]),
                ("eth_getBlockByNumber", [hex(last_block), False]),
            ]
        )
        logs, first, last = answers
        if isinstance(logs, RpcError):
            raise logs
        lowest, highest = _block(first, first_block), _block(last, last_block)
        try:
            rows = [_Row(log) for log in logs]
        except (LookupError, TypeError, ValueError, AttributeError):
            raise RpcError("eth_getLogs: the node sent something that is not a log") from None
        rows.sort(key=lambda row: (row.block_number, row.log_index))
        self._check(rows, lowest, highest)
        stamps = self._timestamps(rows, (lowest, highest), deadline)
        swaps = tuple(_swap(row, stamps[row.block_number]) for row in rows if row.topic == _SWAP)
        marks = tuple(_mark(row, stamps[row.block_number]) for row in rows if row.topic != _SWAP)
        if not all(map(_is_possible, swaps)):
            raise RpcError("eth_getLogs: the node sent swaps that no pool can have made")
        return TapePiece(lowest, str(first.get("parentHash")).lower(), highest, swaps, marks), len(rows)

    def _check(self, rows: Sequence[_Row], lowest: TapeBlock, highest: TapeBlock) -> None:
        ends = {lowest.number: lowest.hash, highest.number: highest.hash}
        places = {(row.block_number, row.log_index) for row in rows}
        good = len(places) == len(rows) and all(
            lowest.number <= row.block_number <= highest.number
            and ends.get(row.block_number, row.block_hash) == row.block_hash
            and row.address == self._pool
            and len(row.data) == codec.WORD * _WORDS.get(row.topic, 0)
            and row.log_index < _MOST_LOGS
            and not row.removed
            for row in rows
        )
        if not good:
            raise RpcError(
                f"eth_getLogs: what the node sent for blocks {lowest.number} to {highest.number} does not fit them"
            )

    def _timestamps(self, rows: Sequence[_Row], ends: Sequence[TapeBlock], deadline: float) -> dict[int, int]:
        """By block: as the logs say (newer nodes), else from the headers, as far as ``deadline`` allows."""
        known = {block.number: block.timestamp for block in ends}
        known |= {row.block_number: row.timestamp for row in rows if row.timestamp is not None}
        hashes = {row.block_number: row.block_hash for row in rows}
        for block in self.headers(sorted(hashes.keys() - known.keys()), deadline):
            if block.hash != hashes[block.number]:
                raise TransientError(f"block {block.number} was replaced while it was being read")
            known[block.number] = block.timestamp
        if any(not ends[0].timestamp <= stamp <= ends[1].timestamp for stamp in known.values()):
            raise RpcError("eth_getLogs: the node's logs have timestamps outside their blocks")
        return known


class _Row:
    """One log as the node sent it."""

    __slots__ = ("address", "block_hash", "block_number", "data", "log_index", "removed", "timestamp", "topic")

    def __init__(self, log: Mapping[str, Any]) -> None:
        self.address = log["address"].lower()
        self.topic = log["topics"][0].lower()
        self.data = bytes.fromhex(log["data"][2:])
        self.block_number = int(log["blockNumber"], 16)
        self.block_hash = log["blockHash"].lower()
        self.log_index = int(log["logIndex"], 16)
        self.removed = bool(log.get("removed"))
        stamp = log.get("blockTimestamp")
        self.timestamp = None if stamp is None else int(stamp, 16)


def _swap(row: _Row, timestamp: int) -> PoolSwap:
    amount_0, amount_1 = codec.signed(row.data, 0), codec.signed(row.data, 1)
    price_x96, liquidity, tick = codec.unsigned(row.data, 2), codec.unsigned(row.data, 3), codec.signed(row.data, 4)
    place = row.block_number, row.log_index, row.block_hash, timestamp
    return PoolSwap(*place, amount_0, amount_1, price_x96, liquidity, tick)


def _is_possible(swap: PoolSwap) -> bool:
    return (
        MIN_TICK <= swap.tick <= MAX_TICK
        and MIN_SQRT_PRICE_X96 <= swap.sqrt_price_x96 < MAX_SQRT_PRICE_X96
        and swap.liquidity < 1 << 128
    )


def _mark(row: _Row, timestamp: int) -> PoolMark:
    words = codec.words(row.data)
    kind: MarkKind = "flash"
    if row.topic == _BIRTH:
        kind, values = "initialize", (words[0], codec.signed(row.data, 1))
    elif row.topic == _CUT:
        kind, values = "fee_protocol", (words[0] + (words[1] << 4), words[2] + (words[3] << 4))
    else:
        values = words[2], words[3]
    return PoolMark(row.block_number, row.log_index, timestamp, kind, *values)


def _block(reply: Any, number: int) -> TapeBlock:
    if isinstance(reply, RpcError):
        raise reply
    if int(reply["number"], 16) != number:
        raise RpcError(f"the node answered block {number} with another")
    return TapeBlock(number, str(reply["hash"]).lower(), int(reply["timestamp"], 16))
