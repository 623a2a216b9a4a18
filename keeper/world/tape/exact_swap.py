"""Swaps in compiled code: ``UniswapV3Pool.swap`` with its crossings, fee growth and protocol fee, bit for bit.

A swap works on local figures and writes the pool at its end; the ticks it crosses are turned at once and turned back if
it is refused, so a refused swap leaves nothing behind.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from keeper.model.ticks import MAX_SQRT_PRICE_X96, MAX_TICK, MIN_SQRT_PRICE_X96, MIN_TICK
from keeper.world.tape.exact_math import swap_step, tick_at_sqrt_price
from keeper.world.tape.exact_state import (
    COUNT,
    CURSOR,
    FEE_PIPS,
    FEE_PROTOCOL,
    GROWTH,
    LIQUIDITY,
    NET,
    OUTSIDE,
    PRICE,
    PROTOCOL_FEES,
    SPACING,
    TICK,
    PoolArrays,
    Words,
    known_price_at,
    load_128,
    load_256,
    store_128,
    store_256,
)
from keeper.world.tape.limbs import entry, inner, u128, u256, u512
from keeper.world.tape.limbs_division import divide

DONE: Final = 0
AMOUNT_IS_ZERO: Final = 1
LIMIT_IS_WRONG: Final = 2
LIQUIDITY_OVERFLOWS: Final = 3
GROWTH_OVERFLOWS: Final = 4

# Where ``swap_once`` puts what it found, in words.
AMOUNT_0: Final = 0
AMOUNT_1: Final = 4
FEE_PAID: Final = 8
PROTOCOL_FEE: Final = 12
OUTCOME: Final = 16

_LOWEST: Final = MIN_SQRT_PRICE_X96
_HIGHEST: Final = tuple(MAX_SQRT_PRICE_X96 >> shift & (1 << 64) - 1 for shift in (0, 64, 128))


@inner
def _limit_is_allowed(price: int, limit: int, zero_for_one: bool) -> bool:
    if zero_for_one:
        return limit < price and limit > _LOWEST
    highest = u256(_HIGHEST[0]) | u256(_HIGHEST[1]) << 64 | u256(_HIGHEST[2]) << 128
    return limit > price and limit < highest


@inner
def next_tick(pool: PoolArrays, tick: int, cursor: int, zero_for_one: bool) -> tuple[int, int]:
    """The tick a step may run to (``TickBitmap`` looks no further than one word of 256 spacings), and the row of its
    record; -1 if it is not initialized."""
    spacing = pool.numbers[SPACING]
    compressed = tick // spacing
    if zero_for_one:
        edge = (compressed >> 8 << 8) * spacing
        if cursor and pool.order_tick[cursor - 1] >= edge:
            return pool.order_tick[cursor - 1], pool.order_row[cursor - 1]
        return max(edge, MIN_TICK), -1
    edge = ((compressed + 1) | 255) * spacing
    if cursor < pool.numbers[COUNT] and pool.order_tick[cursor] <= edge:
        return pool.order_tick[cursor], pool.order_row[cursor]
    return min(edge, MAX_TICK), -1


@inner
def add_signed(liquidity: int, change: int, subtract: bool) -> tuple[int, bool]:
    """``LiquidityMath.addDelta`` of a ``u128`` and a signed 128-bit change; whether the contract allows it."""
    change = u128(0) - change if subtract else change
    total = liquidity + change
    return total, (total < liquidity) if change >> 127 != 0 else (total >= liquidity)


@inner
def cross_tick(pool: PoolArrays, row: int, growth: int, other_growth: int, zero_for_one: bool) -> None:
    """``Tick.cross``: what grew on this side of the tick is now on the other."""
    record, token_in = pool.records[row], 0 if zero_for_one else 4
    store_256(record, OUTSIDE + token_in, growth - load_256(record, OUTSIDE + token_in))
    store_256(record, OUTSIDE + 4 - token_in, other_growth - load_256(record, OUTSIDE + 4 - token_in))


@inner
def _undo_crossings(pool: PoolArrays, cursor: int, crossed: int, zero_for_one: bool) -> None:
    for index in range(crossed):
        place = cursor - 1 - index if zero_for_one else cursor + index
        pool.records[pool.order_row[place], OUTSIDE : OUTSIDE + 8] = pool.crossed_outside[index]


@inner
def _swap(
    pool: PoolArrays, zero_for_one: bool, amount: int, limit: int
) -> tuple[int, int, int, int, int, int]:
    """Status, specified amount left, calculated amount, fee paid, protocol fee, ticks crossed."""
    nothing = u256(0)
    price = load_256(pool.words, PRICE)
    if amount == 0:
        return AMOUNT_IS_ZERO, nothing, nothing, nothing, u128(0), 0
    if not _limit_is_allowed(price, limit, zero_for_one):
        return LIMIT_IS_WRONG, nothing, nothing, nothing, u128(0), 0
    side = 0 if zero_for_one else 1
    fee_pips, fee_protocol = pool.numbers[FEE_PIPS], pool.numbers[FEE_PROTOCOL + side]
    liquidity = load_128(pool.words, LIQUIDITY)
    growth, other_growth = load_256(pool.words, GROWTH + 4 * side), load_256(pool.words, GROWTH + 4 - 4 * side)
    tick, cursor = pool.numbers[TICK], pool.numbers[CURSOR]
    exact_input = amount >> 255 == 0
    remaining, calculated, fee_paid, protocol, crossed = amount, u256(0), u256(0), u128(0), 0
    status = DONE
    while remaining != 0 and price != limit:
        tick_next, row = next_tick(pool, tick, cursor, zero_for_one)
        sqrt_next = known_price_at(pool, tick_next)
        beyond = sqrt_next < limit if zero_for_one else sqrt_next > limit
        start = price
        price, paid, received, fee = swap_step(start, limit if beyond else sqrt_next, liquidity, remaining, fee_pips)
        fee_paid += fee
        if exact_input:
            remaining -= paid + fee
            calculated -= received
        else:
            remaining += received
            calculated += paid + fee
        if fee_protocol > 0:
            share, _ = divide(u512(fee), u256(fee_protocol))
            fee -= share
            protocol += u128(share)
        if liquidity != 0:
            if fee >> 128 >= liquidity:
                status = GROWTH_OVERFLOWS
                break
            grown, _ = divide(u512(fee) << 128, u256(liquidity))
            growth += grown
        if price == sqrt_next:
            tick = tick_next - 1 if zero_for_one else tick_next
            if row >= 0:
                pool.crossed_tick[crossed] = tick_next
                pool.crossed_outside[crossed] = pool.records[row, OUTSIDE : OUTSIDE + 8]
                crossed += 1
                cursor += -1 if zero_for_one else 1
                cross_tick(pool, row, growth, other_growth, zero_for_one)
                liquidity, allowed = add_signed(liquidity, load_128(pool.records[row], NET), zero_for_one)
                if not allowed:
                    status = LIQUIDITY_OVERFLOWS
                    break
        elif price != start:
            tick = tick_at_sqrt_price(price)
    if status != DONE:
        _undo_crossings(pool, pool.numbers[CURSOR], crossed, zero_for_one)
        return status, nothing, nothing, nothing, u128(0), 0
    pool.numbers[TICK], pool.numbers[CURSOR] = tick, cursor
    store_256(pool.words, PRICE, price)
    store_128(pool.words, LIQUIDITY, liquidity)
    store_256(pool.words, GROWTH + 4 * side, growth)
    fees_at = PROTOCOL_FEES + 2 * side
    store_128(pool.words, fees_at, load_128(pool.words, fees_at) + protocol)
    return status, amount - remaining, calculated, fee_paid, protocol, crossed


@entry
def swap_once(pool: PoolArrays, zero_for_one: bool, amount: Words, limit: Words, outcome: Words) -> tuple[int, int]:
    """One swap; status and how many ticks it crossed. ``outcome`` takes both amounts, fee paid and protocol fee."""
    specified = load_256(amount, 0)
    status, done, calculated, fee_paid, protocol, crossed = _swap(pool, zero_for_one, specified, load_256(limit, 0))
    token0_specified = zero_for_one == (specified >> 255 == 0)
    store_256(outcome, AMOUNT_0, done if token0_specified else calculated)
    store_256(outcome, AMOUNT_1, calculated if token0_specified else done)
    store_256(outcome, FEE_PAID, fee_paid)
    store_128(outcome, PROTOCOL_FEE, protocol)
    return status, crossed


@entry
def swap_many(
    pool: PoolArrays,
    zero_for_one: NDArray[np.bool_],
    amounts: Words,
    limits: Words,
    amount_0: Words,
    amount_1: Words,
    after: Words,
    ticks: NDArray[np.int32],
    statuses: NDArray[np.int8],
) -> None:
    """Swap after swap; a refused one leaves the pool as it was. ``after``: price and liquidity in six words."""
    for index in range(len(zero_for_one)):
        direction = zero_for_one[index]
        specified, limit = load_256(amounts[index], 0), load_256(limits[index], 0)
        status, done, calculated, _, _, _ = _swap(pool, direction, specified, limit)
        token0_specified = direction == (specified >> 255 == 0)
        store_256(amount_0[index], 0, done if token0_specified else calculated)
        store_256(amount_1[index], 0, calculated if token0_specified else done)
        after[index, :] = pool.words[PRICE : LIQUIDITY + 2]
        ticks[index] = pool.numbers[TICK]
        statuses[index] = status
