"""A pool that lives by ``keeper.model.swap``, the fee growth inside any two of its ticks known to the last bit."""

from __future__ import annotations

import random
from bisect import bisect_left, bisect_right

from keeper.model.fees import fee_growth_inside
from keeper.model.swap import swap
from keeper.model.ticks import sqrt_price_at_tick, tick_at_sqrt_price

SPACING = 10


class Pool:
    """Swaps by ``keeper.model.swap``, cut at every initialized tick so that fee growth outside it is known."""

    def __init__(self, book: list[tuple[int, int]], start_tick: int, fee_pips: int, fee_protocol: tuple[int, int]):
        self.book, self.ticks = book, [tick for tick, _ in book]
        self.price, self.tick = sqrt_price_at_tick(start_tick) + 12_345, start_tick
        self.liquidity = sum(net for tick, net in book if tick <= start_tick)
        self.fee_pips, self.fee_protocol = fee_pips, fee_protocol
        self.growth = [0, 0]
        self.outside = {tick: [0, 0] for tick in self.ticks}

    def swap(self, zero_for_one: bool, amount_in: int) -> None:
        paid = 0 if zero_for_one else 1
        while amount_in:
            done = swap(
                self.price, self.tick, self.liquidity, self.fee_pips, self.book, zero_for_one, amount_in,
                self._limit(zero_for_one), SPACING, fee_protocol=self.fee_protocol[paid],
            )  # fmt: skip
            before = self.growth[paid]
            self.growth[paid] = before + done.fee_growth_global_delta_x128
            for crossed in done.crossed_ticks:
                # A tick on which the price already stands is crossed before anything is paid.
                at_once = sqrt_price_at_tick(crossed) == self.price
                here = [before if at_once and token == paid else self.growth[token] for token in (0, 1)]
                self.outside[crossed] = [now - out for now, out in zip(here, self.outside[crossed], strict=True)]
            amount_in -= done.amount0 if zero_for_one else done.amount1
            self.price, self.tick, self.liquidity = done.sqrt_price_x96, done.tick, done.liquidity

    def _limit(self, zero_for_one: bool) -> int:
        """The next initialized tick's price that lies beyond the price."""
        if zero_for_one:
            index = bisect_right(self.ticks, self.tick) - 1
            at = sqrt_price_at_tick(self.ticks[index])
            return at if at < self.price else sqrt_price_at_tick(self.ticks[index - 1])
        index = bisect_left(self.ticks, self.tick + 1)
        at = sqrt_price_at_tick(self.ticks[index])
        return at if at > self.price else sqrt_price_at_tick(self.ticks[index + 1])

    def inside(self, lower: int, upper: int, token: int) -> int:
        return fee_growth_inside(
            lower, upper, self.tick, self.growth[token], self.outside[lower][token], self.outside[upper][token]
        )


def lived(seed: int, fee_pips: int, fee_protocol: tuple[int, int], swaps: int) -> tuple[Pool, list[int], list[int]]:
    """A pool after so many random swaps around tick 195,000, every price after a swap, and the liquidity then."""
    rng = random.Random(seed)
    ticks = range(194_000, 196_000 + SPACING, SPACING)
    nets = dict.fromkeys(ticks, 0)
    for _ in range(150):
        lower, upper = sorted(rng.sample(ticks, 2))
        liquidity = rng.randrange(10**16, 10**18)
        nets[lower], nets[upper] = nets[lower] + liquidity, nets[upper] - liquidity
    # A floor of liquidity over all, so that no swap runs into the void.
    nets[ticks[0]], nets[ticks[-1]] = nets[ticks[0]] + 10**17, nets[ticks[-1]] - 10**17
    pool = Pool(sorted(nets.items()), 195_003, fee_pips, fee_protocol)
    prices, active = [pool.price], [pool.liquidity]
    for _ in range(swaps):
        tick = tick_at_sqrt_price(pool.price)
        zero_for_one = rng.random() < 0.5 + (tick - 195_000) / 1_500
        move = pool.price * rng.choice((1e-6, 1e-4, 1e-3, 8e-3)) * rng.random() / 2**96
        amount = pool.liquidity * (move / (pool.price / 2**96) ** 2 if zero_for_one else move)
        pool.swap(zero_for_one, int(amount) + 10**9)
        prices.append(pool.price)
        active.append(pool.liquidity)
    return pool, prices, active
