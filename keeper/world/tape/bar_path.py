"""Bars as a path of ticks with fees along it, every amount an exact integer.

A bar's path: the close before it -> open -> low -> high -> close when it rose (or stood), open -> high -> low -> close
when it fell. Where bars are missing before it the path begins at its open. Ticks only: where within a tick the price
stood is not known, so it stands at the tick's lower end.

Token1 is paid in while the price rises and token0 while it falls; each bar's fee is spread over the legs of its
direction as a constant liquidity would take it: token1 by the move of sqrt P, token0 by that of 1/sqrt P. Where there
was input without any leg of its direction it is spread over all legs alike; without any leg it falls at the bar's tick.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from keeper.model.full_math import Q192
from keeper.model.swap_step import PIPS
from keeper.model.ticks import sqrt_price_at_tick
from keeper.world.tape.events import signed, unsigned
from keeper.world.tape.tape import BarTape

_BLOCK: Final = 8_192  # bars whose integers are held at a time


@dataclass(frozen=True, slots=True)
class BarSums:
    """What a run of bars has, a list element a bar: fees to liquidity providers and what went through the pool (both
    ways, raw units), and others' active liquidity in it: the mean of what stood before and after, which halves the
    error against single events."""

    fee_0: list[int]
    fee_1: list[int]
    volume_0: list[int]
    volume_1: list[int]
    liquidity: list[int]


class BarPath:
    """The bars of a tape. ``low``/``high`` bound each bar's path, its beginning included; ``has_swaps``: anything was
    paid in. ``ends_at`` is the moment at which a bar is over (UNIX seconds), and known.

    ``fee_protocol`` is slot0's packed figure; the protocol's part of a bar's fee is rounded down once and not once a
    swap, as the bar does not tell its swaps apart.
    """

    def __init__(self, tape: BarTape, fee_pips: int, fee_protocol: int = 0) -> None:
        columns = tape.columns
        self.step_seconds = tape.step_seconds
        self.ends_at: NDArray[np.int64] = columns.timestamp + tape.step_seconds
        follows = np.zeros(len(columns), dtype=bool)
        follows[1:] = columns.timestamp[1:] == self.ends_at[:-1]
        self._follows = follows
        self.begins_at: NDArray[np.int32] = columns.open_tick.copy()
        self.begins_at[1:][follows[1:]] = columns.close_tick[:-1][follows[1:]]
        self.low: NDArray[np.int32] = np.minimum(columns.low_tick, self.begins_at)
        self.high: NDArray[np.int32] = np.maximum(columns.high_tick, self.begins_at)
        self.close: NDArray[np.int32] = columns.close_tick
        self.has_swaps: NDArray[np.bool_] = np.any(columns.in_0, axis=1) | np.any(columns.in_1, axis=1)
        self._columns = columns
        self._rest = PIPS - fee_pips
        self._cuts = fee_protocol % 16, fee_protocol >> 4
        self._block: tuple[int, BarSums] | None = None
        held = np.zeros(len(columns), dtype=np.int64)
        held[1:] = columns.close_tick[:-1].astype(np.int64) * np.diff(self.ends_at)
        self._tick_seconds = np.cumsum(held)

    def __len__(self) -> int:
        return len(self.ends_at)

    def sums(self, start: int, stop: int) -> BarSums:
        """The figures of the bars from ``start`` up to ``stop``, which is left out."""
        index = start // _BLOCK
        if stop > (index + 1) * _BLOCK:
            edge = (index + 1) * _BLOCK
            first, rest = self.sums(start, edge), self.sums(edge, stop)
            return BarSums(*(getattr(first, name) + getattr(rest, name) for name in BarSums.__slots__))
        if self._block is None or self._block[0] != index:
            self._block = index, self._figures(index * _BLOCK, min((index + 1) * _BLOCK, len(self)))
        held, at = self._block[1], index * _BLOCK
        return BarSums(*(getattr(held, name)[start - at : stop - at] for name in BarSums.__slots__))

    def liquidity(self, index: int) -> int:
        """Others' active liquidity after a bar."""
        return unsigned(self._columns.liquidity[index])

    def tick_seconds(self, timestamp: int) -> int | None:
        """The sum over time of the tick that stood, up to a moment; None before the first bar was over."""
        index = int(np.searchsorted(self.ends_at, timestamp, side="right")) - 1
        if index < 0:
            return None
        return int(self._tick_seconds[index]) + int(self.close[index]) * (timestamp - int(self.ends_at[index]))

    def stretches(self, index: int, edges: Sequence[int]) -> Iterator[tuple[int, int, int]]:
        """(tick, fee of token0, fee of token1) for each stretch into which ``edges`` (ascending ticks) cut a bar's
        path; it lies at and above ``tick`` and no edge is within. The fees sum to the bar's."""
        sums = self.sums(index, index + 1)
        low, high = int(self.low[index]), int(self.high[index])
        cuts = [low, *(edge for edge in edges if low < edge < high), high]
        legs = list(pairwise(self._points(index)))
        falls = [(after, before) for before, after in legs if after < before]
        rises = [(before, after) for before, after in legs if before < after]
        parts_0 = _parts(sums.fee_0[0], cuts, falls or rises, _inverse)
        parts_1 = _parts(sums.fee_1[0], cuts, rises or falls, sqrt_price_at_tick)
        yield from zip(cuts[:-1], parts_0, parts_1, strict=True)

    def _points(self, index: int) -> tuple[int, ...]:
        low, high = int(self._columns.low_tick[index]), int(self._columns.high_tick[index])
        opened, closed = int(self._columns.open_tick[index]), int(self.close[index])
        turns = (low, high) if closed >= opened else (high, low)
        return int(self.begins_at[index]), opened, *turns, closed

    def _figures(self, start: int, stop: int) -> BarSums:
        columns = self._columns
        in_0, in_1 = integers(columns.in_0[start:stop]), integers(columns.in_1[start:stop])
        net_0, net_1 = integers(columns.net_0[start:stop]), integers(columns.net_1[start:stop])
        return BarSums(
            self._fees(in_0, self._cuts[0]),
            self._fees(in_1, self._cuts[1]),
            [2 * paid - net for paid, net in zip(in_0, net_0, strict=True)],
            [2 * paid - net for paid, net in zip(in_1, net_1, strict=True)],
            [(before + after) // 2 for before, after in self._liquidity(start, stop)],
        )

    def _liquidity(self, start: int, stop: int) -> list[tuple[int, int]]:
        """Before and after each bar; where bars are missing before one, what stands after it counts for both."""
        after = integers(self._columns.liquidity[start:stop])
        before = [integers(self._columns.liquidity[start - 1 : start])[0] if start else 0, *after[:-1]]
        follows = self._follows[start:stop].tolist()
        return [(b if known else a, a) for b, a, known in zip(before, after, follows, strict=True)]

    def _fees(self, paid: list[int], cut: int) -> list[int]:
        """The fee in what was paid as ``SwapMath`` takes it off an exact input, less the protocol's part."""
        rest = self._rest
        fees = [each - each * rest // PIPS for each in paid]
        return [fee - fee // cut for fee in fees] if cut else fees


def _inverse(tick: int) -> int:
    """1/sqrt P as Q96, negative: it must rise with the tick like the other."""
    return -(Q192 // sqrt_price_at_tick(tick))


def _parts(fee: int, cuts: list[int], legs: list[tuple[int, int]], at: Callable[[int], int]) -> list[int]:
    """The fee of each stretch between two cuts: in proportion to what the legs (lower, upper tick) move in it."""
    moved = [
        sum(max(0, at(min(upper, cut_above)) - at(max(lower, cut))) for lower, upper in legs)
        for cut, cut_above in pairwise(cuts)
    ]
    up_to = [fee * run // sum(moved) for run in accumulate(moved, initial=0)]
    return [after - before for before, after in pairwise(up_to)]


def integers(rows: NDArray[np.uint64]) -> list[int]:
    """Rows of limbs as integers, whatever their width: unsigned for two limbs, two's complement for four."""
    low = rows[:, 0].tolist()
    if rows.shape[1] == 2:
        return [a + (b << 64) for a, b in zip(low, rows[:, 1].tolist(), strict=True)]
    high = rows[:, 1].astype(np.int64)
    sign = np.where(high < 0, np.uint64(0xFFFFFFFFFFFFFFFF), np.uint64(0))
    if (rows[:, 2] == sign).all() and (rows[:, 3] == sign).all():
        return [a + (b << 64) for a, b in zip(low, high.tolist(), strict=True)]
    return [signed(row) for row in rows]
