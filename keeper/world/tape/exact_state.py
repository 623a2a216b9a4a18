"""A pool's state as arrays that compiled code reads and writes, and the sorted book of its initialized ticks.

Ticks are kept twice: ``order_tick`` rises, ``order_row`` says in which row of ``records`` a tick's figures lie, so that a
new tick moves two small columns and no record. ``numbers[CURSOR]`` counts the initialized ticks at or below the current
tick: a swap finds the next one beside it without a search.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from keeper.world.tape.exact_math import sqrt_price_at_tick
from keeper.world.tape.limbs import as_word, inner, u128, u256

Words = NDArray[np.uint64]

# Where each figure begins in ``words``.
PRICE: Final = 0
LIQUIDITY: Final = 4
GROWTH: Final = 6  # token0, then token1 at GROWTH + 4
PROTOCOL_FEES: Final = 14  # token0, then token1 at PROTOCOL_FEES + 2
WORDS: Final = 18
# In ``numbers``.
TICK: Final = 0
CURSOR: Final = 1
COUNT: Final = 2  # initialized ticks
FREE: Final = 3  # rows of ``free`` that hold a row of ``records`` to use again
FEE_PROTOCOL: Final = 4  # of token0, then of token1
FEE_PIPS: Final = 6
SPACING: Final = 7
NUMBERS: Final = 8
# In a row of ``records``.
GROSS: Final = 0
NET: Final = 2  # two's complement
OUTSIDE: Final = 4  # token0, then token1 at OUTSIDE + 4
RECORD: Final = 12

_KNOWN_PRICES: Final = 4096  # a power of two


class PoolArrays(NamedTuple):
    """The whole state but the positions. ``known_*`` remembers prices of ticks; ``crossed_*`` is what a swap needs to
    undo the ticks it crossed, and what it tells of them."""

    words: Words
    numbers: NDArray[np.int64]
    order_tick: NDArray[np.int64]
    order_row: NDArray[np.int64]
    records: Words
    free: NDArray[np.int64]
    known_tick: NDArray[np.int64]
    known_price: Words
    crossed_tick: NDArray[np.int64]
    crossed_outside: Words


def empty_arrays(fee_pips: int, tick_spacing: int, capacity: int = 64) -> PoolArrays:
    """A pool without a price and without liquidity."""
    numbers = np.zeros(NUMBERS, dtype=np.int64)
    numbers[FEE_PIPS], numbers[SPACING] = fee_pips, tick_spacing
    return PoolArrays(
        words=np.zeros(WORDS, dtype=np.uint64),
        numbers=numbers,
        order_tick=np.zeros(capacity, dtype=np.int64),
        order_row=np.zeros(capacity, dtype=np.int64),
        records=np.zeros((capacity, RECORD), dtype=np.uint64),
        free=np.zeros(capacity, dtype=np.int64),
        known_tick=np.full(_KNOWN_PRICES, np.iinfo(np.int64).min),
        known_price=np.zeros((_KNOWN_PRICES, 4), dtype=np.uint64),
        crossed_tick=np.zeros(capacity, dtype=np.int64),
        crossed_outside=np.zeros((capacity, 8), dtype=np.uint64),
    )


def with_room(pool: PoolArrays, ticks: int) -> PoolArrays:
    """The same pool with room for so many more initialized ticks."""
    wanted, capacity = int(pool.numbers[COUNT]) + ticks, len(pool.order_tick)
    if wanted <= capacity:
        return pool
    more = max(wanted, 2 * capacity) - capacity
    by_tick = ("order_tick", "order_row", "records", "free", "crossed_tick", "crossed_outside")
    columns = {name: getattr(pool, name) for name in by_tick}
    return pool._replace(
        **{
            name: np.concatenate([column, np.zeros((more, *column.shape[1:]), dtype=column.dtype)])
            for name, column in columns.items()
        }
    )


@inner
def load_128(words: Words, at: int) -> int:
    return u128(words[at]) | u128(words[at + 1]) << 64


@inner
def store_128(words: Words, at: int, value: int) -> None:
    words[at], words[at + 1] = as_word(value), as_word(value >> 64)


@inner
def load_256(words: Words, at: int) -> int:
    return u256(load_128(words, at)) | u256(load_128(words, at + 2)) << 128


@inner
def store_256(words: Words, at: int, value: int) -> None:
    store_128(words, at, value)
    store_128(words, at + 2, value >> 128)


@inner
def known_price_at(pool: PoolArrays, tick: int) -> int:
    """The price of a tick, computed once while its place in the memory is not taken by another."""
    place = (tick * 2654435761 >> 16) & (_KNOWN_PRICES - 1)
    if pool.known_tick[place] == tick:
        return load_256(pool.known_price[place], 0)
    price = sqrt_price_at_tick(tick)
    pool.known_tick[place] = tick
    store_256(pool.known_price[place], 0, price)
    return price


@inner
def ticks_at_or_below(pool: PoolArrays, tick: int) -> int:
    """How many initialized ticks there are up to and including ``tick``."""
    low, high = 0, pool.numbers[COUNT]
    while low < high:
        middle = (low + high) >> 1
        if pool.order_tick[middle] <= tick:
            low = middle + 1
        else:
            high = middle
    return low


@inner
def row_of(pool: PoolArrays, tick: int) -> int:
    """The row of a tick's record; -1 if it is not initialized."""
    place = ticks_at_or_below(pool, tick)
    return pool.order_row[place - 1] if place and pool.order_tick[place - 1] == tick else -1


@inner
def insert_tick(pool: PoolArrays, tick: int) -> int:
    """Initialize a tick; the row of its empty record. The caller has seen to the room."""
    place, count = ticks_at_or_below(pool, tick), pool.numbers[COUNT]
    row = count
    if pool.numbers[FREE]:
        pool.numbers[FREE] -= 1
        row = pool.free[pool.numbers[FREE]]
    for index in range(count, place, -1):
        pool.order_tick[index] = pool.order_tick[index - 1]
        pool.order_row[index] = pool.order_row[index - 1]
    pool.order_tick[place], pool.order_row[place] = tick, row
    pool.records[row, :] = 0
    pool.numbers[COUNT] += 1
    pool.numbers[CURSOR] += tick <= pool.numbers[TICK]
    return row


@inner
def remove_tick(pool: PoolArrays, tick: int) -> None:
    """Forget an initialized tick."""
    place = ticks_at_or_below(pool, tick) - 1
    pool.free[pool.numbers[FREE]] = pool.order_row[place]
    pool.numbers[FREE] += 1
    pool.numbers[COUNT] -= 1
    for index in range(place, pool.numbers[COUNT]):
        pool.order_tick[index] = pool.order_tick[index + 1]
        pool.order_row[index] = pool.order_row[index + 1]
    pool.numbers[CURSOR] -= tick <= pool.numbers[TICK]
