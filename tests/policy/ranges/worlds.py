"""Scenes for the range rules: any price, either token order, and the same world seen with the tokens exchanged."""

from __future__ import annotations

from dataclasses import replace

from keeper.model import canonical
from keeper.model.decision import Ladder
from keeper.model.observation import History, Observation, Sample
from keeper.model.ticks import sqrt_price_at_tick
from keeper.policy.ladder import LOG_TICK
from tests.policy.world import HOUR, NOW, observation

Q192 = 1 << 192


def at(
    tick: int,
    spacing: int = 60,
    *,
    quote_is_token0: bool = False,
    past: History | None = None,
    balances: tuple[int, int] = (0, 0),
) -> Observation:
    """An observation at any tick, also where no made-up pool would have room around it."""
    inside = max(min(tick, 800_000), -800_000)
    decimals = (6, 18) if quote_is_token0 else (18, 6)
    seen = observation(
        tick=inside, spacing=spacing, quote_is_token0=quote_is_token0, decimals=decimals, past=past, balances=balances
    )
    pool = replace(seen.pool, tick=tick, sqrt_price_x96=sqrt_price_at_tick(tick))
    return replace(seen, pool=pool)


def priced(*quote_prices: float, tick: int = 0, quote_is_token0: bool = False) -> History:
    """Hourly samples up to now with the given quote prices, as multiples of the one at ``tick``; the last is now."""
    root = sqrt_price_at_tick(tick)
    samples = []
    for index, price in enumerate(quote_prices):
        ratio = (1 / price if quote_is_token0 else price) ** 0.5
        timestamp = NOW - (len(quote_prices) - 1 - index) * HOUR
        samples.append(Sample(timestamp, round(root * ratio), None, None))
    return History(canonical.digest(tuple(samples)), HOUR, tuple(samples))


def quote_distances(ladder: Ladder, seen: Observation) -> list[tuple[float, float]]:
    """Each range's log distances below and above the price, of the base token in the quote token."""
    found = []
    for each in ladder.ranges:
        down = (seen.pool.tick - each.lower_tick) * LOG_TICK
        up = (each.upper_tick - seen.pool.tick) * LOG_TICK
        found.append((up, down) if seen.quote_is_token0 else (down, up))
    return found


def ticks(ladder: Ladder) -> list[tuple[int, int]]:
    return [(each.lower_tick, each.upper_tick) for each in ladder.ranges]


def triggers(ladder: Ladder) -> tuple[int, int]:
    return ladder.trigger_lower_tick, ladder.trigger_upper_tick
