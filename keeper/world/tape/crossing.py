"""A recorded swap walked again, step by step, through a book of ticks.

A Swap log says what was paid, what was received and where the pool stood afterwards, but not what the trader asked for:
an exact input, an exact output, or a price to stop at. Each rounds differently, so each is tried. The walk is that of
``UniswapV3Pool.swap`` (as in ``keeper/model/swap.py``), and keeps every step, since a range earns by steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

from keeper.model.full_math import MathError
from keeper.model.swap_step import compute_swap_step
from keeper.model.ticks import (
    MAX_SQRT_PRICE_X96,
    MAX_TICK,
    MIN_SQRT_PRICE_X96,
    MIN_TICK,
    sqrt_price_at_tick,
    tick_at_sqrt_price,
)
from keeper.world.tape.events import TapeEvent

# Larger than any amount a pool can move and small enough for the products of a step (int256 with a fee in pips).
_UNLIMITED: Final = 1 << 200


class Manner(Enum):
    """What the trader asked for."""

    EXACT_INPUT = "exact input"
    EXACT_OUTPUT = "exact output"
    PRICE_LIMIT = "price limit"


class Ticks(Protocol):
    """Where a step may run to."""

    def next_within_word(self, tick: int, *, zero_for_one: bool) -> tuple[int, int | None]:
        """The next initialized tick with its net liquidity, or the edge of the bitmap's word with None."""
        ...


@dataclass(frozen=True, slots=True)
class PoolPoint:
    """Where a pool stands. ``tick`` is slot0's, which at a crossed boundary is not the price's own."""

    sqrt_price_x96: int
    tick: int
    liquidity: int


@dataclass(frozen=True, slots=True)
class CrossingStep:
    """A stretch of constant liquidity. ``fee`` is the whole fee in raw units of the token paid in; ``tick`` is slot0's
    while the step ran."""

    from_x96: int
    to_x96: int
    tick: int
    liquidity: int
    fee: int


@dataclass(frozen=True, slots=True)
class Walk:
    """A swap walked through a book. Amounts are the pool's, positive was paid in, raw units."""

    amount_0: int
    amount_1: int
    end: PoolPoint
    steps: tuple[CrossingStep, ...]


@dataclass(frozen=True, slots=True)
class Replay:
    """The walk nearest to what was recorded; ``difference`` is the larger of the two amounts' errors in raw units."""

    walk: Walk
    manner: Manner
    zero_for_one: bool
    difference: int


def is_zero_for_one(before: PoolPoint, swap: TapeEvent) -> bool:
    """Whether token0 was paid in; a swap without amounts is told by where its price went."""
    if swap.amount_0 > 0 or swap.amount_1 < 0:
        return True
    if swap.amount_1 > 0 or swap.amount_0 < 0:
        return False
    return swap.sqrt_price_x96 < before.sqrt_price_x96


def replay(ticks: Ticks, before: PoolPoint, swap: TapeEvent, fee_pips: int, tick_spacing: int) -> Replay | None:
    """The manner of swap that ends where the record ends (price, tick, liquidity), nearest in amounts; None: none does.

    Exact input and output run one spacing beyond the recorded price at most, so that a wrong guess stays in the book.
    """
    zero_for_one = is_zero_for_one(before, swap)
    paid, received = (swap.amount_0, swap.amount_1) if zero_for_one else (swap.amount_1, swap.amount_0)
    beyond_x96 = _beyond(swap.tick, tick_spacing, zero_for_one=zero_for_one)
    wanted = PoolPoint(swap.sqrt_price_x96, swap.tick, swap.liquidity)
    best: Replay | None = None
    for manner, amount, limit_x96 in (
        (Manner.EXACT_INPUT, paid, beyond_x96),
        (Manner.EXACT_OUTPUT, received, beyond_x96),
        (Manner.PRICE_LIMIT, _UNLIMITED, swap.sqrt_price_x96),
    ):
        try:
            found = walk(ticks, before, amount, limit_x96, fee_pips, zero_for_one=zero_for_one)
        except MathError:  # the pool would have reverted: it was not this
            continue
        if found.end != wanted:
            continue
        difference = max(abs(found.amount_0 - swap.amount_0), abs(found.amount_1 - swap.amount_1))
        if best is None or difference < best.difference:
            best = Replay(found, manner, zero_for_one, difference)
        if not difference:
            break
    return best


def _beyond(tick: int, tick_spacing: int, *, zero_for_one: bool) -> int:
    if zero_for_one:
        return max(sqrt_price_at_tick(max(tick - tick_spacing, MIN_TICK)), MIN_SQRT_PRICE_X96 + 1)
    return min(sqrt_price_at_tick(min(tick + 1 + tick_spacing, MAX_TICK)), MAX_SQRT_PRICE_X96 - 1)


def walk(ticks: Ticks, before: PoolPoint, amount: int, limit_x96: int, fee_pips: int, *, zero_for_one: bool) -> Walk:
    """Trade ``amount`` (positive: exact input, negative: exact output) no further than the limit.

    Raises:
        MathError: where the pool reverts, and where the book takes out more liquidity than there is.
    """
    price_x96, tick, liquidity = before.sqrt_price_x96, before.tick, before.liquidity
    if (price_x96 < limit_x96) if zero_for_one else (price_x96 > limit_x96):
        raise MathError("the price limit is on the wrong side of the price")
    remaining, paid, received = amount, 0, 0
    steps: list[CrossingStep] = []
    while remaining and price_x96 != limit_x96:
        tick_next, net = ticks.next_within_word(tick, zero_for_one=zero_for_one)
        edge_x96 = sqrt_price_at_tick(tick_next)
        target_x96 = max(edge_x96, limit_x96) if zero_for_one else min(edge_x96, limit_x96)
        step = compute_swap_step(price_x96, target_x96, liquidity, remaining, fee_pips)
        paid += step.amount_in + step.fee_amount
        received += step.amount_out
        remaining -= step.amount_in + step.fee_amount if amount > 0 else -step.amount_out
        steps.append(CrossingStep(price_x96, step.sqrt_next_x96, tick, liquidity, step.fee_amount))
        start_x96, price_x96 = price_x96, step.sqrt_next_x96
        if price_x96 == edge_x96:
            tick = tick_next - 1 if zero_for_one else tick_next
            liquidity += 0 if net is None else -net if zero_for_one else net
            if liquidity < 0:
                raise MathError(f"the book leaves less than no liquidity at tick {tick}")
        elif price_x96 != start_x96:
            tick = tick_at_sqrt_price(price_x96)
    amounts = (paid, -received) if zero_for_one else (-received, paid)
    return Walk(*amounts, PoolPoint(price_x96, tick, liquidity), tuple(steps))
