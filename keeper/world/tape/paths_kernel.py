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


@compiled("f8(f8[::1],f8,f8,f8[::1])")
def _rises(points: _Floats, lower: float, upper: float, rises: _Floats) -> float:
    """Upward moves from point to point, clipped to [lower, upper]; ``rises`` is room for them.

    Comparisons and views instead of min, max and offsets: so the compiler takes several moves at a time. The sum has
    eight parts that do not wait for one another.
    """
    moves, nexts = len(points) - 1, points[1:]
    for index in range(moves):
        before, after = points[index], nexts[index]
        before = lower if before < lower else before
        before = upper if before > upper else before
        after = lower if after < lower else after
        after = upper if after > upper else after
        move = after - before
        rises[index] = move if move > 0.0 else 0.0
    part0 = part1 = part2 = part3 = part4 = part5 = part6 = part7 = 0.0
    index = 0
    while index + 8 <= moves:
        part0, part1 = part0 + rises[index], part1 + rises[index + 1]
        part2, part3 = part2 + rises[index + 2], part3 + rises[index + 3]
        part4, part5 = part4 + rises[index + 4], part5 + rises[index + 5]
        part6, part7 = part6 + rises[index + 6], part7 + rises[index + 7]
        index += 8
    while index < moves:
        part0 += rises[index]
        index += 1
    return ((part0 + part1) + (part2 + part3)) + ((part4 + part5) + (part6 + part7))


@compiled("void(f8[::1],f8[::1],f8[::1],i8[::1],i8[::1],f8[::1],f8[::1])")
def each_range(
    sqrt_price: _Floats, lower: _Floats, upper: _Floats, starts: _Indexes, stops: _Indexes, up: _Floats, down: _Floats
) -> None:
    """Adds each range's upward moves of √P to ``up`` and downward moves of 1/√P to ``down``."""
    inverse, room = np.empty(_BLOCK + 1), np.empty(_BLOCK)
    for begin in range(0, len(sqrt_price) - 1, _BLOCK):
        end = min(begin + _BLOCK, len(sqrt_price) - 1)
        price = sqrt_price[begin : end + 1]
        for index in range(len(price)):
            inverse[index] = 1.0 / price[index]
        for place in range(len(lower)):
            start, stop = max(starts[place], begin) - begin, min(stops[place], end) - begin
            if start < stop:
                up[place] += _rises(price[start : stop + 1], lower[place], upper[place], room)
                low, high = 1.0 / upper[place], 1.0 / lower[place]
                down[place] += _rises(inverse[start : stop + 1], low, high, room)


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
