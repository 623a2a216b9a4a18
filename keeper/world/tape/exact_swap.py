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
from keeper.world.tape.exact_own import earn_step
from keeper.world.tape.exact_state import (
    COUNT,
    CURSOR,
    FEE_PIPS,
    FEE_PROTOCOL,
    GROWTH,
    INVERSE,
    LIQUIDITY,
    NET,
    ORDER,
    OUTSIDE,
    PRICE,
    PROTOCOL_FEES,
    SPACING,
    TICK,
    UNDO,
    known_price_at,
)
from keeper.world.tape.limbs import as_word, kept_apart, u128, u256, u512
from keeper.world.tape.limbs_compiled import entry, inner
from keeper.world.tape.limbs_division import divide
from keeper.world.tape.limbs_memory import Words, load_128, load_256, load_int, store_128, store_256, store_int

DONE: Final = 0
AMOUNT_IS_ZERO: Final = 1
LIMIT_IS_WRONG: Final = 2
LIQUIDITY_OVERFLOWS: Final = 3
GROWTH_OVERFLOWS: Final = 4

PLAIN: Final = 0
TRIAL: Final = 1
EARNING: Final = 2
FITTING: Final = 3

# What is found of a swap, in words.
AMOUNT_0: Final = 0
AMOUNT_1: Final = 4
PRICE_AFTER: Final = 8
LIQUIDITY_AFTER: Final = 12
TICK_AFTER: Final = 14
STATUS: Final = 15
FEE_PAID: Final = 16
PROTOCOL_FEE: Final = 20
OUTCOME: Final = 22

_LOWEST: Final = MIN_SQRT_PRICE_X96
_HIGHEST: Final = tuple(MAX_SQRT_PRICE_X96 >> shift & (1 << 64) - 1 for shift in (0, 64, 128))


@inner
def _limit_is_allowed(price: int, limit: int, zero_for_one: bool) -> bool:
    if zero_for_one:
        return limit < price and limit > _LOWEST
    highest = u256(_HIGHEST[0]) | u256(_HIGHEST[1]) << 64 | u256(_HIGHEST[2]) << 128
    return limit > price and limit < highest


@inner
def next_tick(pool: Words, tick: int, cursor: int, zero_for_one: bool) -> tuple[int, int]:
    """The tick a step may run to (``TickBitmap`` looks no further than one word of 256 spacings), and the place of its
    record; -1 if it is not initialized."""
    spacing = load_int(pool, SPACING)
    compressed = tick // spacing
    if zero_for_one:
        at, edge = ORDER + 2 * cursor - 2, (compressed >> 8 << 8) * spacing
        if cursor > 0 and load_int(pool, at) >= edge:
            return load_int(pool, at), load_int(pool, at + 1)
        return max(edge, MIN_TICK), -1
    at, edge = ORDER + 2 * cursor, ((compressed + 1) | 255) * spacing
    if cursor < load_int(pool, COUNT) and load_int(pool, at) <= edge:
        return load_int(pool, at), load_int(pool, at + 1)
    return min(edge, MAX_TICK), -1


@inner
def add_signed(liquidity: int, change: int, subtract: bool) -> tuple[int, bool]:
    """``LiquidityMath.addDelta`` of a ``u128`` and a signed 128-bit change; whether the contract allows it."""
    change = u128(0) - change if subtract else change
    total = liquidity + change
    return total, (total < liquidity) if change >> 127 != 0 else (total >= liquidity)


@inner
def cross_tick(pool: Words, record: int, side: int, growth: int, other_growth: int) -> None:
    """``Tick.cross``: what grew on this side of the tick is now on the other. ``side``: the token of ``growth``."""
    for index in range(8):
        store_int(pool, record + UNDO + index, load_int(pool, record + OUTSIDE + index))
    own, other = record + OUTSIDE + 4 * side, record + OUTSIDE + 4 - 4 * side
    store_256(pool, own, growth - load_256(pool, own))
    store_256(pool, other, other_growth - load_256(pool, other))


@inner
def _undo_crossings(pool: Words, reached: int) -> None:
    first, last = load_int(pool, CURSOR), reached
    if first > last:
        first, last = last, first
    for place in range(first, last):
        record = load_int(pool, ORDER + 2 * place + 1)
        for index in range(8):
            store_int(pool, record + OUTSIDE + index, load_int(pool, record + UNDO + index))


@inner
def swap_into(
    pool: Words, zero_for_one: bool, amount: int, limit: int, found: Words, at: int, own: Words, mode: int
) -> int:
    """One swap; why it is refused, or DONE. What it did goes into ``found`` from ``at`` on (OUTCOME words).

    ``mode`` PLAIN is the contract's swap. TRIAL tells what it would do and leaves the pool alone. EARNING gives
    liquidity of our own (``exact_own``) its share of every step's fee; FITTING does too and makes the last step's fee
    what is left of the input that stands in ``found`` at FEE_PAID.
    """
    kept_apart()
    price, fitted = load_256(pool, PRICE), load_256(found, at + FEE_PAID)
    for index in range(at, at + OUTCOME):
        store_int(found, index, 0)
    if amount == 0:
        return AMOUNT_IS_ZERO
    if not _limit_is_allowed(price, limit, zero_for_one):
        return LIMIT_IS_WRONG
    side = 0 if zero_for_one else 1
    fees = load_int(pool, FEE_PIPS), load_128(pool, INVERSE), load_int(pool, INVERSE + 2)
    fee_protocol = load_int(pool, FEE_PROTOCOL + side)
    liquidity = load_128(pool, LIQUIDITY)
    growth, other_growth = load_256(pool, GROWTH + 4 * side), load_256(pool, GROWTH + 4 - 4 * side)
    tick, cursor = load_int(pool, TICK), load_int(pool, CURSOR)
    exact_input = amount >> 255 == 0
    remaining, calculated, fee_paid, protocol = amount, u256(0), u256(0), u128(0)
    status = DONE
    while remaining != 0 and price != limit:
        tick_next, record = next_tick(pool, tick, cursor, zero_for_one)
        sqrt_next = known_price_at(pool, tick_next)
        beyond = sqrt_next < limit if zero_for_one else sqrt_next > limit
        start = price
        price, paid, received, fee = swap_step(start, limit if beyond else sqrt_next, liquidity, remaining, fees)
        if mode == FITTING and price == limit:
            fee = fitted - calculated - paid if fitted > calculated + paid else u256(0)
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
        if mode >= EARNING:
            earn_step(own, liquidity, start, price, tick, fee, side)
        if price == sqrt_next:
            tick = tick_next - 1 if zero_for_one else tick_next
            if record >= 0:
                cursor += -1 if zero_for_one else 1
                cross_tick(pool, record, side, growth, other_growth)
                liquidity, allowed = add_signed(liquidity, load_128(pool, record + NET), zero_for_one)
                if not allowed:
                    status = LIQUIDITY_OVERFLOWS
                    break
        elif price != start:
            tick = tick_at_sqrt_price(price)
    if status != DONE or mode == TRIAL:
        _undo_crossings(pool, cursor)
    if status != DONE:
        return status
    token0_specified = zero_for_one == exact_input
    store_256(found, at + AMOUNT_0, amount - remaining if token0_specified else calculated)
    store_256(found, at + AMOUNT_1, calculated if token0_specified else amount - remaining)
    store_256(found, at + PRICE_AFTER, price)
    store_128(found, at + LIQUIDITY_AFTER, liquidity)
    store_int(found, at + TICK_AFTER, tick)
    store_256(found, at + FEE_PAID, fee_paid)
    store_128(found, at + PROTOCOL_FEE, protocol)
    if mode != TRIAL:
        store_int(pool, TICK, tick)
        store_int(pool, CURSOR, cursor)
        store_256(pool, PRICE, price)
        store_128(pool, LIQUIDITY, liquidity)
        store_256(pool, GROWTH + 4 * side, growth)
        fees_at = PROTOCOL_FEES + 2 * side
        store_128(pool, fees_at, load_128(pool, fees_at) + protocol)
    return status


@entry
def swap_many(pool: Words, zero_for_one: NDArray[np.bool_], amounts: Words, limits: Words, found: Words) -> None:
    """Swap after swap; a refused one leaves the pool as it was. Amounts and limits have four words each, ``found``
    takes OUTCOME words for each."""
    for index in range(len(zero_for_one)):
        amount, limit, at = load_256(amounts, 4 * index), load_256(limits, 4 * index), OUTCOME * index
        status = swap_into(pool, zero_for_one[index], amount, limit, found, at, found, PLAIN)
        if status != DONE:
            found[at + STATUS], found[at + TICK_AFTER] = as_word(status), pool[TICK]
            store_256(found, at + PRICE_AFTER, load_256(pool, PRICE))
            store_128(found, at + LIQUIDITY_AFTER, load_128(pool, LIQUIDITY))
