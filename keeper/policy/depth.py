"""How much stands around the price: what the pool's liquidity holds within so many ticks, exact."""

from __future__ import annotations

from keeper.model.liquidity import amount0_delta, amount1_delta
from keeper.model.observation import Observation
from keeper.model.ticks import MAX_TICK, MIN_TICK, sqrt_price_at_tick
from keeper.policy.valuation import value_in_quote


def depth_quote(observation: Observation, ticks: int) -> tuple[int, int]:
    """Raw quote units of what the pool pays out until the price has moved ``ticks`` down and up (in tick order).

    Ticks beyond those that were read count as empty.
    """
    pool = observation.pool
    below = above = 0
    edges = [each.tick for each in pool.ticks]
    nets = {each.tick: each.liquidity_net for each in pool.ticks}
    liquidity, at = pool.liquidity, pool.sqrt_price_x96
    low = max(pool.tick - ticks, pool.known_lower_tick, MIN_TICK)
    for edge in [*(e for e in reversed(edges) if low < e <= pool.tick), low]:
        root = min(sqrt_price_at_tick(edge), at)
        below += amount1_delta(root, at, liquidity, round_up=False)
        at, liquidity = root, liquidity - nets.get(edge, 0)
    liquidity, at = pool.liquidity, pool.sqrt_price_x96
    high = min(pool.tick + ticks, pool.known_upper_tick, MAX_TICK)
    for edge in [*(e for e in edges if pool.tick < e < high), high]:
        root = max(sqrt_price_at_tick(edge), at)
        above += amount0_delta(at, root, liquidity, round_up=False)
        at, liquidity = root, liquidity + nets.get(edge, 0)
    root, first = pool.sqrt_price_x96, observation.quote_is_token0
    return value_in_quote(0, below, root, first), value_in_quote(above, 0, root, first)
