"""A whole swap across initialized ticks, to the wei.

Mirrors ``UniswapV3Pool.swap``, including its walk through the tick bitmap one 256-tick word at a time: a step that ends
at a word's edge rounds there too, so skipping empty words would give other amounts.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from keeper.model.full_math import MAX_UINT128, MAX_UINT256, Q128, MathError, mul_div, to_int256
from keeper.model.liquidity import add_delta
from keeper.model.swap_step import SwapStep, compute_swap_step
from keeper.model.ticks import (
    MAX_SQRT_PRICE_X96,
    MAX_TICK,
    MIN_SQRT_PRICE_X96,
    MIN_TICK,
    sqrt_price_at_tick,
    tick_at_sqrt_price,
)


class TickRangeExceeded(LookupError):  # noqa: N818 - says what happened, as StopIteration does
    """The swap leaves the ticks that were read, so its result cannot be known. Read a wider range and try again."""

    def __init__(self, bound_tick: int, *, zero_for_one: bool) -> None:
        self.bound_tick = bound_tick
        self.zero_for_one = zero_for_one
        side = "below" if zero_for_one else "above"
        super().__init__(f"the swap goes {side} tick {bound_tick}, beyond the ticks that were read")


@dataclass(frozen=True, slots=True)
class SwapResult:
    """What a swap did. Amounts are the pool's: positive flows in, negative flows out, raw units.

    ``fee_paid`` is in the input token and includes ``protocol_fee``; ``fee_growth_global_delta_x128`` is what the swap
    adds (modulo 2**256) to the input token's global fee growth.
    """

    amount0: int
    amount1: int
    sqrt_price_x96: int
    tick: int
    liquidity: int
    fee_paid: int
    crossed_ticks: tuple[int, ...]
    fee_growth_global_delta_x128: int
    protocol_fee: int


@dataclass(slots=True)
class _State:
    remaining: int
    sqrt_price_x96: int
    tick: int
    liquidity: int
    calculated: int = 0
    fee_paid: int = 0
    protocol_fee: int = 0
    fee_growth_x128: int = 0


@dataclass(frozen=True, slots=True)
class _TickMap:
    """The initialized ticks that were read, and the bounds between which none is missing."""

    ticks: tuple[int, ...]
    nets: tuple[int, ...]
    spacing: int
    known_lower_tick: int
    known_upper_tick: int

    def next_within_word(self, tick: int, *, zero_for_one: bool) -> tuple[int, int | None]:
        """The tick a step may run to, and its net liquidity if it is initialized (``TickBitmap``)."""
        compressed = tick // self.spacing
        index = bisect_right(self.ticks, tick)
        if zero_for_one:
            edge = (compressed >> 8 << 8) * self.spacing
            if index and self.ticks[index - 1] >= edge:
                return self.ticks[index - 1], self.nets[index - 1]
            return max(edge, MIN_TICK), None
        edge = (compressed + 1 | 255) * self.spacing
        if index < len(self.ticks) and self.ticks[index] <= edge:
            return self.ticks[index], self.nets[index]
        return min(edge, MAX_TICK), None


def swap(
    pool_sqrt_price_x96: int,
    tick: int,
    liquidity: int,
    fee_pips: int,
    ticks: Sequence[tuple[int, int]],
    zero_for_one: bool,
    amount_specified: int,
    sqrt_price_limit_x96: int,
    tick_spacing: int,
    *,
    known_lower_tick: int = MIN_TICK,
    known_upper_tick: int = MAX_TICK,
    fee_protocol: int = 0,
) -> SwapResult:
    """Swap ``amount_specified`` (positive: exact input, negative: exact output) against a pool's state.

    Args:
        ticks: initialized ``(tick, liquidity_net)`` pairs in rising order; every one between the known bounds.
        known_lower_tick, known_upper_tick: inclusive bounds of what was read.
        fee_protocol: the pool's protocol fee denominator for the input token (0 off, else 4 to 10).

    Raises:
        MathError: where the pool reverts (amount zero, limit on the wrong side, overflow).
        TickRangeExceeded: the result depends on ticks outside the known bounds.
    """
    if amount_specified == 0:
        raise MathError("swap: amount is zero")
    _check_limit(pool_sqrt_price_x96, sqrt_price_limit_x96, zero_for_one)
    if not known_lower_tick <= tick <= known_upper_tick:
        raise TickRangeExceeded(
            known_lower_tick if tick < known_lower_tick else known_upper_tick, zero_for_one=tick < known_lower_tick
        )
    indexes, nets = tuple(entry[0] for entry in ticks), tuple(entry[1] for entry in ticks)
    tick_map = _TickMap(indexes, nets, tick_spacing, known_lower_tick, known_upper_tick)
    state = _State(amount_specified, pool_sqrt_price_x96, tick, liquidity)
    crossed: list[int] = []
    while state.remaining and state.sqrt_price_x96 != sqrt_price_limit_x96:
        tick_next, net = tick_map.next_within_word(state.tick, zero_for_one=zero_for_one)
        step = _bounded_step(state, tick_map, tick_next, sqrt_price_limit_x96, fee_pips, zero_for_one)
        _account(state, step, fee_protocol, exact_input=amount_specified > 0)
        if _move(state, step, tick_next, net, zero_for_one):
            crossed.append(tick_next)
    specified = amount_specified - state.remaining
    token0_specified = zero_for_one == (amount_specified > 0)
    amount0, amount1 = (specified, state.calculated) if token0_specified else (state.calculated, specified)
    return SwapResult(
        amount0,
        amount1,
        state.sqrt_price_x96,
        state.tick,
        state.liquidity,
        state.fee_paid,
        tuple(crossed),
        state.fee_growth_x128,
        state.protocol_fee,
    )


def _check_limit(price: int, limit: int, zero_for_one: bool) -> None:
    allowed = MIN_SQRT_PRICE_X96 < limit < price if zero_for_one else price < limit < MAX_SQRT_PRICE_X96
    if not allowed:
        raise MathError("swap: the price limit is on the wrong side of the price or out of bounds")


def _bounded_step(
    state: _State, tick_map: _TickMap, tick_next: int, limit_x96: int, fee_pips: int, zero_for_one: bool
) -> SwapStep:
    """The step toward the next tick or the limit, refusing to pass the last tick that is known."""
    if zero_for_one:
        reachable = max(tick_next, tick_map.known_lower_tick)
        target_x96 = max(sqrt_price_at_tick(reachable), limit_x96)
    else:
        reachable = min(tick_next, tick_map.known_upper_tick)
        target_x96 = min(sqrt_price_at_tick(reachable), limit_x96)
    step = compute_swap_step(state.sqrt_price_x96, target_x96, state.liquidity, state.remaining, fee_pips)
    # A step that stops short of the bound would stop at the same place for any farther target; one that reaches it
    # might have gone on, or might have paid another fee, so nothing is known.
    if reachable != tick_next and target_x96 != limit_x96 and step.sqrt_next_x96 == target_x96:
        raise TickRangeExceeded(reachable, zero_for_one=zero_for_one)
    return step


def _account(state: _State, step: SwapStep, fee_protocol: int, *, exact_input: bool) -> None:
    paid = to_int256((step.amount_in + step.fee_amount) & MAX_UINT256)
    received = to_int256(step.amount_out)
    if exact_input:
        state.remaining -= paid
        state.calculated = to_int256(state.calculated - received)
    else:
        state.remaining += received
        state.calculated = to_int256(state.calculated + paid)
    to_protocol = step.fee_amount // fee_protocol if fee_protocol else 0
    state.fee_paid += step.fee_amount
    state.protocol_fee = (state.protocol_fee + to_protocol) & MAX_UINT128
    if state.liquidity:
        growth_x128 = mul_div(step.fee_amount - to_protocol, Q128, state.liquidity)
        state.fee_growth_x128 = (state.fee_growth_x128 + growth_x128) & MAX_UINT256


def _move(state: _State, step: SwapStep, tick_next: int, net: int | None, zero_for_one: bool) -> bool:
    """Take the step's price and tick; true if it crossed an initialized tick."""
    start_x96, state.sqrt_price_x96 = state.sqrt_price_x96, step.sqrt_next_x96
    if state.sqrt_price_x96 == sqrt_price_at_tick(tick_next):
        state.tick = tick_next - 1 if zero_for_one else tick_next
        if net is None:
            return False
        state.liquidity = add_delta(state.liquidity, -net if zero_for_one else net)
        return True
    if state.sqrt_price_x96 != start_x96:
        state.tick = tick_at_sqrt_price(state.sqrt_price_x96)
    return False
