"""Following recorded events in compiled code: the recorded book and price path, our own liquidity sharing the fees.

A Swap log does not say what the trader asked for: an exact input, an exact output or a price to stop at, and each
rounds differently. So each is tried on the pool as it stands, and the one that gives the recorded amounts, price, tick
and liquidity to the last unit is carried out. A swap that none of them explains (the book is not all known) is walked
to the recorded price, its last step's fee being what is left of the recorded input; then price, tick and liquidity are
set as recorded, and the differences are counted.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from keeper.model.swap_step import PIPS
from keeper.model.ticks import MAX_SQRT_PRICE_X96, MAX_TICK, MIN_SQRT_PRICE_X96, MIN_TICK
from keeper.world.tape.events import EventKind
from keeper.world.tape.exact_liquidity import DONE as MOVED
from keeper.world.tape.exact_liquidity import forget_if_empty, tick_refuses, update_tick
from keeper.world.tape.exact_own import earn_step
from keeper.world.tape.exact_state import (
    CURSOR,
    FEE_PIPS,
    FEE_PROTOCOL,
    GROWTH,
    LIQUIDITY,
    PRICE,
    PROTOCOL_FEES,
    SPACING,
    TICK,
    known_price_at,
    ticks_at_or_below,
)
from keeper.world.tape.exact_swap import (
    AMOUNT_0,
    AMOUNT_1,
    DONE,
    EARNING,
    FEE_PAID,
    FITTING,
    LIQUIDITY_AFTER,
    OUTCOME,
    PRICE_AFTER,
    TICK_AFTER,
    TRIAL,
    add_signed,
    swap_into,
)
from keeper.world.tape.limbs import u128, u256, u512
from keeper.world.tape.limbs_compiled import entry, inner
from keeper.world.tape.limbs_division import divide, scaled
from keeper.world.tape.limbs_memory import Words, load_128, load_256, load_int, store_128, store_256, store_int

_SWAP, _MINT, _BURN = int(EventKind.SWAP), int(EventKind.MINT), int(EventKind.BURN)
_INITIALIZE, _FLASH = int(EventKind.INITIALIZE), int(EventKind.FLASH)
_SET_FEE_PROTOCOL, _COLLECT_PROTOCOL = int(EventKind.SET_FEE_PROTOCOL), int(EventKind.COLLECT_PROTOCOL)
_LOWEST: Final = MIN_SQRT_PRICE_X96 + 1
_HIGHEST: Final = tuple(MAX_SQRT_PRICE_X96 - 1 >> shift & (1 << 64) - 1 for shift in (0, 64, 128))

# Where the report counts; each kind of difference is a count and the index of the first, or -1.
EXACT_INPUT: Final = 0
EXACT_OUTPUT: Final = 1
PRICE_LIMIT: Final = 2
UNEXPLAINED: Final = 3
DIFFERS_0: Final = 5
DIFFERS_1: Final = 7
DIFFERS_TICK: Final = 9
DIFFERS_LIQUIDITY: Final = 11
REFUSED: Final = 13
REPORT: Final = 15


@inner
def _note(report: NDArray[np.int64], kind: int, index: int) -> None:
    if report[kind] == 0:
        report[kind + 1] = index
    report[kind] += 1


@inner
def _set_point(pool: Words, price: int, tick: int, liquidity: int) -> None:
    store_256(pool, PRICE, price)
    store_128(pool, LIQUIDITY, liquidity)
    store_int(pool, TICK, tick)
    store_int(pool, CURSOR, ticks_at_or_below(pool, tick))


@inner
def _beyond(pool: Words, tick: int, zero_for_one: bool) -> int:
    """One spacing beyond the recorded tick: a wrong guess runs no further than that into the book."""
    spacing = load_int(pool, SPACING)
    if zero_for_one:
        price = known_price_at(pool, max(tick - spacing, MIN_TICK))
        return price if price >= _LOWEST else u256(_LOWEST)
    price = known_price_at(pool, min(tick + 1 + spacing, MAX_TICK))
    highest = u256(_HIGHEST[0]) | u256(_HIGHEST[1]) << 64 | u256(_HIGHEST[2]) << 128
    return price if price <= highest else highest


@inner
def _matches(found: Words, amount_0: int, amount_1: int, price: int, tick: int, liquidity: int) -> bool:
    return (
        load_256(found, AMOUNT_0) == amount_0
        and load_256(found, AMOUNT_1) == amount_1
        and load_256(found, PRICE_AFTER) == price
        and load_int(found, TICK_AFTER) == tick
        and load_128(found, LIQUIDITY_AFTER) == liquidity
    )


@inner
def _share(pool: Words, own: Words, fee: int, side: int) -> None:
    """A fee that moved no price (a flash's, or what is left of a swap that did not): to all in range, as the pool's."""
    cut, liquidity = load_int(pool, FEE_PROTOCOL + side), load_128(pool, LIQUIDITY)
    if cut > 0:
        part, _ = divide(u512(fee), u256(cut))
        fee -= part
        at = PROTOCOL_FEES + 2 * side
        store_128(pool, at, load_128(pool, at) + u128(part))
    if liquidity != 0 and fee >> 128 < liquidity:
        grown, _ = divide(u512(fee) << 128, u256(liquidity))
        store_256(pool, GROWTH + 4 * side, load_256(pool, GROWTH + 4 * side) + grown)
    price = load_256(pool, PRICE)
    earn_step(own, liquidity, price, price, load_int(pool, TICK), fee, side)


@inner
def _is_zero_for_one(pool: Words, amount_0: int, amount_1: int, price: int) -> bool:
    """Whether token0 was paid in; a swap without amounts is told by where its price went."""
    if (amount_0 != 0 and amount_0 >> 255 == 0) or amount_1 >> 255 != 0:
        return True
    if (amount_1 != 0 and amount_1 >> 255 == 0) or amount_0 >> 255 != 0:
        return False
    return price < load_256(pool, PRICE)


@inner
def _walk_to(pool: Words, own: Words, found: Words, zero_for_one: bool, paid: int, price: int) -> int:
    """A swap that nothing explains, walked to the recorded price; ``paid`` is the recorded input."""
    store_256(found, FEE_PAID, paid)
    return swap_into(pool, zero_for_one, u256(0) - (u256(1) << 200), price, found, 0, own, FITTING)


@inner
def _follow_swap(
    pool: Words,
    own: Words,
    found: Words,
    report: NDArray[np.int64],
    index: int,
    amount_0: int,
    amount_1: int,
    price: int,
    tick: int,
    liquidity: int,
) -> None:
    if load_256(pool, PRICE) == 0:  # the first word of the tape about the price
        _set_point(pool, price, tick, liquidity)
        return
    zero_for_one = _is_zero_for_one(pool, amount_0, amount_1, price)
    paid, received = (amount_0, amount_1) if zero_for_one else (amount_1, amount_0)
    limit = _beyond(pool, tick, zero_for_one)
    for manner in range(3):
        asked = paid if manner == EXACT_INPUT else received
        if manner == PRICE_LIMIT:
            asked, limit = u256(0) - (u256(1) << 200), price
        if swap_into(pool, zero_for_one, asked, limit, found, 0, own, TRIAL) != DONE:
            continue
        if _matches(found, amount_0, amount_1, price, tick, liquidity):
            swap_into(pool, zero_for_one, asked, limit, found, 0, own, EARNING)
            report[manner] += 1
            return
    _note(report, UNEXPLAINED, index)
    side = 0 if zero_for_one else 1
    if _walk_to(pool, own, found, zero_for_one, paid, price) != DONE:
        if paid >> 255 == 0:  # no way there at all: the fee of an exact input where the pool stands
            inverse, shift = u128(0), 0
            kept, _ = scaled(paid, PIPS - load_int(pool, FEE_PIPS), PIPS, inverse, shift)
            _share(pool, own, paid - kept, side)
        _note(report, DIFFERS_0, index)
        _note(report, DIFFERS_1, index)
    else:
        if load_256(found, AMOUNT_0) != amount_0:
            _note(report, DIFFERS_0, index)
        if load_256(found, AMOUNT_1) != amount_1:
            _note(report, DIFFERS_1, index)
    if load_int(pool, TICK) != tick:
        _note(report, DIFFERS_TICK, index)
    if load_128(pool, LIQUIDITY) != liquidity:
        _note(report, DIFFERS_LIQUIDITY, index)
    _set_point(pool, price, tick, liquidity)


@inner
def _move_book(pool: Words, lower: int, upper: int, change: int, most: int) -> bool:
    """A recorded mint or burn; whether the book could take it."""
    in_range = load_256(pool, PRICE) != 0 and lower <= load_int(pool, TICK) < upper
    active, fits = add_signed(load_128(pool, LIQUIDITY), change if in_range else u128(0), False)
    if fits:
        store_128(pool, LIQUIDITY, active)
    if (
        tick_refuses(pool, lower, change, False, most) != MOVED
        or tick_refuses(pool, upper, change, True, most) != MOVED
    ):
        return False
    update_tick(pool, lower, change, False)
    update_tick(pool, upper, change, True)
    forget_if_empty(pool, lower)
    forget_if_empty(pool, upper)
    return fits


@entry
def follow_events(
    pool: Words,
    own: Words,
    kinds: NDArray[np.uint8],
    amounts_0: Words,
    amounts_1: Words,
    prices: Words,
    liquidities: Words,
    ticks: NDArray[np.int32],
    lowers: NDArray[np.int32],
    uppers: NDArray[np.int32],
    most: Words,
    report: NDArray[np.int64],
) -> None:
    found, limit = np.zeros(OUTCOME, dtype=np.uint64), load_128(most, 0)
    for index in range(len(kinds)):
        kind = kinds[index]
        amount_0, amount_1 = load_256(amounts_0, 4 * index), load_256(amounts_1, 4 * index)
        price, liquidity = load_256(prices, 4 * index), load_128(liquidities, 2 * index)
        if kind == _SWAP:
            tick = int(ticks[index])
            _follow_swap(pool, own, found, report, index, amount_0, amount_1, price, tick, liquidity)
        elif kind in (_MINT, _BURN):
            change = liquidity if kind == _MINT else u128(0) - liquidity
            if change != 0 and not _move_book(pool, int(lowers[index]), int(uppers[index]), change, limit):
                _note(report, REFUSED, index)
        elif kind == _FLASH and load_256(pool, PRICE) != 0:
            _share(pool, own, amount_0, 0)
            _share(pool, own, amount_1, 1)
        elif kind == _SET_FEE_PROTOCOL:
            store_int(pool, FEE_PROTOCOL, amount_1 & 15)
            store_int(pool, FEE_PROTOCOL + 1, amount_1 >> 4 & 15)
        elif kind == _COLLECT_PROTOCOL:
            store_128(pool, PROTOCOL_FEES, load_128(pool, PROTOCOL_FEES) - u128(amount_0))
            store_128(pool, PROTOCOL_FEES + 2, load_128(pool, PROTOCOL_FEES + 2) - u128(amount_1))
        elif kind == _INITIALIZE:
            _set_point(pool, price, int(ticks[index]), u128(0))
