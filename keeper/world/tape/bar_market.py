"""A pool that lives through a tape of bars, with liquidity of our own in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from keeper.errors import ConfigError
from keeper.model.observation import History, PoolState, Sample, Twap
from keeper.model.swap import SwapResult
from keeper.model.ticks import MAX_TICK, MIN_TICK, sqrt_price_at_tick, tick_at_sqrt_price
from keeper.world.history import HOUR_SECONDS, hour_at_or_after
from keeper.world.tape.bar_market_fees import earn
from keeper.world.tape.bar_path import BarPath
from keeper.world.tape.market import ORACLE_CARDINALITY, Moment, OwnRange, block_hash
from keeper.world.tape.market_swap import Around, Astray, swap_through
from keeper.world.tape.own_ranges import OwnRanges
from keeper.world.tape.tape import BarTape, Defect
from keeper.world.tape.tape_hours import TapeHours
from keeper.world.v3.identity import PoolIdentity

TICK_WINDOW: Final = 6_000  # as an observer reads around the price
_COARSE = Defect(
    "bars",
    "a bar tells neither its swaps nor the tick book: its path is open, low, high, close (or high before low), its "
    f"liquidity stands alike {TICK_WINDOW} ticks to both sides of the price, and the swaps of an hour are counted as "
    "the bars that have any",
)


class BarMarket:
    """Implements ``TapeMarket``. A bar counts when it is over, never before; ``bar_path`` says what it is taken for.

    Blocks are counted from 1970: block ``n`` is at ``n * block_seconds`` and holds the bars that are over by then. The
    market begins with the first block after the first bar. Steps without a bar leave the price and give no fees.
    ``fee_protocol`` is slot0's packed figure; ``prior``: hourly samples of the time before the tape.

    Raises:
        ConfigError: the tape is shorter than a block.
    """

    def __init__(
        self,
        tape: BarTape,
        identity: PoolIdentity,
        chain_id: int,
        *,
        block_seconds: int = 2,
        fee_protocol: int = 0,
        prior: Sequence[Sample] = (),
    ) -> None:
        self.identity, self.chain_id = identity, chain_id
        self.defects: tuple[Defect, ...] = (*tape.defects, _COARSE)
        self._digest = tape.digest
        self._block_seconds = block_seconds
        self._fee_protocol = fee_protocol
        self._path = BarPath(tape, identity.fee_pips, fee_protocol)
        first = -(-int(self._path.ends_at[0]) // block_seconds)
        self.begin = self._moment(first)
        self.end = self._moment(int(self._path.ends_at[-1]) // block_seconds)
        if self.end.block_number < first:
            raise ConfigError("the tape is over before its first block: choose a longer one", path=str(tape.path))
        self._own = OwnRanges(identity.tick_spacing)
        self._astray = Astray()
        opened_at = int(tape.columns.timestamp[0])
        self._hours = TapeHours(opened_at, int(self._path.begins_at[0]), prior)
        self._now, self._done, self._hour = self.begin, 0, hour_at_or_after(opened_at + 1)
        self._go_to(self.begin)

    @property
    def now(self) -> Moment:
        return self._now

    @property
    def block_hash(self) -> str:
        return block_hash(self._digest, self._now.block_number)

    def advance_to_time(self, timestamp: int) -> None:
        """ValueError for a moment that has passed; the tape's end for one beyond it."""
        self._go_to(self._moment(min(timestamp // self._block_seconds, self.end.block_number)))

    def advance_blocks(self, blocks: int) -> None:
        number = self._now.block_number + blocks
        if number > self.end.block_number:
            raise ConfigError(f"the tape ends {number - self.end.block_number} blocks before block {number}")
        self._go_to(self._moment(number))

    def advance_until_outside(self, timestamp: int, lower_sqrt_price_x96: int, upper_sqrt_price_x96: int) -> bool:
        path, before = self._path, self._done
        if not lower_sqrt_price_x96 <= self._price()[0] <= upper_sqrt_price_x96:
            return True
        stop = int(np.searchsorted(path.ends_at, timestamp, side="right"))
        lower = tick_at_sqrt_price(lower_sqrt_price_x96)
        lower += sqrt_price_at_tick(lower) < lower_sqrt_price_x96
        upper = tick_at_sqrt_price(upper_sqrt_price_x96)
        close = path.close[before:stop]
        outside = np.flatnonzero(((close < lower) | (close > upper)) & path.has_swaps[before:stop])
        for index in outside[:1]:
            number = -(-int(path.ends_at[before + index]) // self._block_seconds)
            if number * self._block_seconds <= timestamp and number <= self.end.block_number:
                self._go_to(self._moment(number))
                # A block longer than a bar may hold the way back as well.
                is_out = not lower_sqrt_price_x96 <= self._price()[0] <= upper_sqrt_price_x96
                return is_out or self.advance_until_outside(timestamp, lower_sqrt_price_x96, upper_sqrt_price_x96)
        self.advance_to_time(timestamp)
        return False

    def state(self) -> PoolState:
        identity, own = self.identity, self._own
        sqrt_price_x96, tick = self._price()
        around = self._around(tick)
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
            fee_protocol=self._fee_protocol,
            observation_cardinality=ORACLE_CARDINALITY,
            ticks=tuple(
                state
                for at, state in own.tick_states(tick).items()
                if around.known_lower_tick <= at <= around.known_upper_tick
            ),
            known_lower_tick=around.known_lower_tick,
            known_upper_tick=around.known_upper_tick,
        )

    def twap(self, window_seconds: int) -> Twap | None:
        now = self._now.timestamp
        start, end = self._path.tick_seconds(now - window_seconds), self._path.tick_seconds(now)
        if start is None or end is None or now - window_seconds < self.begin.timestamp:
            return None
        off = self._astray.tick_seconds(now) - self._astray.tick_seconds(now - window_seconds)
        return Twap(window_seconds, (end - start + off) // window_seconds)

    def history(self, hours: int) -> History:
        return self._hours.history(self._now.timestamp, hours)

    def own(self) -> tuple[OwnRange, ...]:
        return self._own.ranges()

    def add(self, lower_tick: int, upper_tick: int, liquidity: int) -> int:
        return self._own.add(lower_tick, upper_tick, liquidity)

    def increase(self, key: int, liquidity: int) -> None:
        self._own.change(key, liquidity)

    def decrease(self, key: int, liquidity: int) -> None:
        self._own.change(key, -liquidity)

    def take_fees(self, key: int) -> tuple[int, int]:
        return self._own.take_fees(key)

    def swap(self, zero_for_one: bool, amount_in: int, sqrt_price_limit_x96: int) -> SwapResult:
        before = self._price()
        result = swap_through(self._own, self._around(before[1]), before, zero_for_one, amount_in, sqrt_price_limit_x96)
        ticks = before[1], result.tick
        self._hours.note(min(ticks), max(ticks), abs(result.amount0), abs(result.amount1), 1)
        off_ticks = result.tick - int(self._path.close[self._done - 1])
        self._astray.begin(self._now.timestamp, result.sqrt_price_x96, result.tick, off_ticks)
        return result

    def _moment(self, number: int) -> Moment:
        return Moment(number, number * self._block_seconds)

    def _price(self) -> tuple[int, int]:
        """Sqrt price and tick."""
        if self._astray.price is not None:
            return self._astray.price
        tick = int(self._path.close[self._done - 1])
        return sqrt_price_at_tick(tick), tick

    def _around(self, tick: int) -> Around:
        return Around(
            others=self._path.liquidity(self._done - 1),
            ticks=(),
            known_lower_tick=max(tick - TICK_WINDOW, MIN_TICK),
            known_upper_tick=min(tick + TICK_WINDOW, MAX_TICK),
            fee_pips=self.identity.fee_pips,
            tick_spacing=self.identity.tick_spacing,
            fee_protocol=self._fee_protocol,
        )

    def _go_to(self, moment: Moment) -> None:
        if moment.block_number < self._now.block_number:
            raise ValueError(f"a tape does not run backwards: block {moment.block_number} has passed")
        while self._hour <= moment.timestamp:
            self._live_to(self._hour)
            sqrt_price_x96, tick = self._price()
            if self._done and int(self._path.ends_at[self._done - 1]) > self._hour - HOUR_SECONDS:
                own = self._own
                self._hours.close(self._hour, tick, sqrt_price_x96, own.growth_0_x128, own.growth_1_x128)
            else:
                self._hours.skip(tick)
            self._hour += HOUR_SECONDS
        self._live_to(moment.timestamp)
        self._now = moment

    def _live_to(self, timestamp: int) -> None:
        """Bars that are over by then."""
        path, start = self._path, self._done
        stop = int(np.searchsorted(path.ends_at, timestamp, side="right"))
        if stop <= start:
            return
        sums, swaps = path.sums(start, stop), path.has_swaps[start:stop]
        earn(path, sums, self._own, start)
        self._hours.note(
            int(path.low[start:stop].min()), int(path.high[start:stop].max()),
            sum(sums.volume_0), sum(sums.volume_1), int(np.count_nonzero(swaps)),
        )  # fmt: skip
        if self._astray.price is not None and swaps.any():
            self._astray.end(int(path.ends_at[start + int(np.argmax(swaps))]))
        self._done = stop
