"""How far an amount of one token moves the sqrt price of a constant liquidity.

Mirrors the next-price half of Uniswap v3-core ``SqrtPriceMath.sol`` (whitepaper eq. 6.13 to 6.16), whose rounding is
always in the pool's favour. Sqrt prices are Q64.96, liquidity and amounts are raw units.
"""

from __future__ import annotations

from keeper.model.full_math import (
    MAX_UINT160,
    MAX_UINT256,
    Q96,
    MathError,
    div_rounding_up,
    mul_div,
    mul_div_rounding_up,
    to_uint160,
)


def next_sqrt_price_from_amount0(sqrt_price_x96: int, liquidity: int, amount: int, *, add: bool) -> int:
    """The sqrt price after ``amount`` of token0 is added to (or removed from) the pool, rounded up.

    Raises:
        MathError: where ``getNextSqrtPriceFromAmount0RoundingUp`` reverts.
    """
    if amount == 0:
        return sqrt_price_x96
    numerator = liquidity << 96
    product = amount * sqrt_price_x96
    if add:
        denominator = numerator + product
        if product <= MAX_UINT256 and denominator <= MAX_UINT256:
            return mul_div_rounding_up(numerator, sqrt_price_x96, denominator)
        # The exact denominator does not fit in 256 bits: the contract falls back to a less precise form.
        denominator = numerator // sqrt_price_x96 + amount
        if denominator > MAX_UINT256:
            raise MathError("next sqrt price: amount of token0 exceeds 256 bits")
        return div_rounding_up(numerator, denominator)
    if product > MAX_UINT256 or numerator <= product:
        raise MathError("next sqrt price: the liquidity does not hold that much token0")
    return to_uint160(mul_div_rounding_up(numerator, sqrt_price_x96, numerator - product))


def next_sqrt_price_from_amount1(sqrt_price_x96: int, liquidity: int, amount: int, *, add: bool) -> int:
    """The sqrt price after ``amount`` of token1 is added to (or removed from) the pool, rounded down.

    Raises:
        MathError: where ``getNextSqrtPriceFromAmount1RoundingDown`` reverts.
    """
    if add:
        return to_uint160(sqrt_price_x96 + mul_div(amount, Q96, liquidity))
    if amount <= MAX_UINT160:
        quotient = div_rounding_up(amount << 96, liquidity)
    else:
        quotient = mul_div_rounding_up(amount, Q96, liquidity)
    if sqrt_price_x96 <= quotient:
        raise MathError("next sqrt price: the liquidity does not hold that much token1")
    return sqrt_price_x96 - quotient


def next_sqrt_price_from_input(sqrt_price_x96: int, liquidity: int, amount_in: int, *, zero_for_one: bool) -> int:
    """The sqrt price after ``amount_in`` (fee already taken off) of the input token; never passes the exact price.

    Raises:
        MathError: price or liquidity is zero, or the next price does not fit in 160 bits.
    """
    _require_price_and_liquidity(sqrt_price_x96, liquidity)
    if zero_for_one:
        return next_sqrt_price_from_amount0(sqrt_price_x96, liquidity, amount_in, add=True)
    return next_sqrt_price_from_amount1(sqrt_price_x96, liquidity, amount_in, add=True)


def next_sqrt_price_from_output(sqrt_price_x96: int, liquidity: int, amount_out: int, *, zero_for_one: bool) -> int:
    """The sqrt price after ``amount_out`` of the output token left the pool; always reaches the exact price.

    Raises:
        MathError: price or liquidity is zero, or the liquidity does not hold that much.
    """
    _require_price_and_liquidity(sqrt_price_x96, liquidity)
    if zero_for_one:
        return next_sqrt_price_from_amount1(sqrt_price_x96, liquidity, amount_out, add=False)
    return next_sqrt_price_from_amount0(sqrt_price_x96, liquidity, amount_out, add=False)


def _require_price_and_liquidity(sqrt_price_x96: int, liquidity: int) -> None:
    if sqrt_price_x96 <= 0 or liquidity <= 0:
        raise MathError("next sqrt price: price and liquidity must be above zero")
