"""Minimum amounts from the TWAP band, never from the spot of the same block.

A whale can move the spot inside one block; it cannot move a time-weighted mean without holding the price against
arbitrage. So what a step must at least receive is computed at the edges of a band around the TWAP.
"""

from __future__ import annotations

from dataclasses import dataclass

from keeper.model.liquidity import amounts_on_burn, amounts_to_mint, liquidity_for_amounts
from keeper.model.observation import Observation, Position
from keeper.model.plan import Swap
from keeper.model.ticks import MAX_SQRT_PRICE_X96, MAX_TICK, MIN_SQRT_PRICE_X96, MIN_TICK, sqrt_price_at_tick

BPS = 10_000
PIPS = 1_000_000
Q192 = 1 << 192


@dataclass(frozen=True, slots=True)
class TwapBand:
    """The mean tick and the sqrt prices at either edge of the band around it."""

    mean_tick: int
    lower_sqrt_price_x96: int
    upper_sqrt_price_x96: int


def twap_band(observation: Observation, window_seconds: int, width_ticks: int) -> TwapBand | None:
    """The band ``width_ticks`` either side of the TWAP. None where the oracle does not reach back that far."""
    for twap in observation.twaps:
        if twap.window_seconds == window_seconds:
            return TwapBand(
                twap.mean_tick,
                sqrt_price_at_tick(max(MIN_TICK, twap.mean_tick - width_ticks)),
                # A tick stands for every price up to the next one; the guard lets all of them through.
                sqrt_price_at_tick(min(MAX_TICK, twap.mean_tick + width_ticks + 1)),
            )
    return None


def minimums_on_burn(position: Position, liquidity: int, band: TwapBand) -> tuple[int, int]:
    """The least of each token that a withdrawal pays anywhere in the band: token0 falls and token1 rises with price."""
    lower, upper = sqrt_price_at_tick(position.lower_tick), sqrt_price_at_tick(position.upper_tick)
    least_0, _ = amounts_on_burn(band.upper_sqrt_price_x96, lower, upper, liquidity)
    _, least_1 = amounts_on_burn(band.lower_sqrt_price_x96, lower, upper, liquidity)
    return least_0, least_1


def minimums_to_add(lower_tick: int, upper_tick: int, amount_0: int, amount_1: int, band: TwapBand) -> tuple[int, int]:
    """The least of each token that adding up to these amounts takes anywhere in the band.

    Where the price rises the range asks for less token0 per token1, and the other way round; so token0 is least at the
    upper edge and token1 at the lower.
    """
    lower, upper = sqrt_price_at_tick(lower_tick), sqrt_price_at_tick(upper_tick)
    least = []
    for sqrt_price_x96 in (band.upper_sqrt_price_x96, band.lower_sqrt_price_x96):
        liquidity = liquidity_for_amounts(sqrt_price_x96, lower, upper, amount_0, amount_1)
        least.append(amounts_to_mint(sqrt_price_x96, lower, upper, liquidity))
    return least[0][0], least[1][1]


def bounded_swap(
    observation: Observation, zero_for_one: bool, amount_in: int, expected_out: int, band: TwapBand, slippage_bps: int
) -> Swap:
    """A swap that must pay the TWAP price after the pool's fee, less ``slippage_bps``; else it reverts.

    Where the spot pays better than the TWAP, the same part may be lost of what it pays, and no more: else the whole
    distance between them would be free for the taking by whoever trades just before us.

    The price limit stands at twice the slippage from the TWAP: the mean price of a fill lies between the first and
    the last price, so a limit at the slippage itself would cut off fills that keep the bound.
    """
    price_x192 = sqrt_price_at_tick(band.mean_tick) ** 2
    # One division at the end: a token of few decimals would lose a whole unit at each.
    kept, whole = amount_in * (PIPS - observation.pool.fee_pips) * (BPS - slippage_bps), PIPS * BPS
    at_twap = kept * price_x192 // (Q192 * whole) if zero_for_one else kept * Q192 // (price_x192 * whole)
    # One tick is one basis point of price to within 0.005 %, on the lenient side for the limit alone.
    reach = 2 * slippage_bps + 1
    limit_tick = band.mean_tick - reach if zero_for_one else band.mean_tick + reach
    limit = sqrt_price_at_tick(min(MAX_TICK, max(MIN_TICK, limit_tick)))
    return Swap(
        zero_for_one=zero_for_one,
        amount_in=amount_in,
        amount_out_min=max(at_twap, expected_out * (BPS - slippage_bps) // BPS),
        expected_out=expected_out,
        sqrt_price_limit_x96=min(MAX_SQRT_PRICE_X96 - 1, max(MIN_SQRT_PRICE_X96 + 1, limit)),
    )
