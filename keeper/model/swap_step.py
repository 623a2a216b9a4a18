"""One step of a swap: trading against constant liquidity up to a target price.

Mirrors Uniswap v3-core ``SwapMath.computeSwapStep``. Sqrt prices are Q64.96, amounts raw units, fees in hundredths of a
basis point (pips).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from keeper.model.full_math import mul_div, mul_div_rounding_up
from keeper.model.liquidity import amount0_delta, amount1_delta
from keeper.model.sqrt_price import next_sqrt_price_from_input, next_sqrt_price_from_output

PIPS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class SwapStep:
    """The price reached, and what was paid in (without the fee), paid out, and taken as fee from the input token."""

    sqrt_next_x96: int
    amount_in: int
    amount_out: int
    fee_amount: int


def compute_swap_step(
    sqrt_current_x96: int, sqrt_target_x96: int, liquidity: int, amount_remaining: int, fee_pips: int
) -> SwapStep:
    """Trade ``amount_remaining`` (positive: exact input, negative: exact output) no further than the target price.

    Raises:
        MathError: where the contract reverts.
        ValueError: the fee is not in ``[0, 1_000_000)``, the only fees a factory accepts.
    """
    if not 0 <= fee_pips < PIPS:
        raise ValueError(f"fee of {fee_pips} pips is outside [0, {PIPS})")
    if amount_remaining >= 0:
        return _exact_input(sqrt_current_x96, sqrt_target_x96, liquidity, amount_remaining, fee_pips)
    return _exact_output(sqrt_current_x96, sqrt_target_x96, liquidity, -amount_remaining, fee_pips)


def _exact_input(current: int, target: int, liquidity: int, amount_remaining: int, fee_pips: int) -> SwapStep:
    zero_for_one = current >= target
    less_fee = mul_div(amount_remaining, PIPS - fee_pips, PIPS)
    amount_in = _amount_in(current, target, liquidity, zero_for_one)
    if less_fee >= amount_in:
        reached = target
    else:
        reached = next_sqrt_price_from_input(current, liquidity, less_fee, zero_for_one=zero_for_one)
        if reached != target:
            amount_in = _amount_in(current, reached, liquidity, zero_for_one)
    amount_out = _amount_out(current, reached, liquidity, zero_for_one)
    if reached != target:
        # The input is used up here: whatever the price move did not take is fee.
        return SwapStep(reached, amount_in, amount_out, amount_remaining - amount_in)
    return SwapStep(reached, amount_in, amount_out, mul_div_rounding_up(amount_in, fee_pips, PIPS - fee_pips))


def _exact_output(current: int, target: int, liquidity: int, amount_remaining: int, fee_pips: int) -> SwapStep:
    zero_for_one = current >= target
    amount_out = _amount_out(current, target, liquidity, zero_for_one)
    if amount_remaining >= amount_out:
        reached = target
    else:
        reached = next_sqrt_price_from_output(current, liquidity, amount_remaining, zero_for_one=zero_for_one)
        if reached != target:
            amount_out = _amount_out(current, reached, liquidity, zero_for_one)
    amount_in = _amount_in(current, reached, liquidity, zero_for_one)
    fee_amount = mul_div_rounding_up(amount_in, fee_pips, PIPS - fee_pips)
    return SwapStep(reached, amount_in, min(amount_out, amount_remaining), fee_amount)


def _amount_in(current: int, reached: int, liquidity: int, zero_for_one: bool) -> int:
    if zero_for_one:
        return amount0_delta(reached, current, liquidity, round_up=True)
    return amount1_delta(current, reached, liquidity, round_up=True)


def _amount_out(current: int, reached: int, liquidity: int, zero_for_one: bool) -> int:
    if zero_for_one:
        return amount1_delta(reached, current, liquidity, round_up=False)
    return amount0_delta(current, reached, liquidity, round_up=False)
