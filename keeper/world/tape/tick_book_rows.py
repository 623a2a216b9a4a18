"""The events of a tape that matter for a question, picked in columns: the others never become Python objects.

Most swaps of a long tape end in the interval where they began, or stay outside a range. They change nothing but the
price, so of a run of them only the last is needed: it is where the next event begins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from keeper.world.tape.events import EventBatch, EventKind, TapeEvent
from keeper.world.tape.tape import EventTape

NO_TICK: Final = np.iinfo(np.int64).max

Mask = NDArray[np.bool_]
Wanted = Callable[[EventBatch, NDArray[np.int64]], Mask]
"""Which swaps of a batch are wanted, given the tick before each row (NO_TICK: not known)."""


class TapeRows:
    """(index, event, wanted) of every wanted swap, of every event that is no swap, and of the swap before each of them.

    ``index`` counts all events of the tape from 0. A swap that is not wanted only says where the pool stood after it:
    those before it may be missing. Can be walked again. ``progress`` hears the block after each batch.
    """

    def __init__(self, tape: EventTape, wanted: Wanted, progress: Callable[[int], None] | None = None) -> None:
        self._tape, self._wanted, self._progress = tape, wanted, progress

    def __iter__(self) -> Iterator[tuple[int, TapeEvent, bool]]:
        start, tick = 0, int(NO_TICK)
        for batch in self._tape.batches():
            before, tick = _ticks_before(batch, tick)
            swaps = batch.kind == EventKind.SWAP
            wanted = ~swaps | self._wanted(batch, before)
            kept = wanted.copy()
            kept[:-1] |= wanted[1:]
            kept[-1:] = True
            for index, event in _events(batch, np.flatnonzero(kept)):
                yield start + index, event, bool(wanted[index])
            start += len(batch)
            if self._progress is not None:
                self._progress(int(batch.block_number[-1]))


class PlainEvents:
    """The events alone."""

    def __init__(self, rows: TapeRows) -> None:
        self._rows = rows

    def __iter__(self) -> Iterator[TapeEvent]:
        return (event for _, event, _ in self._rows)


def other_interval(tick_spacing: int) -> Wanted:
    """Swaps that end in another interval than they began in: all that the shape of a book is read from."""

    def wanted(batch: EventBatch, before: NDArray[np.int64]) -> Mask:
        reached = batch.tick.astype(np.int64) // tick_spacing
        return np.asarray((before == NO_TICK) | (before // tick_spacing != reached))

    return wanted


def touching(lower_tick: int, upper_tick: int, after: tuple[int, int], until: tuple[int, int]) -> Wanted:
    """Swaps in a span (its start left out) that begin in a range, end there, or pass it."""

    def wanted(batch: EventBatch, before: NDArray[np.int64]) -> Mask:
        tick = batch.tick.astype(np.int64)
        outside = ((tick < lower_tick) & (before < lower_tick)) | ((tick >= upper_tick) & (before >= upper_tick))
        # Without a tick before it a swap may have begun anywhere.
        return np.asarray(in_span(batch, after, until) & (~outside | (before == NO_TICK)))

    return wanted


def in_span(batch: EventBatch, after: tuple[int, int], until: tuple[int, int]) -> Mask:
    """Rows after one place (left out) up to another (taken in), both (block, log index)."""
    block, log = batch.block_number, batch.log_index
    begun = (block > after[0]) | ((block == after[0]) & (log > after[1]))
    return np.asarray(begun & ((block < until[0]) | ((block == until[0]) & (log <= until[1]))))


def _ticks_before(batch: EventBatch, carried: int) -> tuple[NDArray[np.int64], int]:
    """slot0's tick before each row, and after the last."""
    sets = (batch.kind == EventKind.SWAP) | (batch.kind == EventKind.INITIALIZE)
    last = np.maximum.accumulate(np.where(sets, np.arange(len(batch)), -1))
    after = np.where(last >= 0, batch.tick[np.maximum(last, 0)].astype(np.int64), carried)
    return np.concatenate(([carried], after[:-1])), int(after[-1])


def _events(batch: EventBatch, rows: NDArray[np.intp]) -> Iterator[tuple[int, TapeEvent]]:
    columns = (
        batch.kind, batch.block_number, batch.timestamp, batch.log_index, batch.amount_0, batch.amount_1,
        batch.sqrt_price_x96, batch.liquidity, batch.tick, batch.lower_tick, batch.upper_tick, batch.owner,
    )  # fmt: skip
    for index, row in zip(rows.tolist(), zip(*(column[rows].tolist() for column in columns), strict=True), strict=True):
        kind, block, timestamp, log, amount_0, amount_1, price, liquidity, tick, lower, upper, owner = row
        yield index, TapeEvent(
            EventKind(kind), block, timestamp, log, _signed(amount_0), _signed(amount_1), _whole(price),
            _whole(liquidity), tick, lower, upper, batch.owners[owner] if owner >= 0 else "",
        )  # fmt: skip


def _whole(limbs: list[int]) -> int:
    return sum(limb << 64 * place for place, limb in enumerate(limbs) if limb)


def _signed(limbs: list[int]) -> int:
    value = _whole(limbs)
    return value - (1 << 256) if limbs[3] >> 63 else value
