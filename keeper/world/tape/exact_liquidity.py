"""Liquidity in compiled code: ``UniswapV3Pool._modifyPosition`` and the two libraries beneath it, bit for bit.

Everything that may be refused is looked at before anything is written.
"""

from __future__ import annotations

from typing import Final

from keeper.world.tape.exact_math import amount0_delta, amount1_delta
from keeper.world.tape.exact_state import (
    GROSS,
    GROWTH,
    LIQUIDITY,
    NET,
    OUTSIDE,
    PRICE,
    SPACING,
    TICK,
    insert_tick,
    known_price_at,
    record_of,
    remove_tick,
)
from keeper.world.tape.exact_swap import add_signed
from keeper.world.tape.limbs import full_product, kept_apart, u128, u256
from keeper.world.tape.limbs_compiled import entry, inner
from keeper.world.tape.limbs_memory import Words, load_128, load_256, load_int, store_128, store_256, store_int

DONE: Final = 0
TICK_IS_UNUSABLE: Final = 5
TICK_IS_FULL: Final = 6
LIQUIDITY_IS_MISSING: Final = 7

# A position's words.
HELD: Final = 0
INSIDE: Final = 2  # token0, then token1 at INSIDE + 4
OWED: Final = 10  # token0, then token1 at OWED + 2
POSITION: Final = 14


@inner
def tick_refuses(pool: Words, tick: int, change: int, upper: bool, most: int) -> int:
    """Why ``Tick.update`` and ``flipTick`` would refuse a change of liquidity at this tick; DONE if not at all."""
    kept_apart()
    record, gross, net = record_of(pool, tick), u128(0), u128(0)
    if record >= 0:
        gross, net = load_128(pool, record + GROSS), load_128(pool, record + NET)
    after, allowed = add_signed(gross, change, False)
    if not allowed:
        return LIQUIDITY_IS_MISSING
    if after > most:
        return TICK_IS_FULL
    if (gross == 0) != (after == 0) and tick % load_int(pool, SPACING) != 0:
        return TICK_IS_UNUSABLE
    signed = u128(0) - change if upper else change
    wrapped = (net ^ (net + signed)) & (signed ^ (net + signed))
    return TICK_IS_FULL if wrapped >> 127 != 0 else DONE


@inner
def update_tick(pool: Words, tick: int, change: int, upper: bool) -> None:
    """``Tick.update`` of a change that is not refused; a tick is forgotten with its last liquidity (the fee growth
    inside a position is read before that)."""
    kept_apart()
    record = record_of(pool, tick)
    if record < 0:
        record = insert_tick(pool, tick)
        if tick <= load_int(pool, TICK):
            # By convention all growth before a tick was initialized happened below it.
            for index in range(8):
                store_int(pool, record + OUTSIDE + index, load_int(pool, GROWTH + index))
    gross, net = load_128(pool, record + GROSS), load_128(pool, record + NET)
    store_128(pool, record + GROSS, gross + change)
    store_128(pool, record + NET, net - change if upper else net + change)


@inner
def forget_if_empty(pool: Words, tick: int) -> None:
    record = record_of(pool, tick)
    if record >= 0 and load_128(pool, record + GROSS) == 0:
        remove_tick(pool, tick)


@inner
def growth_inside(pool: Words, lower: int, upper: int, token: int) -> int:
    """``Tick.getFeeGrowthInside`` of one token, Q128.128 modulo 2**256."""
    kept_apart()
    total = load_256(pool, GROWTH + 4 * token)
    outside_lower, outside_upper = u256(0), u256(0)
    record = record_of(pool, lower)
    if record >= 0:
        outside_lower = load_256(pool, record + OUTSIDE + 4 * token)
    record = record_of(pool, upper)
    if record >= 0:
        outside_upper = load_256(pool, record + OUTSIDE + 4 * token)
    below = outside_lower if load_int(pool, TICK) >= lower else total - outside_lower
    above = outside_upper if load_int(pool, TICK) < upper else total - outside_upper
    return total - below - above


@inner
def _earn(pool: Words, position: Words, lower: int, upper: int) -> None:
    """The fees since the last update, as ``Position.update``: truncated to 128 bits twice."""
    held = u256(load_128(position, HELD))
    for token in range(2):
        inside = growth_inside(pool, lower, upper, token)
        earned = full_product(inside - load_256(position, INSIDE + 4 * token), held) >> 128
        store_256(position, INSIDE + 4 * token, inside)
        store_128(position, OWED + 2 * token, load_128(position, OWED + 2 * token) + u128(earned))


@inner
def _amounts(pool: Words, lower: int, upper: int, liquidity: int, round_up: bool) -> tuple[int, int]:
    """What stands behind liquidity in a range. The tick decides and not the price, as in the pool."""
    sqrt_lower, sqrt_upper = known_price_at(pool, lower), known_price_at(pool, upper)
    price = load_256(pool, PRICE)
    if load_int(pool, TICK) < lower:
        return amount0_delta(sqrt_lower, sqrt_upper, liquidity, round_up), u256(0)
    if load_int(pool, TICK) >= upper:
        return u256(0), amount1_delta(sqrt_lower, sqrt_upper, liquidity, round_up)
    amount0 = amount0_delta(price, sqrt_upper, liquidity, round_up)
    return amount0, amount1_delta(sqrt_lower, price, liquidity, round_up)


@entry
def modify_position(pool: Words, position: Words, lower: int, upper: int, limits: Words, outcome: Words) -> int:
    """Mint (a positive change), burn (a negative one) or poke (none); why it is refused, or DONE. ``limits``: the
    change and the most liquidity of one tick, two words each. ``outcome`` takes both amounts."""
    change, most = load_128(limits, 0), load_128(limits, 2)
    burns = change >> 127 != 0
    held, allowed = add_signed(load_128(position, HELD), change, False)
    if not allowed or (change == 0 and held == 0):
        return LIQUIDITY_IS_MISSING
    in_range = lower <= load_int(pool, TICK) < upper
    active, allowed = add_signed(load_128(pool, LIQUIDITY), change if in_range else u128(0), False)
    if not allowed:
        return LIQUIDITY_IS_MISSING
    if change != 0:
        refusal = tick_refuses(pool, lower, change, False, most)
        if refusal == DONE:
            refusal = tick_refuses(pool, upper, change, True, most)
        if refusal != DONE:
            return refusal
        update_tick(pool, lower, change, False)
        update_tick(pool, upper, change, True)
    _earn(pool, position, lower, upper)
    if burns:
        forget_if_empty(pool, lower)
        forget_if_empty(pool, upper)
    store_128(position, HELD, held)
    amount0, amount1 = _amounts(pool, lower, upper, u128(0) - change if burns else change, not burns)
    store_128(pool, LIQUIDITY, active)
    if burns:
        store_128(position, OWED, load_128(position, OWED) + u128(amount0))
        store_128(position, OWED + 2, load_128(position, OWED + 2) + u128(amount1))
    store_256(outcome, 0, amount0)
    store_256(outcome, 4, amount1)
    return DONE
