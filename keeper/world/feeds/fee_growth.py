"""What a swap added to ``feeGrowthGlobal``, worked out from its event alone.

Within one stretch of constant liquidity L the fee is the amount paid less what moved the price,
``paid - ceil(L * move)`` (``SwapMath.computeSwapStep``), and the growth ``fee * 2**128 // L``: exact integers. Where
liquidity changed at one or two ticks, ``crossings`` finds them. A longer swap pays, per unit of liquidity, f/(1 - f) of
the move of sqrt P for token1 and of 1/sqrt P for token0, however liquidity changed on the way: exact but for the
rounding of each step, about one raw unit of fee.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from keeper.model.full_math import Q96
from keeper.model.observation import PoolState, TickState
from keeper.world.feeds.crossings import FEE_UNITS, Move, growth_over_ticks, ticks_crossed
from keeper.world.feeds.swaps import PoolMark, PoolSwap

GROWTH_MODULUS: Final = 1 << 256
_EMPTY_FACTOR: Final = 8  # liquidity below this part of both ends': the price must have passed through emptiness

Growth = tuple[int, int]
"""What was added for token0 and token1, Q128 per unit of liquidity."""


def swap_growth(
    before_x96: int, liquidity_before: int | None, swap: PoolSwap, pool: PoolState, fee_protocol: int
) -> Growth | None:
    """The growth by one swap that began at the sqrt price ``before_x96``; None where the event does not tell.

    ``liquidity_before`` is that after the swap before, if known. ``fee_protocol`` is slot0's packed figure at the time.
    It cannot be told where the price passed through a stretch without any liquidity: nobody earned there.
    """
    pays_0 = swap.amount_0 > 0
    paid = swap.amount_0 if pays_0 else swap.amount_1
    after, liquidity = swap.sqrt_price_x96, swap.liquidity
    if paid <= 0 or (after == before_x96 and liquidity == 0):
        return 0, 0
    if liquidity == 0 or (after != before_x96 and (after < before_x96) != pays_0):
        return None
    cut = fee_protocol % 16 if pays_0 else fee_protocol >> 4
    received = -(swap.amount_1 if pays_0 else swap.amount_0)
    move = Move(pays_0, paid, received, after, liquidity, pool.fee_pips, pool.tick_spacing, cut)
    growth = _in_one_stretch(before_x96, move)
    if growth is None and liquidity_before:
        growth = growth_over_ticks(before_x96, liquidity_before, move, pool.ticks)
    if growth is None:
        growth = _along_the_path(before_x96, min(liquidity, liquidity_before or liquidity), move, pool.ticks)
    if growth is None:
        return None
    return (growth, 0) if pays_0 else (0, growth)


def flash_growth(mark: PoolMark, liquidity: int, fee_protocol: int) -> Growth:
    """The growth by a flash loan's fees (``UniswapV3Pool.flash``)."""
    shares = []
    for paid, cut in ((mark.value_0, fee_protocol % 16), (mark.value_1, fee_protocol >> 4)):
        shares.append(((paid - (paid // cut if cut else 0)) << 128) // liquidity)
    return shares[0], shares[1]


def _in_one_stretch(before_x96: int, move: Move) -> int | None:
    """The exact growth if liquidity was the same all along, which the amounts themselves show; else None."""
    fee = move.paid - move.amount_in(before_x96, move.after_x96, move.liquidity)
    return move.share(fee, move.liquidity) if move.is_fee_of_last(fee, before_x96) else None


def _along_the_path(before: int, least_liquidity: int, move: Move, book: Sequence[TickState]) -> int | None:
    """Fees by the path of the price alone, and half a raw unit for every step, which is what rounding up comes to."""
    after, fee_pips = move.after_x96, move.fee_pips
    distance = abs(after - before)
    if distance == 0:
        return None
    net = move.paid * (FEE_UNITS - fee_pips) // FEE_UNITS
    mean_liquidity = net * before * after // (distance * Q96) if move.pays_0 else net * Q96 // distance
    if mean_liquidity * _EMPTY_FACTOR < least_liquidity:
        return None
    rest = FEE_UNITS - fee_pips
    whole = distance << 224 if move.pays_0 else distance << 32
    growth = whole * fee_pips // (before * after * rest) if move.pays_0 else whole * fee_pips // rest
    steps = 1 + len(ticks_crossed(before, after, book))
    growth += (steps << 127) // max(1, mean_liquidity)
    return growth - (growth // move.cut if move.cut else 0)
