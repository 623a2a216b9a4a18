"""A market that stands still: the pool of one reading, in which only we act."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace

from keeper.errors import ConfigError
from keeper.model.observation import History, PoolState, TickState, Twap
from keeper.model.swap import SwapResult, swap
from keeper.world.tape.market import Moment, OwnRange
from keeper.world.tape.tape import Defect
from keeper.world.v3.identity import PoolIdentity


@dataclass
class StillMarket:
    """Implements ``TapeMarket``. Blocks are two seconds apart; ``moves`` are pools that stand there from a block on."""

    pool: PoolState
    now: Moment
    end: Moment = field(default=Moment(10**9, 10**10))
    chain_id: int = 31337
    defects: tuple[Defect, ...] = ()
    ranges: dict[int, OwnRange] = field(default_factory=dict)
    moves: dict[int, PoolState] = field(default_factory=dict)

    @property
    def identity(self) -> PoolIdentity:
        pool = self.pool
        return PoolIdentity(pool.address, pool.token0, pool.token1, pool.fee_pips, pool.tick_spacing)

    @property
    def begin(self) -> Moment:
        return self.now

    @property
    def block_hash(self) -> str:
        return "0x" + hashlib.sha256(str(self.now.block_number).encode()).hexdigest()

    def advance_to_time(self, timestamp: int) -> None:
        self.advance_blocks((timestamp - self.now.timestamp) // 2)

    def advance_blocks(self, blocks: int) -> None:
        number = self.now.block_number + blocks
        if number > self.end.block_number:
            raise ConfigError("the tape ends before")
        self.now = Moment(number, self.now.timestamp + 2 * blocks)
        for block in sorted(self.moves):
            if block <= number:
                self.pool = self.moves.pop(block)

    def advance_until_outside(self, timestamp: int, lower_sqrt_price_x96: int, upper_sqrt_price_x96: int) -> bool:
        self.advance_to_time(timestamp)
        return not lower_sqrt_price_x96 <= self.pool.sqrt_price_x96 <= upper_sqrt_price_x96

    def state(self) -> PoolState:
        return self.pool

    def twap(self, window_seconds: int) -> Twap | None:
        return Twap(window_seconds, self.pool.tick)

    def history(self, hours: int) -> History:  # noqa: ARG002
        return History("", 3_600, ())

    def own(self) -> tuple[OwnRange, ...]:
        return tuple(self.ranges.values())

    def add(self, lower_tick: int, upper_tick: int, liquidity: int) -> int:
        key = len(self.ranges) + 1
        self.ranges[key] = OwnRange(key, lower_tick, upper_tick, 0, 0, 0)
        self.increase(key, liquidity)
        return key

    def increase(self, key: int, liquidity: int) -> None:
        held = self.ranges[key]
        self.ranges[key] = replace(held, liquidity=held.liquidity + liquidity)
        inside = held.lower_tick <= self.pool.tick < held.upper_tick
        nets = {each.tick: each.liquidity_net for each in self.pool.ticks}
        nets[held.lower_tick] = nets.get(held.lower_tick, 0) + liquidity
        nets[held.upper_tick] = nets.get(held.upper_tick, 0) - liquidity
        ticks = tuple(TickState(tick, abs(net), net, 0, 0) for tick, net in sorted(nets.items()))
        self.pool = replace(self.pool, ticks=ticks, liquidity=self.pool.liquidity + inside * liquidity)

    def decrease(self, key: int, liquidity: int) -> None:
        self.increase(key, -liquidity)

    def take_fees(self, key: int) -> tuple[int, int]:
        held = self.ranges[key]
        self.ranges[key] = replace(held, owed_0=0, owed_1=0)
        return held.owed_0, held.owed_1

    def swap(self, zero_for_one: bool, amount_in: int, sqrt_price_limit_x96: int) -> SwapResult:
        pool = self.pool
        done = swap(
            pool.sqrt_price_x96, pool.tick, pool.liquidity, pool.fee_pips,
            [(each.tick, each.liquidity_net) for each in pool.ticks], zero_for_one, amount_in, sqrt_price_limit_x96,
            pool.tick_spacing, known_lower_tick=pool.known_lower_tick, known_upper_tick=pool.known_upper_tick,
        )  # fmt: skip
        self.pool = replace(pool, sqrt_price_x96=done.sqrt_price_x96, tick=done.tick, liquidity=done.liquidity)
        return done
