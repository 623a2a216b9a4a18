"""Random inputs over the whole domain of the contracts' mathematics, thick where rounding and overflow live."""

from __future__ import annotations

from math import isqrt
from random import Random

from keeper.model.full_math import MAX_UINT128, MAX_UINT160, MAX_UINT256, Q96, Q192
from keeper.model.ticks import MAX_SQRT_PRICE_X96, MAX_TICK, MIN_SQRT_PRICE_X96, MIN_TICK, sqrt_price_at_tick

DECIMALS = (0, 6, 8, 18, 24)
FEES_PIPS = (100, 500, 3000, 10000)
TICK_SPACINGS = {100: 1, 500: 10, 3000: 60, 10000: 200}

_EDGES = {
    bits: (0, 1, 2, 3, *((1 << bits) - near for near in (1, 2, 3)), 1 << (bits - 1), (1 << (bits - 1)) - 1)
    for bits in (24, 128, 160, 256)
}
_TICK_EDGES = (
    *(sign * ((1 << power) + near) for power in range(20) for sign in (-1, 1) for near in (-1, 0, 1)),
    *(bound + near for bound in (MIN_TICK, MAX_TICK) for near in (-2, -1, 0, 1, 2)),
)


def uint(rng: Random, bits: int = 256) -> int:
    """Log-uniform in magnitude; sometimes an edge, sometimes a power of two or its neighbour."""
    roll = rng.random()
    if roll < 0.08:
        return rng.choice(_EDGES[bits])
    if roll < 0.16:
        return max(0, min((1 << bits) - 1, (1 << rng.randrange(bits)) + rng.randrange(-1, 2)))
    return rng.getrandbits(bits) >> rng.randrange(bits + 1)


def tick(rng: Random) -> int:
    """Any tick of the contracts, and now and then one just outside."""
    if rng.random() < 0.2:
        return rng.choice(_TICK_EDGES)
    if rng.random() < 0.3:
        return rng.randrange(-300, 301)
    return rng.randint(MIN_TICK, MAX_TICK)


def valid_tick(rng: Random) -> int:
    return min(max(tick(rng), MIN_TICK), MAX_TICK)


def market_sqrt_price(rng: Random) -> int:
    """A price people trade at, for tokens of any two decimals in either order."""
    decimals0, decimals1 = rng.choice(DECIMALS), rng.choice(DECIMALS)
    cents = int(pow(10.0, rng.uniform(0, 10)))
    numerator, denominator = cents * 10**decimals1, 10_000 * 10**decimals0
    if rng.random() < 0.5:
        numerator, denominator = denominator, numerator
    price = isqrt(numerator * Q192 // denominator)
    return min(max(price, MIN_SQRT_PRICE_X96), MAX_SQRT_PRICE_X96 - 1)


def valid_sqrt_price(rng: Random) -> int:
    """A sqrt price a pool can have: at a tick or beside it, between ticks, or a market's."""
    roll = rng.random()
    if roll < 0.4:
        price = sqrt_price_at_tick(valid_tick(rng)) + rng.choice((-1, 0, 0, 1))
    elif roll < 0.7:
        price = market_sqrt_price(rng)
    else:
        price = MIN_SQRT_PRICE_X96 + uint(rng, 160) % (MAX_SQRT_PRICE_X96 - MIN_SQRT_PRICE_X96)
    return min(max(price, MIN_SQRT_PRICE_X96), MAX_SQRT_PRICE_X96 - 1)


def sqrt_price(rng: Random) -> int:
    """Mostly what a pool can have, sometimes any 160 bits."""
    if rng.random() < 0.15:
        return uint(rng, 160)
    if rng.random() < 0.05:
        return rng.choice((MIN_SQRT_PRICE_X96 - 1, MAX_SQRT_PRICE_X96, MAX_SQRT_PRICE_X96 + 1, 0, MAX_UINT160))
    return valid_sqrt_price(rng)


def sqrt_price_near(rng: Random, price: int) -> int:
    """A second price a small or large ratio away, or the same, or its neighbour."""
    roll = rng.random()
    if roll < 0.1:
        return price
    if roll < 0.2:
        return min(max(price + rng.randrange(-3, 4), 0), MAX_UINT160)
    if roll < 0.8:
        shift = (price >> rng.randrange(1, 40)) * rng.choice((-1, 1))
        return min(max(price + shift, 0), MAX_UINT160)
    return sqrt_price(rng)


def liquidity(rng: Random) -> int:
    return uint(rng, 128)


def amount(rng: Random) -> int:
    """Any 256 bits, or a human number of a token with usual decimals."""
    if rng.random() < 0.3:
        return int(pow(10.0, rng.uniform(1, 12))) * int(10 ** rng.choice(DECIMALS)) // 1000
    return uint(rng)


def amount_near(rng: Random, exact: int) -> int:
    """At, just beside, or at a fraction or multiple of an amount that matters."""
    roll = rng.random()
    if roll < 0.4:
        near = exact + rng.randrange(-3, 4)
    elif roll < 0.9:
        near = exact * rng.randrange(1, 2001) // 1000
    else:
        near = amount(rng)
    return min(max(near, 0), MAX_UINT256)


def reserve_amount(rng: Random, price: int, depth: int, *, token0: bool) -> int:
    """An amount of the order of the virtual reserve, where next prices are neither trivial nor out of bounds."""
    reserve = depth * Q96 // max(price, 1) if token0 else depth * price // Q96
    return amount_near(rng, reserve)


def signed128(rng: Random, beside: int) -> int:
    """A liquidity change: any, or one that brings ``beside`` to a bound."""
    if rng.random() < 0.4:
        delta = rng.choice((-beside, MAX_UINT128 - beside)) + rng.randrange(-2, 3)
    else:
        delta = uint(rng, 128) * rng.choice((-1, 1))
    return min(max(delta, -(2**127)), 2**127 - 1)
