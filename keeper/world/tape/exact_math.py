"""The pool's mathematics for compiled code: ticks, amounts, next prices and one step of a swap.

The same functions as ``keeper/model`` (``ticks``, ``liquidity``, ``sqrt_price``, ``swap_step``), which say where each
formula comes from; here in wide integers that wrap as the contracts' do. Sqrt prices are Q64.96, liquidity and amounts
raw units, fees in pips. Every number is a ``u256`` unless said otherwise; ticks and fees are plain ``int64``.

The functions of a step hold where ``computeSwapStep`` calls them: a next price is asked for only when the amount does
not reach the target, so none of the contracts' overflow reverts can be met (amounts stay below 2**224, prices between
the two ends of the domain).
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from keeper.model.swap_step import PIPS
from keeper.model.ticks import INVERSE_SQRT_POWERS_X128
from keeper.world.tape.limbs import as_word, full_product, kept_apart, leading_zeros, shifted_left, u128, u256, u512
from keeper.world.tape.limbs_compiled import inner
from keeper.world.tape.limbs_division import div_rounding_up, divide, inverse_of, mul_div, mul_div_rounding_up, scaled

_TABLE_BITS: Final = 10
_TICK_BITS: Final = len(INVERSE_SQRT_POWERS_X128)
_TICKS_PER_OCTAVE: Final = 2.0 / math.log2(1.0001)
_UNSURE_TICKS: Final = 1e-3


def _limbs(values: list[int]) -> NDArray[np.uint64]:
    return np.array([(value & (1 << 64) - 1, value >> 64 & (1 << 64) - 1) for value in values], dtype=np.uint64)


def _ratios_of_low_bits() -> list[int]:
    """The contract's running product after the tick's lowest bits, truncated after each factor as there. Zero bits
    leave 2**128, which does not fit: 0 stands for it."""
    ratios = []
    for low in range(1 << _TABLE_BITS):
        ratio_x128 = 1 << 128
        for bit in range(_TABLE_BITS):
            if low >> bit & 1:
                ratio_x128 = ratio_x128 * INVERSE_SQRT_POWERS_X128[bit] >> 128
        ratios.append(ratio_x128 % (1 << 128))
    return ratios


# A pool's fee in pips, and the inverse of 1e6 less the fee with its shift (``inverse_of``).
Fee = tuple[int, int, int]

_PIPS_SHIFT: Final = inverse_of(PIPS)[1]
_PIPS_INVERSE: Final = _limbs([inverse_of(PIPS)[0]])[0]
_LOW_BITS: Final = _limbs(_ratios_of_low_bits())
_POWERS: Final = _limbs(list(INVERSE_SQRT_POWERS_X128))


@inner
def sqrt_price_at_tick(tick: int) -> int:
    """``TickMath.getSqrtRatioAtTick`` of a tick within its bounds."""
    kept_apart()
    bits = abs(tick)
    low = bits & ((1 << _TABLE_BITS) - 1)
    ratio = u256(_LOW_BITS[low, 0]) | u256(_LOW_BITS[low, 1]) << 64
    if low == 0:
        ratio = u256(1) << 128
    for bit in range(_TABLE_BITS, _TICK_BITS):
        if bits >> bit & 1:
            power = u128(_POWERS[bit, 0]) | u128(_POWERS[bit, 1]) << 64
            ratio = full_product(u128(ratio), power) >> 128 if ratio >> 128 == 0 else u256(power)
    if tick > 0:
        ratio, _ = divide(u512(u256(0) - 1), ratio)
    rounded = ratio >> 32
    return rounded if ratio & 0xFFFFFFFF == 0 else rounded + 1


@inner
def tick_at_sqrt_price(price: int) -> int:
    """``TickMath.getTickAtSqrtRatio`` of a price within its bounds: the greatest tick whose price is at most this one.

    A logarithm in floating point guesses it to 1e-8 ticks (the rounding of the ticks' own prices adds 5e-6); nearer to
    a tick than a thousandth the prices themselves decide, so the answer is exact.
    """
    kept_apart()
    zeros = leading_zeros(price)  # 96 to 223: a price has 33 to 160 bits
    top = as_word(shifted_left(price << 96, zeros - 96) >> 192)
    guess = (math.log2(float(top)) + float(96 - zeros)) * _TICKS_PER_OCTAVE
    tick = math.floor(guess)
    if guess - tick < _UNSURE_TICKS:
        return tick if sqrt_price_at_tick(tick) <= price else tick - 1
    if guess - tick > 1.0 - _UNSURE_TICKS:
        return tick + 1 if sqrt_price_at_tick(tick + 1) <= price else tick
    return tick


@inner
def amount0_delta(lower: int, upper: int, liquidity: int, round_up: bool) -> int:
    """Token0 of ``liquidity`` between two prices in rising order. Dividing twice, rounded the same way both times, is
    dividing once by the product, and that is what is done where the product fits."""
    kept_apart()
    numerator, distance = u256(liquidity) << 96, upper - lower
    if upper >> 128 == 0:
        quotient, exact = divide(full_product(numerator, distance), upper * lower)
        return quotient + 1 if round_up and not exact else quotient
    if round_up:
        return div_rounding_up(mul_div_rounding_up(numerator, distance, upper), lower)
    quotient, _ = divide(u512(mul_div(numerator, distance, upper)), lower)
    return quotient


@inner
def amount1_delta(lower: int, upper: int, liquidity: int, round_up: bool) -> int:
    """Token1 of ``liquidity`` between two prices in rising order."""
    product = u512(full_product(u256(liquidity), upper - lower))
    quotient = u256(product >> 96)
    return quotient + 1 if round_up and (u128(product) << 32) != 0 else quotient


@inner
def next_price_from_input(price: int, liquidity: int, amount: int, zero_for_one: bool) -> int:
    """``SqrtPriceMath.getNextSqrtPriceFromInput``: never passes the exact price."""
    numerator = u256(liquidity) << 96
    if not zero_for_one:
        quotient, _ = divide(u512(amount) << 96, u256(liquidity))
        return price + quotient
    if amount == 0:
        return price
    product = full_product(amount, price)
    denominator = numerator + u256(product)
    if product >> 256 == 0 and denominator >= numerator:
        return mul_div_rounding_up(numerator, price, denominator)
    # The exact denominator does not fit in 256 bits: the contract falls back to a less precise form.
    quotient, _ = divide(u512(numerator), price)
    return div_rounding_up(numerator, quotient + amount)


@inner
def next_price_from_output(price: int, liquidity: int, amount: int, zero_for_one: bool) -> int:
    """``SqrtPriceMath.getNextSqrtPriceFromOutput``: always reaches the exact price."""
    if zero_for_one:
        quotient, exact = divide(u512(amount) << 96, u256(liquidity))
        return price - quotient if exact else price - quotient - 1
    if amount == 0:
        return price
    numerator = u256(liquidity) << 96
    return mul_div_rounding_up(numerator, price, numerator - amount * price)


@inner
def amount_in(current: int, reached: int, liquidity: int, zero_for_one: bool) -> int:
    """What a move between two prices takes in, without the fee; rounded up."""
    if zero_for_one:
        return amount0_delta(reached, current, liquidity, True)
    return amount1_delta(current, reached, liquidity, True)


@inner
def amount_out(current: int, reached: int, liquidity: int, zero_for_one: bool) -> int:
    """What a move between two prices pays out; rounded down."""
    if zero_for_one:
        return amount1_delta(reached, current, liquidity, False)
    return amount0_delta(current, reached, liquidity, False)


@inner
def fee_on(paid: int, fee: Fee) -> int:
    """The fee that belongs to an input without fee, rounded up."""
    fee_pips, inverse, shift = fee
    quotient, exact = scaled(paid, fee_pips, PIPS - fee_pips, inverse, shift)
    return quotient if exact else quotient + 1


@inner
def less_fee(amount: int, fee_pips: int) -> int:
    """What remains of an input when its fee is taken off, rounded down."""
    inverse = u128(_PIPS_INVERSE[0]) | u128(_PIPS_INVERSE[1]) << 64
    quotient, _ = scaled(amount, PIPS - fee_pips, PIPS, inverse, _PIPS_SHIFT)
    return quotient


@inner
def swap_step(current: int, target: int, liquidity: int, remaining: int, fee: Fee) -> tuple[int, int, int, int]:
    """``SwapMath.computeSwapStep``: the price reached, input without fee, output, fee. ``liquidity`` is a ``u128``;
    ``remaining`` is signed in two's complement (negative: exact output)."""
    kept_apart()
    zero_for_one = current >= target
    if remaining >> 255 == 0:
        usable = less_fee(remaining, fee[0])
        paid = amount_in(current, target, liquidity, zero_for_one)
        reached = target
        if usable < paid:
            reached = next_price_from_input(current, liquidity, usable, zero_for_one)
        received = amount_out(current, reached, liquidity, zero_for_one)
        if reached == target:
            return reached, paid, received, fee_on(paid, fee)
        paid = amount_in(current, reached, liquidity, zero_for_one)
        # The input is used up here: whatever the price move did not take is fee.
        return reached, paid, received, remaining - paid
    wanted = u256(0) - remaining
    received = amount_out(current, target, liquidity, zero_for_one)
    reached = target
    if wanted < received:
        reached = next_price_from_output(current, liquidity, wanted, zero_for_one)
        if reached != target:
            received = amount_out(current, reached, liquidity, zero_for_one)
    paid = amount_in(current, reached, liquidity, zero_for_one)
    return reached, paid, received if received < wanted else wanted, fee_on(paid, fee)
