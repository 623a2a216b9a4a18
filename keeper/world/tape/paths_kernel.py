"""Fees on a price path in machine code: sums of clipped moves.

Importing this module imports numba (about a second) and loads or compiles the functions: import it only inside the
function that needs it. No ``fastmath``: the order of every sum is written out, the same on every machine.
``moves`` are from one point of a path to the next; ``starts``/``stops`` are each range's first point and its last.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from keeper.world.tape.compiled import compiled

_Floats = NDArray[np.float64]
_Indexes = NDArray[np.int64]

# Moves summed apart before they join a range's total: they stay in the first-level cache for all ranges, and a sum of
# many small numbers loses nothing to a large total.
_BLOCK = 1_024


@compiled("UniTuple(f8,2)(f8[::1],f8[::1],i8,i8,f8,f8)")
def _block_sums(
    price: _Floats, inverse: _Floats, start: int, stop: int, lower: float, upper: float
) -> tuple[float, float]:
    """Upward moves of √P and of 1/√P from ``start`` to ``stop``, clipped to the range, in four sums that do not wait
    for one another."""
    low, high = 1.0 / upper, 1.0 / lower
    up0 = up1 = up2 = up3 = 0.0
    down0 = down1 = down2 = down3 = 0.0
    a, b = min(max(price[start], lower), upper), min(max(inverse[start], low), high)
    index = start
    while index + 4 <= stop:
        a1, b1 = min(max(price[index + 1], lower), upper), min(max(inverse[index + 1], low), high)
        a2, b2 = min(max(price[index + 2], lower), upper), min(max(inverse[index + 2], low), high)
        a3, b3 = min(max(price[index + 3], lower), upper), min(max(inverse[index + 3], low), high)
        a4, b4 = min(max(price[index + 4], lower), upper), min(max(inverse[index + 4], low), high)
        up0, down0 = up0 + max(a1 - a, 0.0), down0 + max(b1 - b, 0.0)
        up1, down1 = up1 + max(a2 - a1, 0.0), down1 + max(b2 - b1, 0.0)
        up2, down2 = up2 + max(a3 - a2, 0.0), down2 + max(b3 - b2, 0.0)
        up3, down3 = up3 + max(a4 - a3, 0.0), down3 + max(b4 - b3, 0.0)
        a, b = a4, b4
        index += 4
    while index < stop:
        a1, b1 = min(max(price[index + 1], lower), upper), min(max(inverse[index + 1], low), high)
        up0, down0 = up0 + max(a1 - a, 0.0), down0 + max(b1 - b, 0.0)
        a, b = a1, b1
        index += 1
    return (up0 + up1) + (up2 + up3), (down0 + down1) + (down2 + down3)


@compiled("void(f8[::1],f8[::1],f8[::1],i8[::1],i8[::1],f8[::1],f8[::1])")
def each_range(
    sqrt_price: _Floats, lower: _Floats, upper: _Floats, starts: _Indexes, stops: _Indexes, up: _Floats, down: _Floats
) -> None:
    """Adds each range's upward moves of √P to ``up`` and downward moves of 1/√P to ``down``."""
    price, inverse = np.empty(_BLOCK + 1), np.empty(_BLOCK + 1)
    for begin in range(0, len(sqrt_price) - 1, _BLOCK):
        end = min(begin + _BLOCK, len(sqrt_price) - 1)
        for index in range(begin, end + 1):
            price[index - begin] = sqrt_price[index]
            inverse[index - begin] = 1.0 / sqrt_price[index]
        for place in range(len(lower)):
            start, stop = max(starts[place], begin), min(stops[place], end)
            if start < stop:
                rises, falls = _block_sums(price, inverse, start - begin, stop - begin, lower[place], upper[place])
                up[place] += rises
                down[place] += falls


@compiled("void(f8[::1],f8[::1],f8[::1],f8[::1],f8[::1],i8[::1],i8[::1],f8[::1],f8[::1])")
def each_diluted(
    sqrt_price: _Floats,
    liquidity: _Floats,
    lower: _Floats,
    upper: _Floats,
    own: _Floats,
    starts: _Indexes,
    stops: _Indexes,
    up: _Floats,
    down: _Floats,
) -> None:
    """As ``each_range``, every move weighed by L/(L + own), L the liquidity beside our own after the move."""
    for begin in range(0, len(sqrt_price) - 1, _BLOCK):
        end = min(begin + _BLOCK, len(sqrt_price) - 1)
        for place in range(len(lower)):
            start, stop = max(starts[place], begin), min(stops[place], end)
            rises = falls = 0.0
            for index in range(start, stop):
                weight = liquidity[index + 1]
                weight = weight / (weight + own[place]) if weight > 0.0 else 0.0
                before = min(max(sqrt_price[index], lower[place]), upper[place])
                after = min(max(sqrt_price[index + 1], lower[place]), upper[place])
                move = after - before
                rises += weight * max(move, 0.0)
                falls += weight * (max(-move, 0.0) / (before * after))
            up[place] += rises
            down[place] += falls


@compiled("i8(f8[::1],f8,i8)")
def _cell(ends: _Floats, price: float, near: int) -> int:
    """How many ends are at or below the price, looked for from ``near`` on in growing strides."""
    step, count = 1, len(ends)
    if near < count and ends[near] <= price:
        below, above = near, near + 1
        while above < count and ends[above] <= price:
            below, above, step = above, min(above + step, count), 2 * step
    elif near > 0 and ends[near - 1] > price:
        below, above = near - 1, near - 1
        while below >= 0 and ends[below] > price:
            below, above, step = max(below - step, -1), below, 2 * step
    else:
        return near
    while above - below > 1:
        middle = (below + above) // 2
        if ends[middle] <= price:
            below = middle
        else:
            above = middle
    return above


@compiled("void(f8[::1],f8[::1],i8,i8,f8[::1],f8[::1])")
def by_cell(sqrt_price: _Floats, ends: _Floats, start: int, stop: int, up: _Floats, down: _Floats) -> None:
    """Moves summed once for all ranges, whose ``ends`` (rising, distinct) cut the prices into cells.

    Cell j lies between ends j−1 and j. A move fills the cells between its two ends wholly: those are counted; only its
    first and its last cell are summed in part. So the work does not grow with the number of ranges.
    """
    rises, falls = np.zeros(len(ends) + 2, dtype=np.int64), np.zeros(len(ends) + 2, dtype=np.int64)
    before = sqrt_price[start]
    here = _cell(ends, before, 0)
    for index in range(start + 1, stop + 1):
        after = sqrt_price[index]
        there = _cell(ends, after, here)
        if here == there:
            move = after - before
            up[here] += max(move, 0.0)
            down[here] += max(-move, 0.0) / (before * after)
        elif after > before:
            up[here] += ends[here] - before
            up[there] += after - ends[there - 1]
            rises[here + 1] += 1
            rises[there] -= 1
        else:
            edge, far = ends[here - 1], ends[there]
            down[here] += (before - edge) / (before * edge)
            down[there] += (far - after) / (far * after)
            falls[there + 1] += 1
            falls[here] -= 1
        before, here = after, there
    rose = fell = 0
    for cell in range(1, len(ends)):
        rose, fell = rose + rises[cell], fell + falls[cell]
        width = ends[cell] - ends[cell - 1]
        up[cell] += rose * width
        down[cell] += fell * (width / (ends[cell] * ends[cell - 1]))


@compiled("void(f8[::1],i8[::1],i8[::1],f8[::1])")
def add_cells(cells: _Floats, first: _Indexes, last: _Indexes, total: _Floats) -> None:
    """Adds to each total the cells from ``first`` up to ``last``, which is left out, by a tree of sums: differences of
    running sums would lose a quiet range beside a busy one."""
    size = 1
    while size < len(cells):
        size *= 2
    tree = np.zeros(2 * size)
    for cell in range(len(cells)):
        tree[size + cell] = cells[cell]
    for node in range(size - 1, 0, -1):
        tree[node] = tree[2 * node] + tree[2 * node + 1]
    for place in range(len(total)):
        left, right = first[place] + size, last[place] + size
        while left < right:
            if left & 1:
                total[place] += tree[left]
                left += 1
            if right & 1:
                right -= 1
                total[place] += tree[right]
            left, right = left >> 1, right >> 1
