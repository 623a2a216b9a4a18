"""Placement without a swap: each token alone on its own side of the price."""

from __future__ import annotations

from keeper.model.decision import Ladder
from keeper.model.observation import Observation
from keeper.policy.valuation import value_in_quote

# A side that holds less than this part of the value is not worth a position of its own.
LEAST_SHARE_BPS = 100
BPS = 10_000


def place_without_swap(
    observation: Observation, ladder: Ladder, amount_0: int, amount_1: int
) -> list[tuple[int, int, int, int, int]]:
    """(lower tick, upper tick, amount0, amount1, share ppm) for each side of each range that holds something.

    Token0 is offered from the first usable tick above the price to the range's upper end, token1 from its lower end to
    the last usable tick at or below the price: neither needs the other, so nothing is swapped.
    """
    pool = observation.pool
    below = pool.tick // pool.tick_spacing * pool.tick_spacing
    above = below + pool.tick_spacing
    root, quote_is_token0 = pool.sqrt_price_x96, observation.quote_is_token0
    total = value_in_quote(amount_0, amount_1, root, quote_is_token0)
    placed = []
    for target in ladder.ranges:
        part_0 = amount_0 * target.share_ppm // 1_000_000
        part_1 = amount_1 * target.share_ppm // 1_000_000
        worth_0 = value_in_quote(part_0, 0, root, quote_is_token0)
        worth_1 = value_in_quote(0, part_1, root, quote_is_token0)
        if worth_0 * BPS >= total * LEAST_SHARE_BPS and target.upper_tick > above:
            placed.append((above, target.upper_tick, part_0, 0, target.share_ppm * worth_0 // (worth_0 + worth_1)))
        if worth_1 * BPS >= total * LEAST_SHARE_BPS and target.lower_tick < below:
            placed.append((target.lower_tick, below, 0, part_1, target.share_ppm * worth_1 // (worth_0 + worth_1)))
    return placed
