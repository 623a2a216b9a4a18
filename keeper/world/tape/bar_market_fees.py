"""What a run of bars earns: the global fee growth with our own liquidity diluting it, and our ranges' part."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from keeper.world.tape.bar_path import BarPath, BarSums
from keeper.world.tape.own_ranges import OwnRanges


def earn(path: BarPath, sums: BarSums, own: OwnRanges, start: int) -> None:
    """The bars from ``start`` on of which ``sums`` tells. Per stretch without an end of ours the growth is
    ``fee * 2**128 // (others' + our liquidity in range)``, as the contract adds it.

    Where the path of all these bars lies between the same two ends of ours, which is nearly always so, they are summed
    at once: the sums are the same.
    """
    stop = start + len(sums.liquidity)
    low, high = path.low[start:stop], path.high[start:stop]
    places = np.searchsorted(own.edges, low, side="right")
    crossed = np.searchsorted(own.edges, high, side="left") > places
    if not crossed.any() and (places == places[0]).all():
        active, tick = own.active(int(low[0])), int(low[0])
        growth_0, growth_1 = _grown(sums.fee_0, sums.liquidity, active), _grown(sums.fee_1, sums.liquidity, active)
        own.earn(growth_0, growth_1, tick)
        return
    for at in range(stop - start):
        others = sums.liquidity[at]
        parts = [(int(low[at]), sums.fee_0[at], sums.fee_1[at])]
        if crossed[at]:
            parts = list(path.stretches(start + at, own.edges))
        for tick, fee_0, fee_1 in parts:
            active = own.active(tick)
            own.earn(_grown([fee_0], [others], active), _grown([fee_1], [others], active), tick)


def _grown(fees: Sequence[int], liquidity: Sequence[int], active: int) -> int:
    """Where nobody is in range the fee goes to nobody, as in the contract."""
    whole = ((fee, others + active) for fee, others in zip(fees, liquidity, strict=True))
    return sum((fee << 128) // in_range for fee, in_range in whole if in_range)
