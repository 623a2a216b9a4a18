"""A copy of a pool to try a transaction on: price, liquidity and ticks, by the contract's integers."""

from __future__ import annotations

from keeper.model.full_math import MathError
from keeper.model.liquidity import add_delta, position_amounts
from keeper.model.observation import PoolState
from keeper.model.swap import SwapResult, TickRangeExceeded, swap


class RevertedError(Exception):
    """The transaction would revert; ``str`` is the contract's own reason, or says what stands in its place."""


class PoolCopy:
    """Changes as a transaction goes on; the pool it was taken from does not."""

    def __init__(self, pool: PoolState) -> None:
        self._pool = pool
        self.sqrt_price_x96, self.tick, self._liquidity = pool.sqrt_price_x96, pool.tick, pool.liquidity
        self._changed: dict[int, int] = {}

    def swap(self, zero_for_one: bool, amount_in: int, sqrt_price_limit_x96: int) -> SwapResult:
        """An exact input as far as the limit lets it go. RevertedError where the pool reverts, or is not known so far
        out."""
        pool = self._pool
        nets = {each.tick: each.liquidity_net for each in pool.ticks}
        for tick, change in self._changed.items():
            nets[tick] = nets.get(tick, 0) + change
        try:
            done = swap(
                self.sqrt_price_x96,
                self.tick,
                self._liquidity,
                pool.fee_pips,
                sorted(nets.items()),
                zero_for_one,
                amount_in,
                sqrt_price_limit_x96,
                pool.tick_spacing,
                known_lower_tick=pool.known_lower_tick,
                known_upper_tick=pool.known_upper_tick,
                fee_protocol=pool.fee_protocol % 16 if zero_for_one else pool.fee_protocol >> 4,
            )
        except (MathError, TickRangeExceeded) as error:
            raise RevertedError(str(error)) from error
        self.sqrt_price_x96, self.tick, self._liquidity = done.sqrt_price_x96, done.tick, done.liquidity
        return done

    def change(self, lower_tick: int, upper_tick: int, delta: int) -> tuple[int, int]:
        """Add or take out liquidity; the amounts that go with it, both at least zero. RevertedError as the pool."""
        amounts = position_amounts(
            self.sqrt_price_x96, self.tick, lower_tick, upper_tick, abs(delta), round_up=delta > 0
        )
        try:
            if lower_tick <= self.tick < upper_tick:
                self._liquidity = add_delta(self._liquidity, delta)
        except MathError as error:
            raise RevertedError(str(error)) from error
        self._changed[lower_tick] = self._changed.get(lower_tick, 0) + delta
        self._changed[upper_tick] = self._changed.get(upper_tick, 0) - delta
        return amounts
