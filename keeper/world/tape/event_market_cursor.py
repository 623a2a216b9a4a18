"""A place in a tape of events: what comes next, taken block by block in columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from keeper.model.ticks import tick_at_sqrt_price
from keeper.world.tape.events import EventBatch, EventKind
from keeper.world.tape.market import Moment
from keeper.world.tape.tape import EventTape

_BATCH: Final = 16_384


class EventCursor:
    """Holds one batch of the tape at a time. ``is_long``: there was more than the first batch."""

    def __init__(self, tape: EventTape) -> None:
        self._batches = tape.batches(size=_BATCH)
        self._batch: EventBatch | None = next(self._batches, None)
        self._row = 0
        self.is_long = self._batch is not None and len(self._batch) == _BATCH

    @property
    def following(self) -> Moment | None:
        """The block of the next event."""
        if self._batch is None:
            return None
        return Moment(int(self._batch.block_number[self._row]), int(self._batch.timestamp[self._row]))

    def take_to_block(self, number: int) -> Iterator[EventBatch]:
        """Every event in blocks up to ``number``, in one part or more."""
        while self._batch is not None:
            stop = int(np.searchsorted(self._batch.block_number, number, side="right"))
            if stop == self._row:
                return
            yield self._part(stop)

    def take_to_time(self, timestamp: int) -> Iterator[EventBatch]:
        """Every event up to a moment, in one part or more."""
        while self._batch is not None:
            stop = int(np.searchsorted(self._batch.timestamp, timestamp, side="right"))
            if stop == self._row:
                return
            yield self._part(stop)

    def block_that_may_leave(self, timestamp: int, lower_x96: int, upper_x96: int) -> int | None:
        """The first block up to a moment, of those at hand, in which a swap reaches the tick of one of the two sqrt
        prices or goes beyond; else the last one at hand; None where there is no event."""
        batch, row = self._batch, self._row
        if batch is None or batch.timestamp[row] > timestamp:
            return None
        stop = int(np.searchsorted(batch.timestamp, timestamp, side="right"))
        ticks = batch.tick[row:stop]
        reached = (ticks <= tick_at_sqrt_price(lower_x96)) | (ticks >= tick_at_sqrt_price(upper_x96))
        found = np.flatnonzero(reached & (batch.kind[row:stop] == EventKind.SWAP))
        return int(batch.block_number[row + int(found[0]) if len(found) else stop - 1])

    def _part(self, stop: int) -> EventBatch:
        assert self._batch is not None  # the callers have looked
        part, self._row = self._batch.part(self._row, stop), stop
        if stop == len(self._batch):
            self._batch, self._row = next(self._batches, None), 0
        return part
