"""What a swap added to ``feeGrowthGlobal``, worked out from its event alone.

Within one stretch of constant liquidity L the fee is the amount paid less what moved the price,
``paid - ceil(L * move)`` (``SwapMath.computeSwapStep``), and the growth ``fee * 2**128 // L``: exact integers. A swap
that crossed into other liquidity pays, per unit of liquidity, f/(1 - f) of the move of sqrt P for token1 and of
1/sqrt P for token0, however the liquidity changed on the way: exact but for the rounding of each step.
"""

from __future__ import annotations

from typing import Final

from keeper.model.full_math import Q96
from keeper.model.liquidity import amount0_delta, amount1_delta
from keeper.model.observation import PoolState
from keeper.world.feeds.swaps import PoolMark, PoolSwap

GROWTH_MODULUS: Final = 1 << 256
_FEE_UNITS: Final = 1_000_000
_STEP_UNITS: Final = 4  # what rounding may leave between the two reckonings, raw units
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
    growth = _in_one_stretch(before_x96, after, liquidity, paid, cut, pool, pays_0=pays_0)
    if growth is None:
        least = min(liquidity, liquidity_before or liquidity)
        growth = _along_the_path(before_x96, after, least, paid, cut, pool.fee_pips, pays_0=pays_0)
    if growth is None:
        return None
    return (growth, 0) if pays_0 else (0, growth)


def flash_growth(mark: PoolMark, liquidity: int, fee_protocol: int) -> Growth:
    """The growth by a flash loan's fees (``UniswapV3Pool.flash``)."""
    shares = []
    for paid, cut in ((mark.value_0, fee_protocol % 16), (mark.value_1, fee_protocol >> 4)):
        shares.append(((paid - (paid // cut if cut else 0)) << 128) // liquidity)
    return shares[0], shares[1]


def _in_one_stretch(
    before: int, after: int, liquidity: int, paid: int, cut: int, pool: PoolState, *, pays_0: bool
) -> int | None:
    """The exact growth if liquidity was the same all along, which the amounts themselves show; else None."""
    move = abs(after - before)
    if pays_0:
        moved = amount0_delta(before, after, liquidity, round_up=True)
        grain = liquidity * Q96 // (after * after) + 1
    else:
        moved = amount1_delta(before, after, liquidity, round_up=True)
        grain = liquidity // Q96 + 1
    fee = paid - moved
    expected = -(-moved * pool.fee_pips // (_FEE_UNITS - pool.fee_pips))
    # A step ends at every word of the tick bitmap, and each rounds for itself.
    words = 1 + (move * 20_000 // min(before, after)) // (256 * pool.tick_spacing)
    if fee < 0 or abs(fee - expected) > _STEP_UNITS * words + grain:
        return None
    return ((fee - (fee // cut if cut else 0)) << 128) // liquidity


def _along_the_path(
    before: int, after: int, least_liquidity: int, paid: int, cut: int, fee_pips: int, *, pays_0: bool
) -> int | None:
    move = abs(after - before)
    if move == 0:
        return None
    net = paid * (_FEE_UNITS - fee_pips) // _FEE_UNITS
    mean_liquidity = net * before * after // (move * Q96) if pays_0 else net * Q96 // move
    if mean_liquidity * _EMPTY_FACTOR < least_liquidity:
        return None
    rest = _FEE_UNITS - fee_pips
    growth = (move << 224) * fee_pips // (before * after * rest) if pays_0 else (move << 32) * fee_pips // rest
    return growth - (growth // cut if cut else 0)
