"""Re-centring strategies over a price path in machine code. ``sweeps`` says what is computed and in which words.

Importing this module imports numba: import it only inside the function that needs it. Between two resets nothing
happens but sums, so running sums over the whole path give any stretch in two loads, and the lowest and highest price of
every 16, 256 and 4,096 points say where the path next leaves an interval without looking at each point.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from keeper.world.tape.compiled import compiled

_Floats = NDArray[np.float64]
_Indexes = NDArray[np.int64]
# Prices, seconds, running sums, lowest and highest of blocks, and where each level of blocks begins.
_Tables = tuple[_Floats, _Indexes, _Floats, _Floats, _Indexes]
_TABLES = "Tuple((f8[::1],i8[::1],f8[:,::1],f8[:,::1],i8[::1]))"

LEVELS = 3
_SHIFT = 4
_HALF_LOG_TICK = 0.5 * math.log(1.0001)


@compiled("void(f8[::1],f8,f8,f8[:,::1])")
def running_sums(price: _Floats, factor0: float, factor1: float, sums: _Floats) -> None:
    """Up to each point: fees in quote and loss to rebalancing, per unit of liquidity in range. Each sum carries what
    rounding cut off, so that a difference is as exact late as early."""
    fees = fees_lost = loss = loss_lost = 0.0
    for index in range(1, len(price)):
        before, after = price[index - 1], price[index]
        move = after - before
        paid = factor1 * move if move > 0.0 else factor0 * (-move) * (after / before)
        term = paid - fees_lost
        total = fees + term
        fees, fees_lost = total, (total - fees) - term
        term = move * move / before - loss_lost
        total = loss + term
        loss, loss_lost = total, (total - loss) - term
        sums[index, 0], sums[index, 1] = fees, loss


@compiled("void(f8[::1],i8[::1],f8[:,::1])")
def extremes(price: _Floats, offsets: _Indexes, blocks: _Floats) -> None:
    """Lowest and highest price of each block of 16 points, then of each 16 blocks, and so on, level after level."""
    for block in range(offsets[1]):
        low, high = math.inf, -math.inf
        for index in range(block << _SHIFT, min((block + 1) << _SHIFT, len(price))):
            low, high = min(low, price[index]), max(high, price[index])
        blocks[block, 0], blocks[block, 1] = low, high
    for level in range(1, LEVELS):
        start, stop = offsets[level - 1], offsets[level]
        for block in range(offsets[level + 1] - stop):
            low, high = math.inf, -math.inf
            for child in range(start + (block << _SHIFT), min(start + ((block + 1) << _SHIFT), stop)):
                low, high = min(low, blocks[child, 0]), max(high, blocks[child, 1])
            blocks[stop + block, 0], blocks[stop + block, 1] = low, high


@compiled("i8(f8[::1],f8[:,::1],i8[::1],i8,i8,f8,f8)")
def first_outside(
    price: _Floats, blocks: _Floats, offsets: _Indexes, index: int, stop: int, low: float, high: float
) -> int:
    """The first point from ``index`` up to ``stop`` (left out) below ``low`` or above ``high``; ``stop`` if none."""
    level = 0
    while index < stop:
        if level == 0:
            if price[index] < low or price[index] > high:
                return index
            index += 1
        else:
            block = offsets[level - 1] + (index >> (_SHIFT * level))
            if blocks[block, 0] < low or blocks[block, 1] > high:
                level -= 1
                continue
            index += 1 << (_SHIFT * level)
        # Aligned to a larger block: try to skip it whole.
        while level < LEVELS and index & ((1 << (_SHIFT * (level + 1))) - 1) == 0:
            level += 1
    return stop


@compiled("i8(i8[::1],i8,i8)")
def last_until(seconds: _Indexes, moment: int, index: int) -> int:
    """The last point at or before the moment, from ``index`` on (whose time is not after it)."""
    step, last = 1, len(seconds) - 1
    below = index
    while below + step <= last and seconds[below + step] <= moment:
        below, step = below + step, 2 * step
    above = min(below + step, last + 1)
    while above - below > 1:
        middle = (below + above) // 2
        if seconds[middle] <= moment:
            below = middle
        else:
            above = middle
    return below


@compiled("UniTuple(f8,2)(f8,f8,f8,f8,f8,f8)")
def clipped_move(
    before: float, after: float, low: float, high: float, factor0: float, factor1: float
) -> tuple[float, float]:
    """Fees in quote and loss to rebalancing of one move, per unit of liquidity in [low, high]."""
    start, end = min(max(before, low), high), min(max(after, low), high)
    move = end - start
    bought = move / (start * end)  # of the base token, sold where positive
    fees = factor1 * move if move > 0.0 else factor0 * -bought * after * after
    return fees, bought * after * after - move


@compiled(f"UniTuple(f8,3)({_TABLES},i8,i8,i8,f8,f8,f8,f8)")
def stretch(
    tables: _Tables, index: int, stop: int, sure: int, low: float, high: float, factor0: float, factor1: float
) -> tuple[float, float, float]:
    """Fees and loss per unit of liquidity of the moves from ``index`` to ``stop``, and the seconds spent in range. The
    points before ``sure`` are known to be in range."""
    price, seconds, sums, blocks, offsets = tables
    fees = loss = inside = 0.0
    # Just outside; a point between here and the end only makes one more turn of the loop.
    under, over = low * (1.0 - 1e-15), high * (1.0 + 1e-15)
    while index < stop:
        here = price[index]
        if here < low:
            leaves = first_outside(price, blocks, offsets, index + 1, stop + 1, -math.inf, under)
        elif here > high:
            leaves = first_outside(price, blocks, offsets, index + 1, stop + 1, over, math.inf)
        else:
            start = min(max(index + 1, sure), stop + 1)
            leaves = first_outside(price, blocks, offsets, start, stop + 1, low, high)
            fees += sums[leaves - 1, 0] - sums[index, 0]
            loss += sums[leaves - 1, 1] - sums[index, 1]
            inside += seconds[min(leaves, stop)] - seconds[index]
        if leaves > stop:
            break
        paid, lost = clipped_move(price[leaves - 1], price[leaves], low, high, factor0, factor1)
        fees, loss, index = fees + paid, loss + lost, leaves
    return fees, loss, inside


@compiled("UniTuple(f8,2)(f8,f8,f8,f8)")
def snapped(lower: float, upper: float, centre: float, spacing: float) -> tuple[float, float]:
    """The range's ends on the nearest usable ticks, moved out where the price would not lie between them."""
    unit = _HALF_LOG_TICK * spacing
    below = math.floor(math.log(centre) / unit)
    low = min(math.floor(math.log(lower) / unit + 0.5), below)
    high = max(math.floor(math.log(upper) / unit + 0.5), below + 1.0)
    return math.exp(low * unit), math.exp(high * unit)


@compiled("UniTuple(f8,2)(f8,f8,f8)")
def holdings(price: float, low: float, high: float) -> tuple[float, float]:
    """One unit of liquidity: the value of its base tokens in quote, and its quote tokens."""
    clipped = min(max(price, low), high)
    return (1.0 / clipped - 1.0 / high) * price * price, clipped - low


@compiled(f"UniTuple(i8,2)({_TABLES},i8,f8,f8,i8,i8)")
def next_reset(tables: _Tables, index: int, low: float, high: float, cooldown: int, latency: int) -> tuple[int, int]:
    """Where the range set at ``index`` is set anew (the last point if nowhere), and a point before which the price has
    not left [low, high] since."""
    price, seconds, _, blocks, offsets = tables
    last = len(price) - 1
    first = index + 1 if cooldown <= 0 else last_until(seconds, seconds[index] + cooldown - 1, index) + 1
    left = first_outside(price, blocks, offsets, first, last, low, high)
    stays = left if first == index + 1 else index
    return (last if left >= last else last_until(seconds, seconds[left] + latency, left)), stays


@compiled(f"void({_TABLES},f8,f8,f8,i8,i8[::1],f8[::1],f8[::1],f8[::1])")
def live(
    tables: _Tables,
    factor0: float,
    factor1: float,
    spacing: float,
    latency: int,
    samples: _Indexes,
    strategy: _Floats,
    found: _Floats,
    values: _Floats,
) -> None:
    """One strategy's life. ``found``: fees, loss, costs, resets, seconds in range, value at the end, HODL value at the
    end, value swapped; ``values``: the value at each of ``samples``."""
    price = tables[0]
    last = len(price) - 1
    below, above = math.exp(-0.5 * strategy[0]), math.exp(0.5 * strategy[1])
    watch_below, watch_above = math.exp(-0.5 * strategy[2]), math.exp(0.5 * strategy[3])
    index = sample = 0
    value, held = 1.0, -1.0
    while True:
        here = price[index]
        low, high = here * below, here * above
        if spacing > 0.0:
            low, high = snapped(low, high, here, spacing)
        base, quote = holdings(here, low, high)
        if held < 0.0:
            found[6] = (base * (price[last] / here) ** 2 + quote) / (base + quote)
        else:
            swapped = abs(base / (base + quote) * value - held)
            costs = min(strategy[4] * value + strategy[5] * swapped, value)
            found[2], found[3], found[7] = found[2] + costs, found[3] + 1.0, found[7] + swapped
            value -= costs
        liquidity = value / (base + quote)
        under, over = here * watch_below, here * watch_above
        stop, sure = next_reset(tables, index, under, over, int(strategy[6]), latency)
        if under < low or over > high:
            sure = index
        fees = 0.0
        while True:
            sampled = sample < len(samples) and samples[sample] <= stop
            until = samples[sample] if sampled else stop
            paid, lost, inside = stretch(tables, index, until, sure, low, high, factor0, factor1)
            fees, index = fees + liquidity * paid, until
            found[1], found[4] = found[1] + liquidity * lost, found[4] + inside
            base, quote = holdings(price[index], low, high)
            held = liquidity * base
            value = held + liquidity * quote + fees
            if not sampled:
                break
            values[sample] = value
            sample += 1
        found[0] += fees
        if stop >= last:
            found[5] = value
            return


@compiled(f"void({_TABLES},f8,f8,f8,i8,i8[::1],f8[:,::1],f8[:,::1],f8[:,::1])")
def live_all(
    tables: _Tables,
    factor0: float,
    factor1: float,
    spacing: float,
    latency: int,
    samples: _Indexes,
    strategies: _Floats,
    found: _Floats,
    values: _Floats,
) -> None:
    """``live`` for each row of ``strategies``."""
    for row in range(len(strategies)):
        live(tables, factor0, factor1, spacing, latency, samples, strategies[row], found[row], values[row])
