"""The range and the triggers that earn most per year by the renewal objective (``renewal.py``, ``docs/method.md``)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from pydantic import Field

from keeper.model.decision import Figure, Ladder, TargetRange
from keeper.policy.ladder import PPM, Ends, WidthSettings, log_distances, ticks_around
from keeper.policy.renewal import AtLimit, Bounds, Optimum, Renewal, SearchLimits, Terms, optimum, renewal
from keeper.policy.renewal_terms import MAX_DISTANCE, MIN_DISTANCE
from keeper.policy.scene import NoRange, Scene

DAYS_PER_YEAR = 365


class Settings(WidthSettings):
    """``range: {kind: optimal}``. The bounds hold for both ends and both triggers.

    ``risk_aversion`` λ: 0 counts gains alone, 1 is growth of the capital in the quote token. ``drift_pct_per_year`` is
    what a full stance expects of the price; neutral expects nothing, and then both sides are alike.
    """

    kind: Literal["optimal"] = "optimal"
    risk_aversion: float = Field(default=1.0, ge=0, le=20)
    drift_pct_per_year: float = Field(default=50.0, ge=0, le=1_000)


@dataclass(frozen=True, slots=True)
class Optimal:
    settings: Settings

    def choose(self, scene: Scene) -> Ladder | NoRange:
        terms, limits = search_of(self.settings, scene)
        best = _optimum(terms, limits)
        asked, observation = best.bounds, scene.observation
        ends = ticks_around(observation, asked.a, asked.b)
        triggers = ticks_around(observation, asked.trigger_lower, asked.trigger_upper)
        placed = placed_bounds(scene, ends, triggers)
        earned = renewal(terms, placed)
        figures = (
            *_distance_figures("asked", asked),
            *_distance_figures("placed", placed),
            Figure("asked_g_per_year", best.renewal.g_per_year),
            *renewal_figures(earned),
            Figure("mu_annual", terms.mu_annual),
            Figure("at_your_bounds", _bound_names(best.at_limit)),
        )
        if not math.isfinite(best.renewal.g_per_year + earned.g_per_year):
            return NoRange("the renewal objective has no finite value here")
        reason = (
            f"{-math.expm1(-asked.a):.2%} below and {math.expm1(asked.b):.2%} above earn most, moved beyond "
            f"{-math.expm1(-asked.trigger_lower):.2%} and {math.expm1(asked.trigger_upper):.2%}"
        )
        ranges = (TargetRange(*ends, PPM),)
        return Ladder("optimal", ranges, *triggers, reason + _bound_words(best.at_limit), figures)


def search_of(settings: Settings, scene: Scene) -> tuple[Terms, SearchLimits]:
    """What the objective is asked: the scene's market and costs, the drift of its stance, the operator's bounds."""
    sign = {"positive": 1.0, "neutral": 0.0, "negative": -1.0}[scene.stance.label]
    terms = Terms(
        sigma_annual=scene.carry.sigma_annual,
        mu_annual=sign * settings.drift_pct_per_year / 100 * scene.stance.strength,
        phi_annual=scene.carry.phi_used_annual,
        q=scene.dilution,
        gas=scene.gas_fraction,
        swap_cost=scene.swap_cost,
        target_weight=settings.target_weight,
        risk_aversion=settings.risk_aversion,
    )
    floor, ceiling = (min(max(each, MIN_DISTANCE), MAX_DISTANCE) for each in settings.bounds_log)
    return terms, SearchLimits(floor, ceiling, floor, ceiling, symmetric=terms.mu_annual == 0.0)


@lru_cache(maxsize=1024)
def _optimum(terms: Terms, limits: SearchLimits) -> Optimum:
    """The same question has the same answer: strategies of one pool ask it again within a bar."""
    return optimum(terms, limits)


def placed_bounds(scene: Scene, ends: Ends, triggers: Ends) -> Bounds:
    """The distances as they stand on ticks. At the end of all ticks a side may have none: then the least there is."""
    distances = (*log_distances(scene.observation, ends), *log_distances(scene.observation, triggers))
    return Bounds(*(min(max(each, MIN_DISTANCE), MAX_DISTANCE) for each in distances))


def renewal_figures(earned: Renewal) -> tuple[Figure, ...]:
    """What a cycle is expected to be and to earn, each term of g by itself."""
    return (
        Figure("g_per_year", earned.g_per_year),
        Figure("fee_per_year", earned.fee_per_year),
        Figure("lvr_per_year", earned.lvr_per_year),
        Figure("drift_per_year", earned.drift_per_year),
        Figure("risk_per_year", earned.risk_per_year),
        Figure("gas_per_year", earned.gas_per_year),
        Figure("swap_per_year", earned.swap_per_year),
        Figure("cycle_days", earned.cycle_years * DAYS_PER_YEAR),
        Figure("in_range_share", earned.in_range_years / earned.cycle_years),
        Figure("probability_of_upper_trigger", earned.p_up),
    )


def _distance_figures(name: str, bounds: Bounds) -> tuple[Figure, ...]:
    return (
        Figure(f"{name}_below_log", bounds.a),
        Figure(f"{name}_above_log", bounds.b),
        Figure(f"{name}_trigger_below_log", bounds.trigger_lower),
        Figure(f"{name}_trigger_above_log", bounds.trigger_upper),
    )


def _bound_names(limits: AtLimit) -> str:
    named = (("below", limits.a), ("above", limits.b), ("trigger below", limits.trigger_lower),
             ("trigger above", limits.trigger_upper))  # fmt: skip
    return ", ".join(f"{name}: {limit}" for name, limit in named if limit) or "none"


def _bound_words(limits: AtLimit) -> str:
    if "floor" in (limits.a, limits.b):
        return "; the width is your floor"
    return "; the width is your ceiling" if "ceiling" in (limits.a, limits.b) else ""


def build(settings: Settings) -> Optimal:
    return Optimal(settings)
