"""What a recorded swap earns: the fee of each of its steps, with our own liquidity diluting it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import pairwise

from keeper.model.full_math import Q96
from keeper.model.swap_step import PIPS
from keeper.model.ticks import MIN_TICK
from keeper.world.tape.crossing import CrossingStep, PoolPoint, is_zero_for_one
from keeper.world.tape.events import TapeEvent
from keeper.world.tape.own_ranges import OwnRanges


def earn_step(own: OwnRanges, step: CrossingStep, zero_for_one: bool, fee_protocol: int) -> None:
    """A step of a recorded swap. Its fee, less the protocol's part, is shared where ends of ours cut it by how far each
    stretch moves the price (sqrt P, or 1/sqrt P where token0 is paid), as each would have cost at constant liquidity.
    """
    cut = fee_protocol % 16 if zero_for_one else fee_protocol >> 4
    fee = step.fee - (step.fee // cut if cut else 0)
    for tick, part in _stretches(own, step, fee, zero_for_one):
        in_range = step.liquidity + own.active(tick)
        growth_x128 = (part << 128) // in_range if in_range else 0
        own.earn(growth_x128 if zero_for_one else 0, 0 if zero_for_one else growth_x128, tick)


def mean_step(before: PoolPoint, swap: TapeEvent, fee_pips: int) -> CrossingStep:
    """A swap through a book that is not known, as one step: the fee of an exact input, at the liquidity against which
    the rest of the input moves the price so far (the harmonic mean along the way)."""
    zero_for_one = is_zero_for_one(before, swap)
    paid = max(swap.amount_0 if zero_for_one else swap.amount_1, 0)
    net = paid * (PIPS - fee_pips) // PIPS
    start, end = before.sqrt_price_x96, swap.sqrt_price_x96
    liquidity = swap.liquidity
    if start != end:
        liquidity = net * start * end // (abs(end - start) * Q96) if zero_for_one else net * Q96 // abs(end - start)
    return CrossingStep(start, end, before.tick, liquidity, paid - net)


def _stretches(own: OwnRanges, step: CrossingStep, fee: int, zero_for_one: bool) -> Iterator[tuple[int, int]]:
    """(tick, fee) of each stretch of the step between ends of ours; no end lies above the tick and within it."""
    start, end = step.from_x96, step.to_x96
    low, high = min(start, end), max(start, end)
    prices = own.edge_prices_x96
    if low == high:
        yield step.tick, fee
        return
    inside = prices[bisect_right(prices, low) : bisect_left(prices, high)]
    stops = [start, *(reversed(inside) if zero_for_one else inside), end]
    # The share of what has been passed at s, of (s - start)/(end - start) or (1/s - 1/start)/(1/end - 1/start).
    passed = [fee * (stop - start) * (end if zero_for_one else 1) // ((end - start) * (stop if zero_for_one else 1))
              for stop in stops]  # fmt: skip
    for (left, fee_left), (right, fee_right) in pairwise(zip(stops, passed, strict=True)):
        below = bisect_right(prices, min(left, right))
        yield (own.edges[below - 1] if below else MIN_TICK - 1), fee_right - fee_left
