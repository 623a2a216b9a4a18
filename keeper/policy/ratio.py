"""How much to swap so that what is held fits a ladder: exact through the pool's ticks, fee and own price impact."""

from __future__ import annotations

from dataclasses import dataclass, replace

from keeper.model.decision import Ladder
from keeper.model.liquidity import amounts_on_burn, amounts_to_mint, liquidity_for_amounts
from keeper.model.observation import PoolState, Position
from keeper.model.swap import SwapResult, swap
from keeper.model.ticks import MAX_SQRT_PRICE_X96, MIN_SQRT_PRICE_X96, sqrt_price_at_tick, tick_at_sqrt_price
from keeper.policy.valuation import value_in_quote

# Liquidity of the reference position that a range's token ratio is read from: large, so that rounding is nothing.
REFERENCE_LIQUIDITY = 1 << 112
WEIGHT_SCALE = 1 << 256
# The search stops when the amount is known to one part in this many: a thousandth of the leftover allowed.
SEARCH_RESOLUTION = 1_000_000
SETTLING_ROUNDS = 4


@dataclass(frozen=True, slots=True)
class Market:
    """The pool as a swap of ours would find it, after our own liquidity has gone."""

    sqrt_price_x96: int
    tick: int
    liquidity: int
    fee_pips: int
    tick_spacing: int
    ticks: tuple[tuple[int, int], ...]
    known_lower_tick: int
    known_upper_tick: int

    def sell(self, zero_for_one: bool, amount_in: int) -> SwapResult:
        """Swap an exact input as far as it goes. TickRangeExceeded where it leaves the ticks that were read."""
        return swap(
            self.sqrt_price_x96,
            self.tick,
            self.liquidity,
            self.fee_pips,
            self.ticks,
            zero_for_one,
            amount_in,
            MIN_SQRT_PRICE_X96 + 1 if zero_for_one else MAX_SQRT_PRICE_X96 - 1,
            self.tick_spacing,
            known_lower_tick=self.known_lower_tick,
            known_upper_tick=self.known_upper_tick,
        )


@dataclass(frozen=True, slots=True)
class Fit:
    """A swap (none where ``amount_in`` is 0) and what is held, at which price, after it."""

    zero_for_one: bool
    amount_in: int
    amount_out: int
    amount_0: int
    amount_1: int
    sqrt_price_x96: int
    ticks_crossed: int = 0


def market_without(pool: PoolState, positions: tuple[Position, ...]) -> Market:
    """The pool's swap state with these positions' liquidity taken out."""
    nets = {tick.tick: tick.liquidity_net for tick in pool.ticks}
    gross = {tick.tick: tick.liquidity_gross for tick in pool.ticks}
    active = pool.liquidity
    for position in positions:
        for tick, sign in ((position.lower_tick, -1), (position.upper_tick, 1)):
            if tick in nets:  # a position's edge may lie outside the ticks that were read
                nets[tick] += sign * position.liquidity
                gross[tick] -= position.liquidity
        if position.lower_tick <= pool.tick < position.upper_tick:
            active -= position.liquidity
    return Market(
        sqrt_price_x96=pool.sqrt_price_x96,
        tick=pool.tick,
        liquidity=active,
        fee_pips=pool.fee_pips,
        tick_spacing=pool.tick_spacing,
        ticks=tuple((tick, net) for tick, net in sorted(nets.items()) if gross[tick] > 0),
        known_lower_tick=pool.known_lower_tick,
        known_upper_tick=pool.known_upper_tick,
    )


def market_at(market: Market, sqrt_price_x96: int) -> Market:
    """The market after others have moved its price there."""
    tick, before = tick_at_sqrt_price(sqrt_price_x96), market.tick
    entered = sum(net for at, net in market.ticks if before < at <= tick)
    left = sum(net for at, net in market.ticks if tick < at <= before)
    return replace(market, sqrt_price_x96=sqrt_price_x96, tick=tick, liquidity=market.liquidity + entered - left)


def needs(ladder: Ladder, sqrt_price_x96: int, quote_is_token0: bool) -> list[tuple[int, int]]:
    """For each range, token0 and token1 in the proportion that gives it its share of the value. Scale-free."""
    wanted = []
    for target in ladder.ranges:
        lower, upper = sqrt_price_at_tick(target.lower_tick), sqrt_price_at_tick(target.upper_tick)
        amount_0, amount_1 = amounts_on_burn(sqrt_price_x96, lower, upper, REFERENCE_LIQUIDITY)
        value = value_in_quote(amount_0, amount_1, sqrt_price_x96, quote_is_token0)
        weight = target.share_ppm * WEIGHT_SCALE // max(value, 1)
        wanted.append((amount_0 * weight, amount_1 * weight))
    return wanted


def fit_to(market: Market, ladder: Ladder, amount_0: int, amount_1: int, quote_is_token0: bool) -> Fit:
    """The swap after which the two amounts stand in the ladder's proportion at the price the swap leaves behind.

    Bisection on the exact integer swap: selling more of a token holds less of it and asks for more of it, so the sign
    of the excess changes once. TickRangeExceeded where the answer lies beyond the ticks that were read.
    """

    def excess_0(held_0: int, held_1: int, sqrt_price_x96: int) -> int:
        wanted = needs(ladder, sqrt_price_x96, quote_is_token0)
        return held_0 * sum(one for _, one in wanted) - held_1 * sum(zero for zero, _ in wanted)

    start = excess_0(amount_0, amount_1, market.sqrt_price_x96)
    zero_for_one = start > 0
    nothing = Fit(zero_for_one, 0, 0, amount_0, amount_1, market.sqrt_price_x96)
    available = amount_0 if zero_for_one else amount_1
    if start == 0 or available == 0:
        return nothing

    best, low, high = nothing, 0, available
    resolution = max(1, available // SEARCH_RESOLUTION)
    while high - low > resolution:
        middle = (low + high) // 2
        fit = _after(market, zero_for_one, middle, amount_0, amount_1)
        if (excess_0(fit.amount_0, fit.amount_1, fit.sqrt_price_x96) > 0) == zero_for_one:
            best, low = fit, middle
        else:
            high = middle
    return best


def fit_within(
    market: Market, ladder: Ladder, amount_0: int, amount_1: int, quote_is_token0: bool, allowed_leftover: int
) -> Fit:
    """No swap where it would leave at most ``allowed_leftover`` (raw quote units) outside; else ``fit_to``."""
    unswapped = Fit(True, 0, 0, amount_0, amount_1, market.sqrt_price_x96)
    if leftover_value(ladder, unswapped, quote_is_token0) <= allowed_leftover:
        return unswapped
    return fit_to(market, ladder, amount_0, amount_1, quote_is_token0)


def leftover_value(ladder: Ladder, fit: Fit, quote_is_token0: bool) -> int:
    """Raw quote units of what no range takes, at the price after the swap."""
    left_0, left_1 = fit.amount_0, fit.amount_1
    for target, offer in zip(ladder.ranges, allocate(ladder, fit, quote_is_token0), strict=True):
        used_0, used_1 = charged(target.lower_tick, target.upper_tick, fit.sqrt_price_x96, *offer)
        left_0, left_1 = left_0 - used_0, left_1 - used_1
    return value_in_quote(left_0, left_1, fit.sqrt_price_x96, quote_is_token0)


def _after(market: Market, zero_for_one: bool, amount_in: int, amount_0: int, amount_1: int) -> Fit:
    result = market.sell(zero_for_one, amount_in)
    return Fit(
        zero_for_one=zero_for_one,
        amount_in=amount_in,
        amount_out=-(result.amount1 if zero_for_one else result.amount0),
        amount_0=amount_0 - result.amount0,
        amount_1=amount_1 - result.amount1,
        sqrt_price_x96=result.sqrt_price_x96,
        ticks_crossed=len(result.crossed_ticks),
    )


def allocate(ladder: Ladder, fit: Fit, quote_is_token0: bool) -> list[tuple[int, int]]:
    """What each range is offered of the amounts held: all of both tokens, in the ladder's proportion."""
    wanted = needs(ladder, fit.sqrt_price_x96, quote_is_token0)
    total_0, total_1 = sum(zero for zero, _ in wanted), sum(one for _, one in wanted)
    return [
        (fit.amount_0 * zero // total_0 if total_0 else 0, fit.amount_1 * one // total_1 if total_1 else 0)
        for zero, one in wanted
    ]


def settled(lower_tick: int, upper_tick: int, sqrt_price_x96: int, amount_0: int, amount_1: int) -> tuple[int, int]:
    """Amounts within the two that this price takes whole, so that nothing is left of what is allowed for them.

    ``charged`` rounds, so its result may be charged a unit less again. It nearly always stands still at once; where it
    does not, the amounts are still within those given, and a unit of allowance is left over.
    """
    for _ in range(SETTLING_ROUNDS):
        taken = charged(lower_tick, upper_tick, sqrt_price_x96, amount_0, amount_1)
        if taken == (amount_0, amount_1):
            break
        amount_0, amount_1 = taken
    return amount_0, amount_1


def charged(lower_tick: int, upper_tick: int, sqrt_price_x96: int, amount_0: int, amount_1: int) -> tuple[int, int]:
    """What the position manager would really take of the two amounts for a range at this price."""
    lower, upper = sqrt_price_at_tick(lower_tick), sqrt_price_at_tick(upper_tick)
    liquidity = liquidity_for_amounts(sqrt_price_x96, lower, upper, amount_0, amount_1)
    return amounts_to_mint(sqrt_price_x96, lower, upper, liquidity)
