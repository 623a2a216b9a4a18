"""A range around the price from as much as both tokens allow, and what is left of one of them beside it, as a limit
order that the price fills: nothing has to be swapped (the way of Charm's Alpha vaults)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from keeper.model.decision import Figure, Ladder, TargetRange
from keeper.model.liquidity import amounts_on_burn
from keeper.model.observation import Observation
from keeper.model.ticks import max_usable_tick, min_usable_tick, round_to_spacing, sqrt_price_at_tick
from keeper.policy.ladder import LOG_TICK, PPM, Ends, RangeSettings, ticks_around
from keeper.policy.scene import NoRange, Scene
from keeper.policy.valuation import positions_value, principal, value_in_quote

HOUR_SECONDS = 3_600
# Liquidity that the base range's proportion is read from: large, so that rounding is nothing.
REFERENCE_LIQUIDITY = 1 << 112


class Settings(RangeSettings):
    """``range: {kind: base_limit}``. Widths as ln(1 + pct/100): of the base range on either side of the price, of the
    limit order from the price away.

    Less than ``min_limit_pct`` of the capital is no limit order worth its gas. ``rebalance_hours`` places both anew
    after that time, wherever the price stands; none: at the base range's trigger alone. Beyond the base range only one
    token is left, so what is placed anew there is a limit order alone.
    """

    kind: Literal["base_limit"] = "base_limit"
    base_width_pct: float = Field(default=10.0, gt=0, le=10_000)
    limit_width_pct: float = Field(default=5.0, gt=0, le=10_000)
    min_limit_pct: float = Field(default=0.1, ge=0.01, le=50)
    trigger_scale: float = Field(default=1.0, gt=0, le=20)
    rebalance_hours: float | None = Field(default=48.0, gt=0, le=24 * 365)


@dataclass(frozen=True, slots=True)
class BaseLimit:
    settings: Settings

    def choose(self, scene: Scene) -> Ladder | NoRange:
        settings, observation = self.settings, scene.observation
        width = math.log1p(settings.base_width_pct / 100)
        base = ticks_around(observation, width, width)
        excess_0, excess_1, total = excess(observation, base, owned(scene))
        limit = limit_ends(observation, excess_0 > 0, math.log1p(settings.limit_width_pct / 100))
        quote_is_token0 = observation.quote_is_token0
        worth = value_in_quote(excess_0, excess_1, observation.pool.sqrt_price_x96, quote_is_token0)
        share = 0 if limit is None else _limit_share_ppm(worth, total, settings.min_limit_pct)
        shares = ((base, PPM - share), (limit or base, share))
        trigger = width * settings.trigger_scale
        hours, now = settings.rebalance_hours, observation.block.timestamp
        return Ladder(
            "base_limit",
            tuple(TargetRange(*ends, share_ppm) for ends, share_ppm in shares if share_ppm > 0),
            *ticks_around(observation, trigger, trigger),
            _reason(settings, share, excess_0 > 0, quote_is_token0),
            (
                Figure("limit_share_ppm", share),
                Figure("excess_0_raw", excess_0),
                Figure("excess_1_raw", excess_1),
                Figure("owned_quote_raw", total),
            ),
            None if hours is None else now - round(hours * HOUR_SECONDS),
        )


def _limit_share_ppm(worth: int, total: int, min_limit_pct: float) -> int:
    """The limit order's share, in parts per million: none or all where one of the two would be too small."""
    share, least = worth * PPM // max(total, 1), round(min_limit_pct * PPM / 100)
    if share < least:
        return 0
    return PPM if PPM - share < least else share


def owned(scene: Scene) -> tuple[int, int]:
    """Raw amounts of both tokens that are to be placed: those of the ranges held, and the idle ones as far as they
    belong to the capital."""
    observation = scene.observation
    pool, ids = observation.pool, {held.token_id for held in scene.held}
    own = tuple(position for position in observation.positions if position.token_id in ids)
    idle_0, idle_1 = observation.wallet.balance_0, observation.wallet.balance_1
    idle = value_in_quote(idle_0, idle_1, pool.sqrt_price_x96, observation.quote_is_token0)
    room = max(scene.capital_quote - positions_value(observation, own), 0)
    if idle > room:
        idle_0, idle_1 = idle_0 * room // idle, idle_1 * room // idle
    for position in own:
        out_0, out_1 = principal(position, pool)
        idle_0 += out_0 + position.uncollected_0
        idle_1 += out_1 + position.uncollected_1
    return idle_0, idle_1


def excess(observation: Observation, base: Ends, amounts: tuple[int, int]) -> tuple[int, int, int]:
    """What the base range leaves of each token (of one of them nothing but rounding, given as 0), and the worth of all
    in raw quote units."""
    root = observation.pool.sqrt_price_x96
    ends = sqrt_price_at_tick(base[0]), sqrt_price_at_tick(base[1])
    needs = amounts_on_burn(root, *ends, REFERENCE_LIQUIDITY)
    whole = [have * REFERENCE_LIQUIDITY // need for have, need in zip(amounts, needs, strict=True) if need]
    liquidity = min(whole, default=0)
    left_0, left_1 = (have - liquidity * need // REFERENCE_LIQUIDITY for have, need in zip(amounts, needs, strict=True))
    total = value_in_quote(*amounts, root, observation.quote_is_token0)
    worth_0 = value_in_quote(left_0, 0, root, observation.quote_is_token0)
    worth_1 = value_in_quote(0, left_1, root, observation.quote_is_token0)
    return (left_0, 0, total) if worth_0 > worth_1 else (0, left_1, total)


def limit_ends(observation: Observation, of_token0: bool, width_log: float) -> Ends | None:
    """From the first usable tick beyond the price, where only the one token is held. None at the end of all ticks."""
    pool = observation.pool
    spacing = pool.tick_spacing
    below = pool.tick // spacing * spacing
    width = max(round_to_spacing(round(min(width_log / LOG_TICK, max_usable_tick(spacing))), spacing), spacing)
    if of_token0:
        lower, upper = below + spacing, min(below + spacing + width, max_usable_tick(spacing))
    else:
        lower, upper = max(below - width, min_usable_tick(spacing)), below
    return (lower, upper) if lower < upper else None


def _reason(settings: Settings, share_ppm: int, of_token0: bool, quote_is_token0: bool) -> str:
    base = f"{settings.base_width_pct:g} % either side of the price"
    if share_ppm == 0:
        return f"{base}; both tokens fit into it, there is no limit order"
    token, side = ("quote", "below") if of_token0 == quote_is_token0 else ("base", "above")
    return f"{base}, and the {token} token left over, {share_ppm / PPM:.2%} of all, as a limit order {side} it"


def build(settings: Settings) -> BaseLimit:
    return BaseLimit(settings)
