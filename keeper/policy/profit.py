"""Whether moving pays: the gas-adjusted check.

Carry of a range per year = k·(φ − σ²/4)·√S·L while in range, nothing while out of it: fees less the loss to arbitrage
(LVR, Milionis et al. 2022), both proportional to liquidity. A new range is charged for the re-centring it will need
again: g = N·T_in/E[τ] − c·σ²/(t_down·t_up), the renewal-reward rate of a driftless walk between two triggers.
These are estimates in floating point; they decide whether to act, never how much.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from keeper.model.decision import Figure, Ladder, Objection
from keeper.model.observation import Observation, Position
from keeper.model.plan import Mint, MintRange, Plan
from keeper.policy.ladder import LOG_TICK
from keeper.policy.scene import Carry
from keeper.policy.settings import Profit
from keeper.policy.valuation import value_in_quote

DAYS_PER_YEAR = 365
Q96 = float(1 << 96)


@dataclass(frozen=True, slots=True)
class Outlook:
    """Rates at the observed block. ``net_intensity`` is N = k·(φ − σ²/4), per year; money is raw quote per year."""

    sigma_annual: float
    phi_annual: float
    net_intensity: float
    net_standard_error: float
    carry_now_quote: float
    target_g_quote: float
    horizon_years: float

    @property
    def worth_providing(self) -> bool:
        return self.net_intensity > self.net_standard_error

    @property
    def figures(self) -> tuple[Figure, ...]:
        return (
            Figure("sigma_annual", self.sigma_annual),
            Figure("phi_annual", self.phi_annual),
            Figure("rho", 4 * self.phi_annual / self.sigma_annual**2),
            Figure("net_intensity_annual", self.net_intensity),
            Figure("net_intensity_hurdle_annual", self.net_standard_error),
            Figure("carry_now_quote_raw_per_year", self.carry_now_quote),
            Figure("target_gain_quote_raw_per_year", self.target_g_quote),
        )


def outlook(
    observation: Observation,
    after_swap: Observation,
    carry: Carry,
    positions: tuple[Position, ...],
    target: Ladder | None,
    plan: Plan,
    profit: Profit,
) -> Outlook:
    """Rates for what is held and for what is wanted.

    ``after_swap`` is the observation at the price that the plan's own swap leaves: there the wanted ranges begin.
    """
    sigma, net = carry.sigma_annual, carry.net_used_annual
    error = profit.haircut * carry.net_standard_error
    held_depth = _active_depth(observation, positions)
    pool_depth = observation.pool.liquidity * _root_price(observation)
    others, phi_depth = max(pool_depth - held_depth, 0.0), carry.phi_annual * pool_depth
    wanted = 0.0 if target is None else _target_g(after_swap, others, target, phi_depth, sigma, plan, profit)
    return Outlook(
        sigma_annual=sigma,
        phi_annual=carry.phi_annual,
        net_intensity=net,
        net_standard_error=profit.hurdle * error,
        carry_now_quote=net * held_depth,
        target_g_quote=wanted,
        horizon_years=profit.horizon_days / DAYS_PER_YEAR,
    )


def objection_to_enter(view: Outlook, plan: Plan) -> Objection | None:
    """Enter if g·H > 2·gas + swap cost: in and, some day, out again."""
    gain = view.target_g_quote * view.horizon_years
    cost = 2 * plan.cost.gas_quote + plan.cost.swap_fee_quote + plan.cost.price_impact_quote
    if gain > cost:
        return None
    return _does_not_pay("entering_does_not_pay", "entering would not earn its own cost", gain, cost)


def objection_to_rebalance(view: Outlook, plan: Plan, kappa: float) -> Objection | None:
    """Rebalance if (g − carry now)·H > κ·cost."""
    gain = (view.target_g_quote - view.carry_now_quote) * view.horizon_years
    cost = kappa * plan.cost.total_quote
    if gain > cost:
        return None
    return _does_not_pay("moving_does_not_pay", "moving would not earn its own cost", gain, cost)


def objection_to_leave(view: Outlook, plan: Plan) -> Objection | None:
    """Leave for good if what providing loses over the horizon exceeds going out and coming back."""
    gain = -view.carry_now_quote * view.horizon_years
    cost = 2.0 * plan.cost.gas_quote
    if gain > cost:
        return None
    return _does_not_pay("leaving_does_not_pay", "providing does not pay, but leaving costs more", gain, cost)


def _does_not_pay(code: str, message: str, gain: float, cost: float) -> Objection:
    figures = (Figure("gain_quote_raw", gain), Figure("needed_quote_raw", cost))
    return Objection(code, message + " over the horizon", figures)


def _active_depth(observation: Observation, positions: tuple[Position, ...]) -> float:
    """L·√S of the positions that are in range, raw quote units: what φ and σ²/4 multiply."""
    tick = observation.pool.tick
    return sum(p.liquidity for p in positions if p.lower_tick <= tick < p.upper_tick) * _root_price(observation)


def _root_price(observation: Observation) -> float:
    """√S for a price S of the base token in the quote token, raw units."""
    root = observation.pool.sqrt_price_x96 / Q96
    return 1 / root if observation.quote_is_token0 else root


def _target_g(
    observation: Observation,
    others: float,
    target: Ladder,
    phi_depth: float,
    sigma: float,
    plan: Plan,
    profit: Profit,
) -> float:
    """Gain per year of the ranges that the plan mints, raw quote units: carry in range, less the next re-centrings.

    ``others`` is the L·√S of everybody else, ``phi_depth`` the fees of all per year. What is minted counts,
    not what the ladder asks for: without a swap only one side of a range may be there.
    """
    if plan.value_quote == 0:
        return 0.0
    tick = observation.pool.tick
    t_down = max(tick - target.trigger_lower_tick, 1) * LOG_TICK
    t_up = max(target.trigger_upper_tick - tick, 1) * LOG_TICK
    depths = [_depth(observation, minted) for step in plan.steps if isinstance(step, Mint) for minted in step.ranges]
    carry = 0.0
    for lower, upper, depth in depths:
        # Own ranges that overlap are in range together and share the same fees.
        own = math.fsum(other for low, high, other in depths if low < upper and lower < high)
        diluted_phi = phi_depth / (others + own)
        carry += (
            profit.haircut * (diluted_phi - sigma * sigma / 4) * depth * _in_range_share(lower, upper, t_down, t_up)
        )
    cost_each_time = plan.cost.gas_quote + plan.cost.swap_fee_quote + plan.cost.price_impact_quote
    g = carry - cost_each_time * sigma * sigma / (t_down * t_up)
    return min(g, profit.max_g_per_year * plan.value_quote)


def _depth(observation: Observation, minted: MintRange) -> tuple[float, float, float]:
    """A range's ends as log distances from the price (token1 per token0), and its L·√S from its worth."""
    pool = observation.pool
    amounts = (minted.amount_0_desired, minted.amount_1_desired)
    worth = value_in_quote(*amounts, pool.sqrt_price_x96, observation.quote_is_token0)
    lower, upper = (minted.lower_tick - pool.tick) * LOG_TICK, (minted.upper_tick - pool.tick) * LOG_TICK
    if lower >= 0:
        value = math.exp(-lower / 2) - math.exp(-upper / 2)
    elif upper <= 0:
        value = math.exp(upper / 2) - math.exp(lower / 2)
    else:
        value = 2 - math.exp(lower / 2) - math.exp(-upper / 2)
    return lower, upper, max(worth, 1) / value


def _in_range_share(lower: float, upper: float, t_down: float, t_up: float) -> float:
    """T_in/E[τ] of a driftless walk from 0: expected time in [lower, upper] over the time to −t_down or t_up.

    From Green's function of the walk: G(0, y) ∝ the distance to the trigger on y's side.
    """

    def weight(near: float, far: float, trigger: float) -> float:
        """∫(trigger − y)dy over the part of [near, far] between 0 and the trigger."""
        near, far = max(near, 0.0), min(far, trigger)
        return trigger * (far - near) - (far * far - near * near) / 2 if far > near else 0.0

    inside = t_down * weight(lower, upper, t_up) + t_up * weight(-upper, -lower, t_down)
    return inside / (t_down * t_up * (t_down + t_up) / 2)
