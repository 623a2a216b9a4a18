"""The narrowest range that still pays with its direction hedged away, and the short perpetual that does so."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from pydantic import Field

from keeper.model.decision import Figure, Ladder, TargetRange
from keeper.policy.hedging import hedge_of
from keeper.policy.ladder import LOG_TICK, PPM, WidthSettings, ticks_around
from keeper.policy.ranges.optimal import placed_bounds, renewal_figures
from keeper.policy.renewal import Bounds, Terms, renewal, weight
from keeper.policy.renewal_terms import MAX_DISTANCE, MIN_DISTANCE
from keeper.policy.scene import NoRange, Scene

# Widths tried between the bounds, and halvings of the step in which the gain turns positive.
STEPS, HALVINGS = 32, 40


class Settings(WidthSettings):
    """``range: {kind: hedged}``. The short is recorded with the plan and shown: nobody places it.

    ``hedge_cost_pct_per_year``: funding and fees of the short, per cent of its size (negative: it is paid for).
    ``min_g_pct_per_year``: what the range must earn after that. ``reset_pct``: the move of the price after which the
    short should be set anew.
    """

    kind: Literal["hedged"] = "hedged"
    hedge_cost_pct_per_year: float = Field(default=5.0, ge=-100, le=1_000)
    min_g_pct_per_year: float = Field(default=0.0, ge=0, le=1_000)
    reset_pct: float = Field(default=2.0, gt=0, le=50)
    trigger_scale: float = Field(default=1.0, gt=0, le=20)


@dataclass(frozen=True, slots=True)
class Hedged:
    settings: Settings

    def choose(self, scene: Scene) -> Ladder | NoRange:
        settings = self.settings
        terms, cost = terms_of(scene), settings.hedge_cost_pct_per_year / 100
        floor, ceiling = (min(max(each, MIN_DISTANCE), MAX_DISTANCE) for each in settings.bounds_log)
        wanted = settings.min_g_pct_per_year / 100
        width, best = _narrowest(terms, floor, ceiling, settings.trigger_scale, cost, wanted)
        if width is None:
            figures = (Figure("best_g_per_year", best), Figure("needed_g_per_year", wanted))
            return NoRange("no width between your bounds earns its costs and those of its hedge", figures)
        is_floor = width == floor
        # The next tick inward would be narrower than what pays; a floor is the operator's own.
        outward = 0.0 if is_floor else scene.observation.pool.tick_spacing * LOG_TICK / 2
        note = " (your floor)" if is_floor else ""
        return self._placed(scene, terms, width + outward, f"{math.expm1(width):.2%} is the narrowest that pays{note}")

    def _placed(self, scene: Scene, terms: Terms, width: float, reason: str) -> Ladder | NoRange:
        """The range on ticks, what it earns there, and its hedge."""
        settings, observation = self.settings, scene.observation
        ends = ticks_around(observation, width, width)
        triggers = ticks_around(observation, width * settings.trigger_scale, width * settings.trigger_scale)
        placed = placed_bounds(scene, ends, triggers)
        earned = renewal(terms, placed)
        if not math.isfinite(earned.g_per_year):
            return NoRange("the renewal objective has no finite value here")
        ranges = (TargetRange(*ends, PPM),)
        hedge = hedge_of(observation, ranges, scene.capital_quote, settings.reset_pct)
        if hedge is None:
            return NoRange("the capital is more liquidity than the pool can hold in this range")
        hedge_cost = settings.hedge_cost_pct_per_year / 100 * weight(placed.a, placed.b, 0.0)
        figures = (
            Figure("width_log", width),
            Figure("g_after_hedge_per_year", earned.g_per_year - hedge_cost),
            Figure("hedge_cost_per_year", hedge_cost),
            *renewal_figures(earned),
        )
        return Ladder("hedged", ranges, *triggers, reason, figures, hedge=hedge)


def terms_of(scene: Scene) -> Terms:
    """The market without a direction: with the delta gone neither drift nor the risk of the mix is left."""
    return Terms(
        sigma_annual=scene.carry.sigma_annual,
        mu_annual=0.0,
        phi_annual=scene.carry.phi_used_annual,
        q=scene.dilution,
        gas=scene.gas_fraction,
        swap_cost=scene.swap_cost,
        risk_aversion=0.0,
    )


@lru_cache(maxsize=1024)
def _narrowest(
    terms: Terms, floor: float, ceiling: float, trigger_scale: float, hedge_cost: float, wanted_g: float
) -> tuple[float | None, float]:
    """The least log width from which on the gain after the hedge exceeds ``wanted_g`` per year (None: none does), and
    the best gain seen."""

    def gain(width: float) -> float:
        trigger = min(max(width * trigger_scale, MIN_DISTANCE), MAX_DISTANCE)
        earned = renewal(terms, Bounds(width, width, trigger, trigger)).g_per_year
        return earned - hedge_cost * weight(width, width, 0.0)

    best, below = -math.inf, floor
    for step in range(STEPS + 1):
        width = ceiling if step == STEPS else floor * (ceiling / floor) ** (step / STEPS)
        best = max(best, gain(width))
        if best > wanted_g:
            break
        below = width
    else:
        return None, best
    if step == 0:
        return floor, best
    for _ in range(HALVINGS):
        middle = math.sqrt(below * width)
        below, width = (below, middle) if gain(middle) > wanted_g else (middle, width)
    return width, best


def build(settings: Settings) -> Hedged:
    return Hedged(settings)
