"""Blocks and moments of a tape of events, and the tick that stood between them."""

from __future__ import annotations

from array import array
from bisect import bisect_right

import numpy as np

from keeper.world.tape.crossing import PoolPoint
from keeper.world.tape.events import EventBatch, EventKind
from keeper.world.tape.market import Moment


class RecordedBlocks:
    """What has passed. Between two recorded blocks the numbers run evenly in time; a block's time is rounded down.

    Keeps sixteen bytes a swap for the sum of ticks over time, as the pool's oracle would with memory enough.
    """

    def __init__(self) -> None:
        self.last = Moment(0, 0)
        self.is_begun = False
        self._timestamps = array("q")
        self._tick_seconds = array("q")  # up to each of them
        self._tick = 0

    def begin(self, moment: Moment, point: PoolPoint) -> None:
        """The end of the first block after which the price is known."""
        self.last, self._tick, self.is_begun = moment, point.tick, True
        self._timestamps.append(moment.timestamp)
        self._tick_seconds.append(0)

    def take(self, events: EventBatch) -> None:
        """Recorded events, to the end of their last block."""
        self.last = Moment(int(events.block_number[-1]), int(events.timestamp[-1]))
        sets = events.kind == EventKind.SWAP
        if not self.is_begun or not sets.any():
            return
        times, ticks = events.timestamp[sets], events.tick[sets].astype(np.int64)
        passed = np.diff(times, prepend=self._timestamps[-1])
        stood = np.concatenate(([self._tick], ticks[:-1]))
        self._tick_seconds.extend((self._tick_seconds[-1] + np.cumsum(stood * passed)).tolist())
        self._timestamps.extend(times.tolist())
        self._tick = int(ticks[-1])

    def tick_seconds(self, timestamp: int) -> int | None:
        """The sum over time of the tick that stood, up to a moment; None before the price was known."""
        index = bisect_right(self._timestamps, timestamp) - 1
        if index < 0:
            return None
        if index == len(self._timestamps) - 1:
            return self._tick_seconds[-1] + self._tick * (timestamp - self._timestamps[-1])
        length = self._timestamps[index + 1] - self._timestamps[index]
        tick = (self._tick_seconds[index + 1] - self._tick_seconds[index]) // length  # exact: one tick stood there
        return self._tick_seconds[index] + tick * (timestamp - self._timestamps[index])

    def at_time(self, timestamp: int, following: Moment) -> Moment:
        """The last block at or before a moment between the last recorded block and the ``following`` one."""
        blocks, seconds = self._apart(following)
        passed = ((timestamp - self.last.timestamp + 1) * blocks - 1) // seconds if seconds else blocks - 1
        return self.at_number(self.last.block_number + min(passed, blocks - 1), following)

    def at_number(self, number: int, following: Moment) -> Moment:
        """A block between the last recorded one and the ``following`` one."""
        blocks, seconds = self._apart(following)
        return Moment(number, self.last.timestamp + (number - self.last.block_number) * seconds // blocks)

    def _apart(self, following: Moment) -> tuple[int, int]:
        return following.block_number - self.last.block_number, following.timestamp - self.last.timestamp
