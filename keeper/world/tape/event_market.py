"""A pool that lives through a tape of single events, with liquidity of our own in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from keeper.errors import ConfigError
from keeper.model.observation import History, PoolState, Sample, Twap
from keeper.model.swap import SwapResult
from keeper.world.history import HOUR_SECONDS, hour_at_or_after
from keeper.world.tape.bar_path import integers
from keeper.world.tape.crossing import PoolPoint
from keeper.world.tape.event_market_clock import RecordedBlocks
from keeper.world.tape.event_market_compiled import opening_rows
from keeper.world.tape.event_market_cursor import EventCursor
from keeper.world.tape.event_market_pool import RecordedPool
from keeper.world.tape.events import EventBatch, EventKind
from keeper.world.tape.market import ORACLE_CARDINALITY, Moment, OwnRange, block_hash
from keeper.world.tape.market_swap import Astray, swap_through
from keeper.world.tape.tape import EventTape
from keeper.world.tape.tape_hours import TapeHours
from keeper.world.tape.tick_book import TickBook
from keeper.world.v3.identity import PoolIdentity


class EventMarket:
    """Implements ``TapeMarket``. It begins at the end of the block in which the price is first known.

    ``book`` is the tick book before the tape's first event. Where it was worked out from later crossings it is still
    what stood there at the time, but more of it is known than the tape had shown by ``now``. Others' ticks show no fee
    growth outside, and the pool's own counts from the tape's beginning where the tape has no opening state. A swap that
    the book does not explain is taken for one step at its mean liquidity, and counted in ``unexplained``.
    ``compiled``: whether to follow the tape in machine code, which long ones are where nothing is said.

    Raises:
        ConfigError: nothing in the tape tells the price.
    """

    def __init__(
        self,
        tape: EventTape,
        identity: PoolIdentity,
        chain_id: int,
        *,
        book: TickBook,
        fee_protocol: int = 0,
        prior: Sequence[Sample] = (),
        compiled: bool | None = None,
    ) -> None:
        self.identity, self.chain_id, self.defects = identity, chain_id, tape.defects
        self._digest = tape.digest
        opening = tape.opening
        growth = (0, 0) if opening is None else (opening.fee_growth_global_0_x128, opening.fee_growth_global_1_x128)
        self._cursor = EventCursor(tape)
        if compiled is None:
            compiled = self._cursor.is_long
        rows = opening_rows(book, tape) if compiled else None
        self._pool = RecordedPool(book, identity, fee_protocol, growth, compiled=rows)
        self._blocks = RecordedBlocks()
        self._begin(tape)
        self.begin = self._now = self._blocks.last
        self.end = Moment(tape.span.to_block, tape.span.to_timestamp)
        self._astray = Astray()
        self._hours = TapeHours(self.begin.timestamp, self._point().tick, prior)
        self._hour = hour_at_or_after(self.begin.timestamp + 1)

    @property
    def now(self) -> Moment:
        return self._now

    @property
    def block_hash(self) -> str:
        return block_hash(self._digest, self._now.block_number)

    @property
    def unexplained(self) -> int:
        """How many recorded swaps the book did not explain so far."""
        return self._pool.unexplained

    def advance_to_time(self, timestamp: int) -> None:
        """ValueError for a moment that has passed; the tape's end for one beyond it."""
        if timestamp < self._now.timestamp:
            raise ValueError(f"a tape does not run backwards: {timestamp} has passed")
        self._live(self._cursor.take_to_time(timestamp))
        following = self._following()
        moment = self.end if following is None else self._blocks.at_time(min(timestamp, self.end.timestamp), following)
        self._arrive(max(moment, self._now, key=lambda each: each.block_number))

    def advance_blocks(self, blocks: int) -> None:
        number = self._now.block_number + blocks
        if number > self.end.block_number:
            raise ConfigError(f"the tape ends {number - self.end.block_number} blocks before block {number}")
        if blocks < 0:
            raise ValueError(f"a tape does not run backwards: block {number} has passed")
        self._live(self._cursor.take_to_block(number))
        following = self._following()
        self._arrive(self.end if following is None else self._blocks.at_number(number, following))

    def advance_until_outside(self, timestamp: int, lower_sqrt_price_x96: int, upper_sqrt_price_x96: int) -> bool:
        while lower_sqrt_price_x96 <= self._price()[0] <= upper_sqrt_price_x96:
            block = self._cursor.block_that_may_leave(timestamp, lower_sqrt_price_x96, upper_sqrt_price_x96)
            if block is None:
                self.advance_to_time(timestamp)
                return False
            self._live(self._cursor.take_to_block(block))
            self._arrive(self._blocks.last)
        return True

    def state(self) -> PoolState:
        identity, own, pool = self.identity, self._pool.own, self._pool
        sqrt_price_x96, tick = self._price()
        around = pool.around(tick)
        return PoolState(
            address=identity.address,
            token0=identity.token0,
            token1=identity.token1,
            fee_pips=identity.fee_pips,
            tick_spacing=identity.tick_spacing,
            sqrt_price_x96=sqrt_price_x96,
            tick=tick,
            liquidity=around.others + own.active(tick),
            fee_growth_global_0_x128=own.growth_0_x128,
            fee_growth_global_1_x128=own.growth_1_x128,
            fee_protocol=pool.fee_protocol,
            observation_cardinality=ORACLE_CARDINALITY,
            ticks=pool.tick_states(tick, around),
            known_lower_tick=around.known_lower_tick,
            known_upper_tick=around.known_upper_tick,
        )

    def twap(self, window_seconds: int) -> Twap | None:
        now = self._now.timestamp
        start, end = self._blocks.tick_seconds(now - window_seconds), self._blocks.tick_seconds(now)
        if start is None or end is None:
            return None
        off = self._astray.tick_seconds(now) - self._astray.tick_seconds(now - window_seconds)
        return Twap(window_seconds, (end - start + off) // window_seconds)

    def history(self, hours: int) -> History:
        return self._hours.history(self._now.timestamp, hours)

    def own(self) -> tuple[OwnRange, ...]:
        return self._pool.own.ranges()

    def add(self, lower_tick: int, upper_tick: int, liquidity: int) -> int:
        return self._pool.own.add(lower_tick, upper_tick, liquidity)

    def increase(self, key: int, liquidity: int) -> None:
        self._pool.own.change(key, liquidity)

    def decrease(self, key: int, liquidity: int) -> None:
        self._pool.own.change(key, -liquidity)

    def take_fees(self, key: int) -> tuple[int, int]:
        return self._pool.own.take_fees(key)

    def swap(self, zero_for_one: bool, amount_in: int, sqrt_price_limit_x96: int) -> SwapResult:
        before = self._price()
        around = self._pool.around(before[1])
        result = swap_through(self._pool.own, around, before, zero_for_one, amount_in, sqrt_price_limit_x96)
        ticks = before[1], result.tick
        self._hours.note(min(ticks), max(ticks), abs(result.amount0), abs(result.amount1), 1)
        off_ticks = result.tick - self._point().tick
        self._astray.begin(self._now.timestamp, result.sqrt_price_x96, result.tick, off_ticks)
        return result

    def _following(self) -> Moment | None:
        """The next block of which something is known."""
        if self._cursor.following is not None:
            return self._cursor.following
        return self.end if self.end.block_number > self._blocks.last.block_number else None

    def _point(self) -> PoolPoint:
        point = self._pool.point
        assert point is not None  # the constructor refuses a tape without any
        return point

    def _price(self) -> tuple[int, int]:
        """Sqrt price and tick."""
        point = self._point()
        return self._astray.price or (point.sqrt_price_x96, point.tick)

    def _begin(self, tape: EventTape) -> None:
        """To where the price is first known: the opening state, or the end of the block that tells it."""
        pool, opening = self._pool, tape.opening
        moment = None if opening is None else Moment(opening.block_number, opening.timestamp)
        while pool.point is None or moment is None:
            moment = self._cursor.following
            if moment is None:
                raise ConfigError(
                    "the tape holds no swap, so no price is known; choose a longer span", path=str(tape.path)
                )
            for events in self._cursor.take_to_block(moment.block_number):
                pool.follow(events)
        self._blocks.begin(moment, pool.point)

    def _live(self, parts: Iterable[EventBatch]) -> None:
        for events in parts:
            while len(events):
                self._close_hours(int(events.timestamp[0]) - 1)
                stop = int(np.searchsorted(events.timestamp, self._hour, side="right"))
                self._live_within_hour(events.part(0, stop))
                events = events.part(stop, len(events))

    def _live_within_hour(self, events: EventBatch) -> None:
        swaps = events.kind == EventKind.SWAP
        tick = self._point().tick
        self._pool.follow(events)
        self._blocks.take(events)
        if not swaps.any():
            return
        self._astray.end(int(events.timestamp[swaps][0]))
        ticks = events.tick[swaps]
        volume_0, volume_1 = (sum(map(abs, integers(side[swaps]))) for side in (events.amount_0, events.amount_1))
        self._hours.note(
            min(tick, int(ticks.min())), max(tick, int(ticks.max())), volume_0, volume_1, int(np.count_nonzero(swaps))
        )

    def _arrive(self, moment: Moment) -> None:
        self._close_hours(moment.timestamp)
        self._now = moment

    def _close_hours(self, timestamp: int) -> None:
        while self._hour <= timestamp:
            sqrt_price_x96, tick = self._price()
            own = self._pool.own
            self._hours.close(self._hour, tick, sqrt_price_x96, own.growth_0_x128, own.growth_1_x128)
            self._hour += HOUR_SECONDS
