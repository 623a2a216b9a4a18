"""What the time-weighted price allows, derived anew from the observation: the planner's own bounds are not trusted.

A tick's sqrt price and a range's amounts are those of the Uniswap v3 whitepaper, equations 6.1 and 6.29 to 6.30.
"""

from __future__ import annotations

from dataclasses import dataclass

from keeper.model.liquidity import amounts_on_burn, amounts_to_mint, liquidity_for_amounts
from keeper.model.observation import Observation
from keeper.model.ticks import MAX_SQRT_PRICE_X96, MAX_TICK, MIN_SQRT_PRICE_X96, MIN_TICK, sqrt_price_at_tick
from keeper.world.signers.evidence import Rules
from keeper.world.signers.refusal import refuse

_BPS = 10_000
_PIPS = 1_000_000
_Q192 = 1 << 192


@dataclass(frozen=True, slots=True)
class Band:
    """The mean tick over the strategy's window, and the sqrt prices at the edges of the deviation it allows."""

    mean_tick: int
    low_x96: int
    high_x96: int


def band_of(rules: Rules, observation: Observation) -> Band:
    """The band of the observation. SigningRefusedError where the pool's oracle did not reach so far back."""
    means = [twap.mean_tick for twap in observation.twaps if twap.window_seconds == rules.twap_seconds]
    if len(means) != 1:
        refuse(f"the mean price over {rules.twap_seconds} s", "not in the observation", "only a known one")
    (mean,) = means
    # The price of a tick goes up to that of the next one, so the upper edge is one further.
    low, high = mean - rules.max_twap_deviation_ticks, mean + rules.max_twap_deviation_ticks + 1
    return Band(mean, sqrt_price_at_tick(max(MIN_TICK, low)), sqrt_price_at_tick(min(MAX_TICK, high)))


def worth_quote(rules: Rules, band: Band, amount_0: int, amount_1: int) -> int:
    """Raw quote units of two amounts where in the band they are worth least: at no price allowed is it less."""
    if rules.quote_is_token0:
        return amount_0 + amount_1 * _Q192 // band.high_x96**2
    return amount_1 + amount_0 * band.low_x96**2 // _Q192


def most_worth_quote(rules: Rules, band: Band, amount_0: int, amount_1: int) -> int:
    """Raw quote units of two amounts where in the band they are worth most."""
    if rules.quote_is_token0:
        return amount_0 + -(-amount_1 * _Q192 // band.low_x96**2)
    return amount_1 + -(-amount_0 * band.high_x96**2 // _Q192)


def most_out(rules: Rules, observation: Observation, zero_for_one: bool, amount_in: int) -> int:
    """The most that a swap can pay at the observed price: without any impact, less the pool's fee."""
    price_x192, kept = observation.pool.sqrt_price_x96**2, amount_in * (_PIPS - rules.fee_pips)
    return kept * price_x192 // (_Q192 * _PIPS) if zero_for_one else kept * _Q192 // (price_x192 * _PIPS)


def least_out(rules: Rules, band: Band, zero_for_one: bool, amount_in: int) -> int:
    """The least that a swap may pay: the mean price, less the pool's fee, less the slippage allowed, rounded down."""
    price_x192 = sqrt_price_at_tick(band.mean_tick) ** 2
    kept = amount_in * (_PIPS - rules.fee_pips) * (_BPS - rules.max_slippage_bps)
    if zero_for_one:
        return kept * price_x192 // (_Q192 * _PIPS * _BPS)
    return kept * _Q192 // (price_x192 * _PIPS * _BPS)


def furthest_limit_x96(rules: Rules, band: Band, zero_for_one: bool) -> int:
    """The furthest that a swap's price limit may lie: twice the slippage (a tick is a basis point) and a tick more."""
    reach = 2 * rules.max_slippage_bps + 1
    tick = band.mean_tick - reach if zero_for_one else band.mean_tick + reach
    at_tick = sqrt_price_at_tick(min(MAX_TICK, max(MIN_TICK, tick)))
    return min(MAX_SQRT_PRICE_X96 - 1, max(MIN_SQRT_PRICE_X96 + 1, at_tick))


def least_of_withdrawal(band: Band, lower_tick: int, upper_tick: int, liquidity: int) -> tuple[int, int]:
    """The least of each token that liquidity pays out anywhere in the band."""
    edges = sqrt_price_at_tick(lower_tick), sqrt_price_at_tick(upper_tick)
    token0_when_dearest, _ = amounts_on_burn(band.high_x96, *edges, liquidity)
    _, token1_when_cheapest = amounts_on_burn(band.low_x96, *edges, liquidity)
    return token0_when_dearest, token1_when_cheapest


def least_of_deposit(band: Band, lower_tick: int, upper_tick: int, amount_0: int, amount_1: int) -> tuple[int, int]:
    """The least of each token that a range takes of two amounts anywhere in the band."""
    edges = sqrt_price_at_tick(lower_tick), sqrt_price_at_tick(upper_tick)

    def taken(price_x96: int) -> tuple[int, int]:
        liquidity = liquidity_for_amounts(price_x96, *edges, amount_0, amount_1)
        return amounts_to_mint(price_x96, *edges, liquidity)

    return taken(band.high_x96)[0], taken(band.low_x96)[1]
