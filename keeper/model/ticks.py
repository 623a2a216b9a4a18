"""Ticks and the Q64.96 square-root prices that belong to them.

Mirrors Uniswap v3-core ``TickMath.sol`` (whitepaper eq. 6.1 to 6.8) and the constructor of ``Tick.sol``. A sqrt
price is ``sqrt(token1 per token0, raw units) * 2**96``.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from keeper.model.full_math import MAX_UINT128, MAX_UINT256, MathError

MIN_TICK: Final = -887272
MAX_TICK: Final = 887272
MIN_SQRT_PRICE_X96: Final = 4295128739
MAX_SQRT_PRICE_X96: Final = 1461446703485210103287273052203988822378723970342

# sqrt(1.0001) ** -(2 ** i) as Q128.128: the contract's own constants, one for each bit of the tick.
INVERSE_SQRT_POWERS_X128: Final = (
    0xFFFCB933BD6FAD37AA2D162D1A594001,
    0xFFF97272373D413259A46990580E213A,
    0xFFF2E50F5F656932EF12357CF3C7FDCC,
    0xFFE5CACA7E10E4E61C3624EAA0941CD0,
    0xFFCB9843D60F6159C9DB58835C926644,
    0xFF973B41FA98C081472E6896DFB254C0,
    0xFF2EA16466C96A3843EC78B326B52861,
    0xFE5DEE046A99A2A811C461F1969C3053,
    0xFCBE86C7900A88AEDCFFC83B479AA3A4,
    0xF987A7253AC413176F2B074CF7815E54,
    0xF3392B0822B70005940C7A398E4B70F3,
    0xE7159475A2C29B7443B29C7FA6E889D9,
    0xD097F3BDFD2022B8845AD8F792AA5825,
    0xA9F746462D870FDF8A65DC1F90E061E5,
    0x70D869A156D2A1B890BB3DF62BAF32F7,
    0x31BE135F97D08FD981231505542FCFA6,
    0x9AA508B5B7A84E1C677DE54F3E99BC9,
    0x5D6AF8DEDB81196699C329225EE604,
    0x2216E584F5FA1EA926041BEDFE98,
    0x48A170391F7DC42444E8FA2,
)
# 2 ** 64 / log2(sqrt(1.0001)), and the contract's bounds on the error of its 14-bit logarithm.
_LOG_SQRT10001_SCALE: Final = 255738958999603826347141
_LOG_ERROR_BELOW: Final = 3402992956809132418596140100660247210
_LOG_ERROR_ABOVE: Final = 291339464771989622907027621153398088495


@lru_cache(maxsize=65536)
def sqrt_price_at_tick(tick: int) -> int:
    """``sqrt(1.0001 ** tick) * 2**96``, rounded up as ``TickMath.getSqrtRatioAtTick``.

    Raises:
        MathError: the tick is outside ``[MIN_TICK, MAX_TICK]``.
    """
    bits = abs(tick)
    if bits > MAX_TICK:
        raise MathError(f"tick {tick} is outside [{MIN_TICK}, {MAX_TICK}]")
    ratio_x128 = 1 << 128
    for power_x128 in INVERSE_SQRT_POWERS_X128:
        if bits & 1:
            ratio_x128 = ratio_x128 * power_x128 >> 128
        bits >>= 1
        if not bits:
            break
    if tick > 0:
        ratio_x128 = MAX_UINT256 // ratio_x128
    return -(-ratio_x128 >> 32)


def tick_at_sqrt_price(sqrt_price_x96: int) -> int:
    """The greatest tick whose sqrt price is at most this one (``TickMath.getTickAtSqrtRatio``).

    Raises:
        MathError: the sqrt price is outside ``[MIN_SQRT_PRICE_X96, MAX_SQRT_PRICE_X96)``.
    """
    if not MIN_SQRT_PRICE_X96 <= sqrt_price_x96 < MAX_SQRT_PRICE_X96:
        raise MathError(f"sqrt price {sqrt_price_x96} is outside [{MIN_SQRT_PRICE_X96}, {MAX_SQRT_PRICE_X96})")
    ratio_x128 = sqrt_price_x96 << 32
    msb = ratio_x128.bit_length() - 1
    mantissa = ratio_x128 >> (msb - 127) if msb >= 128 else ratio_x128 << (127 - msb)
    log2_x64 = (msb - 128) << 64
    for shift in range(63, 49, -1):
        mantissa = mantissa * mantissa >> 127
        overflow = mantissa >> 128
        log2_x64 |= overflow << shift
        mantissa >>= overflow
    log_sqrt10001_x128 = log2_x64 * _LOG_SQRT10001_SCALE
    low = (log_sqrt10001_x128 - _LOG_ERROR_BELOW) >> 128
    high = (log_sqrt10001_x128 + _LOG_ERROR_ABOVE) >> 128
    if low == high:
        return low
    return high if sqrt_price_at_tick(high) <= sqrt_price_x96 else low


def floor_to_spacing(tick: int, spacing: int) -> int:
    """The greatest multiple of the tick spacing that is at most ``tick``."""
    return tick // spacing * spacing


def ceil_to_spacing(tick: int, spacing: int) -> int:
    """The least multiple of the tick spacing that is at least ``tick``."""
    return -(-tick // spacing) * spacing


def round_to_spacing(tick: int, spacing: int) -> int:
    """The usable tick nearest to ``tick``; halfway goes up. Never outside ``[min_usable_tick, max_usable_tick]``."""
    nearest = (2 * tick + spacing) // (2 * spacing) * spacing
    return min(max(nearest, min_usable_tick(spacing)), max_usable_tick(spacing))


def min_usable_tick(spacing: int) -> int:
    """The lowest tick a position may use in a pool with this tick spacing."""
    return -max_usable_tick(spacing)


def max_usable_tick(spacing: int) -> int:
    """The highest tick a position may use in a pool with this tick spacing."""
    return MAX_TICK // spacing * spacing


def max_liquidity_per_tick(spacing: int) -> int:
    """The most liquidity that may reference one tick (``Tick.tickSpacingToMaxLiquidityPerTick``)."""
    usable_ticks = 2 * (MAX_TICK // spacing) + 1
    return MAX_UINT128 // usable_ticks
