"""What a set of ranges earns and risks: the renewal-reward rate of a plan's ranges, and the worth of waiting.

A book is every range at once, in log distances from the price, with its depth L·√S per unit of capital. The rate of
gain per year, as a fraction of the capital, is

    g = [ ∫G·(fee − LVR + μ(w − w*) − ½λσ²(w − w*)²) − E(cost of re-centring) ] / (E[τ] + delay)

over a walk between the triggers (``docs/method.md``); for one range around the price it is ``renewal``'s objective.
Estimates in floating point: they decide whether to act, never how much.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from keeper.model.decision import Figure, Ladder
from keeper.model.observation import Observation, Position
from keeper.model.plan import Mint, Plan, singles
from keeper.policy.ladder import LOG_TICK
from keeper.policy.scene import Scene
from keeper.policy.valuation import principal, value_in_quote

DAYS_PER_YEAR = 365
# Distances beyond these change nothing: a price does not move e^8-fold within any horizon that is judged here.
FURTHEST_LOG = 8.0
NEAREST_LOG = 1e-4
FURTHEST_WAITING_LOG = 4.0


@dataclass(frozen=True, slots=True)
class Terms:
    """What the walk and the market are: years, fractions of the capital. ``others`` is their depth over the capital."""

    sigma_annual: float
    drift_annual: float
    phi_annual: float
    target_weight: float
    risk_aversion: float
    gas_fraction: float
    swap_cost: float
    delay_years: float
    others: float


@dataclass(frozen=True, slots=True)
class Book:
    """Ranges as (lower, upper, depth) with log distances of the quote price, and idle tokens; fractions of capital."""

    ranges: tuple[tuple[float, float, float], ...]
    idle_base: float
    idle_quote: float


@dataclass(frozen=True, slots=True)
class Gain:
    """A rate of gain and the terms it is made of, per year as fractions of the capital."""

    g_per_year: float
    fee_per_year: float
    lvr_per_year: float
    lean_per_year: float
    cost_per_year: float
    cycle_days: float
    in_range_share: float
    probability_up: float
    mean_swap_weight: float

    @property
    def figures(self) -> tuple[Figure, ...]:
        return (
            Figure("expected_fee_per_year", self.fee_per_year),
            Figure("expected_lvr_per_year", self.lvr_per_year),
            Figure("expected_recentring_cost_per_year", self.cost_per_year),
            Figure("expected_drift_and_risk_per_year", self.lean_per_year),
            Figure("expected_cycle_days", self.cycle_days),
            Figure("expected_in_range_share", self.in_range_share),
            Figure("probability_of_upper_trigger", self.probability_up),
        )


@dataclass(frozen=True, slots=True)
class Waiting:
    """C(x), the worth of waiting for the best thresholds, and −c(x), that of moving now; fractions of the capital."""

    value: float
    moving_value: float
    threshold_down_log: float
    threshold_up_log: float


def gain(book: Book, terms: Terms, trigger_down_log: float, trigger_up_log: float) -> Gain:
    """The rate of gain of the book between two triggers, given as positive log distances."""
    from keeper.policy import book_kernel as kernel

    down, up = (min(max(each, NEAREST_LOG), FURTHEST_LOG) for each in (trigger_down_log, trigger_up_log))
    arrays = _arrays(book, terms)
    fees, losses, leans, inside, spent = kernel.integrals(down, up, *arrays)
    theta = 2 * (terms.drift_annual - terms.sigma_annual**2 / 2) / terms.sigma_annual**2
    p_up = kernel.probability_up(down, up, theta)
    at_start = kernel.base_weight(0.0, *arrays)
    moved_up = abs(kernel.base_weight(up, *arrays) - at_start)
    moved_down = abs(kernel.base_weight(-down, *arrays) - at_start)
    cost = terms.gas_fraction + terms.swap_cost * (p_up * moved_up + (1 - p_up) * moved_down)
    cycle = spent + terms.delay_years
    return Gain(
        g_per_year=(fees - losses + leans - cost) / cycle,
        fee_per_year=fees / cycle,
        lvr_per_year=losses / cycle,
        lean_per_year=leans / cycle,
        cost_per_year=cost / cycle,
        cycle_days=cycle * DAYS_PER_YEAR,
        in_range_share=inside / spent,
        probability_up=p_up,
        mean_swap_weight=(moved_up + moved_down) / 2,
    )


def carry_now(book: Book, terms: Terms) -> tuple[float, float]:
    """(r at this price per year: fee − LVR + drift and risk, the base token's share of the book)."""
    from keeper.policy import book_kernel as kernel

    fee, loss, lean, _, weight = kernel.rates(0.0, *_arrays(book, terms))
    return fee - loss + lean, weight


def waiting(held: Book, terms: Terms, target_g: float, target_weight_now: float) -> Waiting:
    """Whether waiting with ``held`` is worth more than moving now to a target that gains ``target_g`` a year."""
    from keeper.policy import book_kernel as kernel
    from keeper.policy.book_search import best_waiting

    arrays = _arrays(held, terms)
    best, down, up = best_waiting(NEAREST_LOG, FURTHEST_WAITING_LOG, *arrays, target_g, target_weight_now)
    moving = terms.gas_fraction + terms.swap_cost * abs(kernel.base_weight(0.0, *arrays) - target_weight_now)
    return Waiting(best, -moving, down, up)


def _arrays(book: Book, terms: Terms) -> tuple[Any, Any, Any, Any]:
    import numpy as np

    table = np.array(book.ranges, dtype=np.float64).reshape(-1, 3)
    lower, upper, depth = (np.ascontiguousarray(table[:, column]) for column in range(3))
    market = np.array([
        terms.sigma_annual, terms.drift_annual, terms.phi_annual, terms.target_weight, terms.risk_aversion,
        terms.gas_fraction, terms.swap_cost, terms.delay_years, terms.others, book.idle_base, book.idle_quote,
    ])  # fmt: skip
    return lower, upper, depth, market


def book_of_plan(observation: Observation, plan: Plan) -> Book:
    """What the plan would hold: the ranges that it mints, and what it leaves idle (counted half and half)."""
    ranges = [
        (minted.lower_tick, minted.upper_tick, minted.amount_0_desired, minted.amount_1_desired)
        for step in singles(plan.steps)
        if isinstance(step, Mint)
        for minted in step.ranges
    ]
    idle = plan.leftover_quote / max(plan.value_quote, 1)
    return _book(observation, ranges, max(plan.value_quote, 1), (idle / 2, idle / 2))


def book_of_positions(observation: Observation, positions: Iterable[Position], capital_quote: int) -> Book:
    """What is held. Idle tokens and uncollected fees stay out: they come along whatever is decided."""
    ranges = [
        (each.lower_tick, each.upper_tick, *principal(each, observation.pool))
        for each in positions
        if each.liquidity > 0
    ]
    return _book(observation, ranges, max(capital_quote, 1), (0.0, 0.0))


def trigger_logs(observation: Observation, ladder: Ladder) -> tuple[float, float]:
    """Distances down and up to the ladder's triggers in the quote price, at least one tick."""
    tick = observation.pool.tick
    below = max(tick - ladder.trigger_lower_tick, 1) * LOG_TICK
    above = max(ladder.trigger_upper_tick - tick, 1) * LOG_TICK
    return (above, below) if observation.quote_is_token0 else (below, above)


def _book(
    observation: Observation,
    ranges: list[tuple[int, int, int, int]],
    capital_quote: int,
    idle: tuple[float, float],
) -> Book:
    found = []
    for lower_tick, upper_tick, amount_0, amount_1 in ranges:
        pool = observation.pool
        # The price between two ticks, not the tick below it: a range that begins at the tick is in range at once.
        at = math.log(pool.sqrt_price_x96 / (1 << 96)) * 2
        low, high = lower_tick * LOG_TICK - at, upper_tick * LOG_TICK - at
        if observation.quote_is_token0:
            low, high = -high, -low
        worth = value_in_quote(amount_0, amount_1, pool.sqrt_price_x96, observation.quote_is_token0)
        if low < high:
            found.append((low, high, worth / capital_quote / _unit_value(low, high)))
    return Book(tuple(found), *idle)


def _unit_value(low: float, high: float) -> float:
    """Worth of a range with L·√S = 1 at the price, which stands at 0."""
    if low >= 0:
        return math.exp(-low / 2) - math.exp(-high / 2)
    if high <= 0:
        return math.exp(high / 2) - math.exp(low / 2)
    return 2 - math.exp(low / 2) - math.exp(-high / 2)


def terms_of(scene: Scene, *, drift_annual: float, target_weight: float, risk_aversion: float) -> Terms:
    """The market as the scene shows it. Without any liquidity of others all fees would be ours."""
    return Terms(
        sigma_annual=scene.carry.sigma_annual,
        drift_annual=drift_annual,
        phi_annual=scene.carry.phi_used_annual,
        target_weight=target_weight,
        risk_aversion=risk_aversion,
        gas_fraction=scene.gas_fraction,
        swap_cost=scene.swap_cost,
        delay_years=0.0,
        others=1 / scene.dilution,
    )
