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

_KINDS: Final = tuple(EventKind)

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
    names = [batch.owners[owner] if owner >= 0 else "" for owner in batch.owner[rows].tolist()]
    columns = (
        rows.tolist(), batch.kind[rows].tolist(), batch.block_number[rows].tolist(), batch.timestamp[rows].tolist(),
        batch.log_index[rows].tolist(), _integers(batch.amount_0[rows], signed=True),
        _integers(batch.amount_1[rows], signed=True), _integers(batch.sqrt_price_x96[rows]),
        _integers(batch.liquidity[rows]), batch.tick[rows].tolist(), batch.lower_tick[rows].tolist(),
        batch.upper_tick[rows].tolist(), names,
    )  # fmt: skip
    for index, kind, *fields in zip(*columns, strict=True):
        yield index, TapeEvent(_KINDS[kind], *fields)


def _integers(limbs: NDArray[np.uint64], *, signed: bool = False) -> list[int]:
    raw, size = limbs.astype("<u8").tobytes(), 8 * limbs.shape[1]
    return [int.from_bytes(raw[at : at + size], "little", signed=signed) for at in range(0, len(raw), size)]
