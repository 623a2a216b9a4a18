"""Liquidity and the token amounts behind it, rounded as the contracts round.

Mirrors the amount half of Uniswap v3-core ``SqrtPriceMath.sol``, ``LiquidityMath.sol``, the amounts of
``UniswapV3Pool._modifyPosition`` and v3-periphery ``LiquidityAmounts.sol`` (whitepaper eq. 6.29 and 6.30).
Sqrt prices are Q64.96 (token1 per token0), liquidity and amounts are raw integer units.
"""

from __future__ import annotations

from keeper.model.full_math import (
    MAX_UINT128,
    Q96,
    MathError,
    div_rounding_up,
    mul_div,
    mul_div_rounding_up,
    to_uint128,
)
from keeper.model.ticks import sqrt_price_at_tick


def amount0_delta(sqrt_a_x96: int, sqrt_b_x96: int, liquidity: int, *, round_up: bool) -> int:
    """Token0 held by ``liquidity`` between two sqrt prices given in either order: ``L * (1/sqrt_a - 1/sqrt_b)``.

    Raises:
        MathError: the lower sqrt price is zero.
    """
    lower, upper = (sqrt_a_x96, sqrt_b_x96) if sqrt_a_x96 <= sqrt_b_x96 else (sqrt_b_x96, sqrt_a_x96)
    if lower <= 0:
        raise MathError("amount0_delta: sqrt price is zero")
    if round_up:
        return div_rounding_up(mul_div_rounding_up(liquidity << 96, upper - lower, upper), lower)
    return mul_div(liquidity << 96, upper - lower, upper) // lower


def amount1_delta(sqrt_a_x96: int, sqrt_b_x96: int, liquidity: int, *, round_up: bool) -> int:
    """Token1 held by ``liquidity`` between two sqrt prices given in either order: ``L * (sqrt_b - sqrt_a)``."""
    distance = abs(sqrt_b_x96 - sqrt_a_x96)
    if round_up:
        return mul_div_rounding_up(liquidity, distance, Q96)
    return mul_div(liquidity, distance, Q96)


def amounts_to_mint(sqrt_price_x96: int, sqrt_lower_x96: int, sqrt_upper_x96: int, liquidity: int) -> tuple[int, int]:
    """The (token0, token1) that the pool charges for minting this liquidity, each rounded up."""
    return _amounts(sqrt_price_x96, sqrt_lower_x96, sqrt_upper_x96, liquidity, round_up=True)


def amounts_on_burn(sqrt_price_x96: int, sqrt_lower_x96: int, sqrt_upper_x96: int, liquidity: int) -> tuple[int, int]:
    """The (token0, token1) that the pool owes for burning this liquidity, each rounded down."""
    return _amounts(sqrt_price_x96, sqrt_lower_x96, sqrt_upper_x96, liquidity, round_up=False)


def position_amounts(
    sqrt_price_x96: int, tick: int, tick_lower: int, tick_upper: int, liquidity: int, *, round_up: bool
) -> tuple[int, int]:
    """The (token0, token1) of a position in a pool at ``slot0`` = (sqrt price, tick).

    The pool chooses the case by its tick and not by its price; after a downward crossing the two may disagree by one
    tick. ``round_up`` for a mint, not for a burn.

    Raises:
        MathError: a tick is outside the tick range of the contracts.
    """
    sqrt_lower_x96, sqrt_upper_x96 = sqrt_price_at_tick(tick_lower), sqrt_price_at_tick(tick_upper)
    if tick < tick_lower:
        return amount0_delta(sqrt_lower_x96, sqrt_upper_x96, liquidity, round_up=round_up), 0
    if tick < tick_upper:
        amount0 = amount0_delta(sqrt_price_x96, sqrt_upper_x96, liquidity, round_up=round_up)
        return amount0, amount1_delta(sqrt_lower_x96, sqrt_price_x96, liquidity, round_up=round_up)
    return 0, amount1_delta(sqrt_lower_x96, sqrt_upper_x96, liquidity, round_up=round_up)


def liquidity_for_amount0(sqrt_a_x96: int, sqrt_b_x96: int, amount0: int) -> int:
    """The liquidity that ``amount0`` pays for over a whole range (``LiquidityAmounts.getLiquidityForAmount0``).

    Raises:
        MathError: the two prices are equal or the liquidity does not fit in 128 bits.
    """
    intermediate = mul_div(sqrt_a_x96, sqrt_b_x96, Q96)
    return to_uint128(mul_div(amount0, intermediate, abs(sqrt_b_x96 - sqrt_a_x96)))


def liquidity_for_amount1(sqrt_a_x96: int, sqrt_b_x96: int, amount1: int) -> int:
    """The liquidity that ``amount1`` pays for over a whole range (``LiquidityAmounts.getLiquidityForAmount1``).

    Raises:
        MathError: the two prices are equal or the liquidity does not fit in 128 bits.
    """
    return to_uint128(mul_div(amount1, Q96, abs(sqrt_b_x96 - sqrt_a_x96)))


def liquidity_for_amounts(
    sqrt_price_x96: int, sqrt_lower_x96: int, sqrt_upper_x96: int, amount0: int, amount1: int
) -> int:
    """The most liquidity both amounts pay for, as the position manager computes it before it mints.

    Raises:
        MathError: where ``LiquidityAmounts.getLiquidityForAmounts`` reverts.
    """
    lower, upper = sorted((sqrt_lower_x96, sqrt_upper_x96))
    if sqrt_price_x96 <= lower:
        return liquidity_for_amount0(lower, upper, amount0)
    if sqrt_price_x96 >= upper:
        return liquidity_for_amount1(lower, upper, amount1)
    return min(
        liquidity_for_amount0(sqrt_price_x96, upper, amount0),
        liquidity_for_amount1(lower, sqrt_price_x96, amount1),
    )


def add_delta(liquidity: int, delta: int) -> int:
    """``liquidity + delta`` within 128 unsigned bits (``LiquidityMath.addDelta``).

    Raises:
        MathError: the sum is negative or does not fit in 128 bits.
    """
    total = liquidity + delta
    if not 0 <= total <= MAX_UINT128:
        raise MathError(f"liquidity {liquidity} cannot change by {delta}")
    return total


def _amounts(
    sqrt_price_x96: int, sqrt_lower_x96: int, sqrt_upper_x96: int, liquidity: int, *, round_up: bool
) -> tuple[int, int]:
    lower, upper = sorted((sqrt_lower_x96, sqrt_upper_x96))
    if sqrt_price_x96 <= lower:
        return amount0_delta(lower, upper, liquidity, round_up=round_up), 0
    if sqrt_price_x96 >= upper:
        return 0, amount1_delta(lower, upper, liquidity, round_up=round_up)
    amount0 = amount0_delta(sqrt_price_x96, upper, liquidity, round_up=round_up)
    return amount0, amount1_delta(lower, sqrt_price_x96, liquidity, round_up=round_up)
