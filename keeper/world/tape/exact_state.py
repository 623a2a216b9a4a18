"""A pool's state as one run of 64-bit words, and the sorted book of its initialized ticks in it.

One array, because compiled code pays for every array that a function is handed. It holds single figures, a memory of
ticks' prices, the order of the initialized ticks and their records. An entry of the order is a tick and the place of
its record, so that a new tick moves two words for each one above it and no record; the entries beyond the last tick
hold the places that are free. ``CURSOR`` counts the initialized ticks at or below the current tick: a swap finds the
next one beside it without a search.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from keeper.model.swap_step import PIPS
from keeper.world.tape.events import limbs
from keeper.world.tape.exact_math import sqrt_price_at_tick
from keeper.world.tape.limbs_compiled import inner
from keeper.world.tape.limbs_division import inverse_of
from keeper.world.tape.limbs_memory import Words, load_256, load_int, store_256, store_int

# Where single figures lie.
PRICE: Final = 0
LIQUIDITY: Final = 4
GROWTH: Final = 6  # token0, then token1 at GROWTH + 4
PROTOCOL_FEES: Final = 14  # token0, then token1 at PROTOCOL_FEES + 2
TICK: Final = 18
CURSOR: Final = 19
COUNT: Final = 20  # initialized ticks
CAPACITY: Final = 21  # the most there may be
FEE_PROTOCOL: Final = 22  # of token0, then of token1
FEE_PIPS: Final = 24
SPACING: Final = 25
INVERSE: Final = 26  # of 1e6 less the fee, two words, and its shift
# The memory of prices: a tick and its price, five words.
KNOWN: Final = 29
KNOWN_PRICES: Final = 2048  # a power of two
ORDER: Final = KNOWN + 5 * KNOWN_PRICES
# In a record.
GROSS: Final = 0
NET: Final = 2  # two's complement
OUTSIDE: Final = 4  # token0, then token1 at OUTSIDE + 4
UNDO: Final = 12  # what OUTSIDE was before the swap that is under way
RECORD: Final = 20


def new_pool(fee_pips: int, tick_spacing: int, capacity: int = 64) -> Words:
    """The words of a pool without a price and without liquidity."""
    pool = np.zeros(ORDER + (2 + RECORD) * capacity, dtype=np.uint64)
    pool[FEE_PIPS], pool[SPACING], pool[CAPACITY] = fee_pips, tick_spacing, capacity
    inverse, shift = inverse_of(PIPS - fee_pips)
    pool[INVERSE : INVERSE + 3] = inverse & (1 << 64) - 1, inverse >> 64, shift
    pool[KNOWN:ORDER:5] = 1 << 63  # no tick
    pool[ORDER + 1 : ORDER + 2 * capacity : 2] = ORDER + 2 * capacity + RECORD * np.arange(capacity)
    return pool


def with_room(pool: Words, ticks: int) -> Words:
    """The same pool with room for so many more initialized ticks."""
    count, capacity = int(pool[COUNT]), int(pool[CAPACITY])
    if count + ticks <= capacity:
        return pool
    larger = new_pool(int(pool[FEE_PIPS]), int(pool[SPACING]), max(count + ticks, 2 * capacity))
    room = int(larger[CAPACITY])
    larger[:ORDER] = pool[:ORDER]
    larger[CAPACITY] = room
    larger[ORDER : ORDER + 2 * count : 2] = pool[ORDER : ORDER + 2 * count : 2]
    places = pool[ORDER + 1 : ORDER + 2 * count : 2].astype(np.int64)
    records = larger[ORDER + 2 * room :].reshape(room, RECORD)
    records[:count] = pool[places[:, None] + np.arange(RECORD)]
    return larger


def lay_book(
    pool: Words, tick: int, book: Sequence[tuple[int, int, int]], outside_x128: Mapping[int, tuple[int, int]]
) -> None:
    """Put (tick, gross, net) of every initialized tick, in rising order, and the current tick into an empty pool."""
    for index, (at, gross, net) in enumerate(book):
        growth_0, growth_1 = outside_x128.get(at, (0, 0))
        record = int(pool[ORDER + 2 * index + 1])
        pool[ORDER + 2 * index] = limbs([at], 1)[0, 0]
        pool[record : record + UNDO] = np.concatenate(
            [limbs([gross, net], 2), limbs([growth_0, growth_1], 4)], axis=None
        )
    pool[COUNT], pool[CURSOR] = len(book), sum(at <= tick for at, _, _ in book)
    pool[TICK] = limbs([tick], 1)[0, 0]


@inner
def known_price_at(pool: Words, tick: int) -> int:
    """The price of a tick, computed once while its place in the memory is not taken by another."""
    place = KNOWN + 5 * ((tick * 2654435761 >> 16) & (KNOWN_PRICES - 1))
    if load_int(pool, place) == tick:
        return load_256(pool, place + 1)
    price = sqrt_price_at_tick(tick)
    store_int(pool, place, tick)
    store_256(pool, place + 1, price)
    return price


@inner
def ticks_at_or_below(pool: Words, tick: int) -> int:
    """How many initialized ticks there are up to and including ``tick``."""
    low, high = 0, load_int(pool, COUNT)
    while low < high:
        middle = (low + high) >> 1
        if load_int(pool, ORDER + 2 * middle) <= tick:
            low = middle + 1
        else:
            high = middle
    return low


@inner
def record_of(pool: Words, tick: int) -> int:
    """The place of a tick's record; -1 if it is not initialized."""
    at = ORDER + 2 * ticks_at_or_below(pool, tick) - 2
    return load_int(pool, at + 1) if at >= ORDER and load_int(pool, at) == tick else -1


@inner
def insert_tick(pool: Words, tick: int) -> int:
    """Initialize a tick; the place of its empty record. The caller has seen to the room."""
    at = ORDER + 2 * ticks_at_or_below(pool, tick)
    end = ORDER + 2 * load_int(pool, COUNT)
    record = load_int(pool, end + 1)
    for index in range(end - 1, at - 1, -1):
        store_int(pool, index + 2, load_int(pool, index))
    store_int(pool, at, tick)
    store_int(pool, at + 1, record)
    for index in range(record, record + RECORD):
        store_int(pool, index, 0)
    store_int(pool, COUNT, load_int(pool, COUNT) + 1)
    if tick <= load_int(pool, TICK):
        store_int(pool, CURSOR, load_int(pool, CURSOR) + 1)
    return record


@inner
def remove_tick(pool: Words, tick: int) -> None:
    """Forget an initialized tick."""
    at = ORDER + 2 * ticks_at_or_below(pool, tick) - 2
    end = ORDER + 2 * load_int(pool, COUNT)
    record = pool[at + 1]
    for index in range(at, end - 2):
        store_int(pool, index, load_int(pool, index + 2))
    pool[end - 1] = record
    store_int(pool, COUNT, load_int(pool, COUNT) - 1)
    if tick <= load_int(pool, TICK):
        store_int(pool, CURSOR, load_int(pool, CURSOR) - 1)
