"""What a ladder holds of the base token, and how that changes with the price: the size of the short that cancels it.

The delta of a range position is the base token that it holds (dV/dS = x); its gamma is how fast that changes,
−L/(2·S^(3/2)) in range. Both are taken from the contracts' own integer amounts, so the short matches the position.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import isqrt

from keeper.model.decision import TargetRange
from keeper.model.full_math import MAX_UINT128
from keeper.model.liquidity import amounts_on_burn
from keeper.model.observation import Observation
from keeper.model.plan import Hedge
from keeper.model.ticks import MAX_SQRT_PRICE_X96, MIN_SQRT_PRICE_X96, sqrt_price_at_tick
from keeper.policy.valuation import value_in_quote

PPM = 1_000_000
# A price after it fell by one per cent, over what it was.
FALLEN_NUMERATOR, FALLEN_DENOMINATOR = 99, 100
# Liquidity that a range's worth is read from: large, so that rounding is nothing.
REFERENCE_LIQUIDITY = 1 << 112


def hedge_of(
    observation: Observation, ranges: Iterable[TargetRange], capital_quote: int, reset_pct: float
) -> Hedge | None:
    """The short that cancels the delta of the ranges, holding ``capital_quote`` (raw quote units) by their shares.
    None where that is more liquidity than a pool can hold."""
    held = with_liquidity(observation, ranges, capital_quote)
    if any(liquidity > MAX_UINT128 for _, liquidity in held):
        return None
    root = observation.pool.sqrt_price_x96
    now = base_held_raw(held, root, observation.quote_is_token0)
    fallen = base_held_raw(held, fallen_sqrt_price_x96(root, observation.quote_is_token0), observation.quote_is_token0)
    return Hedge(now, fallen - now, reset_pct)


def with_liquidity(
    observation: Observation, ranges: Iterable[TargetRange], capital_quote: int
) -> tuple[tuple[TargetRange, int], ...]:
    """The ranges with the liquidity that their share of the capital buys at the pool's price."""
    root, quote_is_token0 = observation.pool.sqrt_price_x96, observation.quote_is_token0
    found = []
    for each in ranges:
        ends = sqrt_price_at_tick(each.lower_tick), sqrt_price_at_tick(each.upper_tick)
        amounts = amounts_on_burn(root, *ends, REFERENCE_LIQUIDITY)
        unit = max(value_in_quote(*amounts, root, quote_is_token0), 1)
        found.append((each, capital_quote * each.share_ppm * REFERENCE_LIQUIDITY // (unit * PPM)))
    return tuple(found)


def base_held_raw(held: Iterable[tuple[TargetRange, int]], sqrt_price_x96: int, quote_is_token0: bool) -> int:
    """Raw units of the base token in the ranges at a price: the delta of them all."""
    total = 0
    for each, liquidity in held:
        ends = sqrt_price_at_tick(each.lower_tick), sqrt_price_at_tick(each.upper_tick)
        amount_0, amount_1 = amounts_on_burn(sqrt_price_x96, *ends, liquidity)
        total += amount_1 if quote_is_token0 else amount_0
    return total


def fallen_sqrt_price_x96(sqrt_price_x96: int, quote_is_token0: bool) -> int:
    """The pool's sqrt price after the price of the base token in the quote token has fallen by one per cent."""
    squared = sqrt_price_x96 * sqrt_price_x96
    if quote_is_token0:
        return min(isqrt(squared * FALLEN_DENOMINATOR // FALLEN_NUMERATOR), MAX_SQRT_PRICE_X96 - 1)
    return max(isqrt(squared * FALLEN_NUMERATOR // FALLEN_DENOMINATOR), MIN_SQRT_PRICE_X96)
