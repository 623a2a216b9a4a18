"""Whether moving pays: the gas-adjusted check (``docs/method.md``, "When to act").

Every rate here is a fraction of the capital per year, every cost a fraction of the capital; the ranges of any rule are
judged alike, by the renewal-reward rate of ``book.gain``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from keeper.model.decision import Figure, Ladder, Objection
from keeper.model.observation import Observation
from keeper.model.plan import Plan
from keeper.policy import book
from keeper.policy.book import Book, Gain, Terms, Waiting
from keeper.policy.scene import Carry, Scene
from keeper.policy.settings import Profit, StrategySettings
from keeper.policy.situation import Situation

DAYS_PER_YEAR = 365


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the wanted ranges would gain, what is held gains now, and what lies between them.

    ``target_g`` and ``carry_now`` are per year, both under the operator's cap; ``change_cost`` is that of the plan at
    hand: gas, pool fee and impact. ``target_weight_now`` is the base token's share of the wanted ranges.
    """

    scene: Scene
    target_g: float
    target_gain: Gain | None
    target_weight_now: float
    carry_now: float
    held: Book
    terms: Terms
    gas_fraction: float
    change_cost: float
    swap_cost_fraction: float
    horizon_years: float
    hurdle_annual: float

    @property
    def worth_providing(self) -> bool:
        """N must exceed the hurdle times its standard error; the haircut is on both."""
        return self.scene.carry.net_used_annual > self.hurdle_annual

    @property
    def figures(self) -> tuple[Figure, ...]:
        carry = self.scene.carry
        known = (
            Figure("sigma_annual", carry.sigma_annual),
            Figure("phi_annual", carry.phi_annual),
            *([Figure("reward_phi_annual", carry.reward_phi_annual)] if carry.reward_phi_annual else []),
            Figure("lvr_annual", carry.sigma_annual**2 / 4),
            Figure("rho", carry.rho),
            Figure("net_now_annual", carry.net_now_annual),
            Figure("net_mean_annual", carry.net_mean_annual),
            Figure("shrinkage", carry.shrinkage),
            Figure("net_used_annual", carry.net_used_annual),
            Figure("net_hurdle_annual", self.hurdle_annual),
            Figure("fee_history_days", carry.days),
            Figure("dilution", self.scene.dilution),
            Figure("carry_now_per_year", self.carry_now),
            Figure("target_g_per_year", self.target_g),
        )
        return known if self.target_gain is None else known + self.target_gain.figures


def outlook(
    settings: StrategySettings,
    situation: Situation,
    scene: Scene,
    after_swap: Observation,
    target: Ladder | None,
    plan: Plan,
    drift_annual: float,
) -> Outlook:
    """Rates for what is held and for what the plan would mint.

    ``after_swap`` is the observation at the price that the plan's own swap leaves: there the wanted ranges begin. What
    is minted counts, not what the ladder asks for: without a swap only one side of a range may be there.
    """
    profit = settings.profit
    terms = book.terms_of(
        scene,
        drift_annual=drift_annual,
        target_weight=float(settings.range.get("target_weight", 0.5)),
        risk_aversion=float(settings.range.get("risk_aversion", 0.0)),
    )
    capital = max(scene.capital_quote, 1)
    held = book.book_of_positions(scene.observation, situation.positions, capital)
    now = book.carry_now(held, terms)[0] if held.ranges else 0.0
    gain, weight = None, terms.target_weight
    if target is not None and plan.value_quote > 0:
        wanted = book.book_of_plan(after_swap, plan)
        if wanted.ranges:
            gain = book.gain(wanted, terms, *book.trigger_logs(after_swap, target))
            weight = book.carry_now(wanted, terms)[1]
    cost = plan.cost
    worth = max(plan.value_quote, 1)
    return Outlook(
        scene=scene,
        target_g=0.0 if gain is None else min(gain.g_per_year, profit.max_g_per_year),
        target_gain=gain,
        target_weight_now=weight,
        carry_now=min(now, profit.max_g_per_year),
        held=held,
        terms=terms,
        gas_fraction=cost.gas_quote / worth,
        change_cost=cost.total_quote / worth,
        swap_cost_fraction=(cost.swap_fee_quote + cost.price_impact_quote) / worth,
        horizon_years=profit.horizon_days / DAYS_PER_YEAR,
        hurdle_annual=hurdle_annual(scene.carry, profit),
    )


def hurdle_annual(carry: Carry, profit: Profit) -> float:
    """What N must exceed: the hurdle times the standard error of N, under the same haircut as N."""
    return profit.haircut * profit.hurdle * carry.net_standard_error


def at_cost_of(view: Outlook, plan: Plan) -> Outlook:
    """The same outlook with the costs of another plan."""
    worth, cost = max(plan.value_quote, 1), plan.cost
    return replace(
        view,
        gas_fraction=cost.gas_quote / worth,
        change_cost=cost.total_quote / worth,
        swap_cost_fraction=(cost.swap_fee_quote + cost.price_impact_quote) / worth,
    )


def objection_to_enter(view: Outlook, *, is_half_moved: bool = False) -> Objection | None:
    """Enter if g·H > 2·gas + swap: in and, some day, out again. The swap is the dearer of the one at hand and the one
    that a trigger will ask for.

    A move that has begun was judged when its exit was sent, by what waiting was worth: it is completed while the
    target earns anything at all after the cost of re-centring. Else its exit would have been paid for nothing.
    """
    later = view.terms.swap_cost * (0.0 if view.target_gain is None else view.target_gain.mean_swap_weight)
    needed = 0.0 if is_half_moved else 2 * view.gas_fraction + max(view.swap_cost_fraction, later)
    gained = view.target_g * view.horizon_years
    if gained > needed:
        return None
    return _does_not_pay("entering_does_not_pay", "entering would not earn its own cost", gained, needed)


def objection_to_move(view: Outlook, profit: Profit, *, outside_trigger: bool) -> Objection | None:
    """Inside the trigger a change must earn kappa times its cost beyond what staying earns; everywhere, waiting for a
    better moment must not be worth more than moving now: C(x) <= −c(x)."""
    gained = (view.target_g - view.carry_now) * view.horizon_years
    needed = profit.kappa * view.change_cost
    if not outside_trigger and gained <= needed:
        message = "the price is inside the trigger, and moving would not earn its own cost"
        return _does_not_pay("inside_trigger", message, gained, needed)
    patience = worth_of_waiting(view)
    # A worth that is no number says nothing for moving.
    if math.isfinite(patience.value) and patience.value <= patience.moving_value:
        return None
    if not math.isfinite(patience.value):
        return Objection("waiting_is_worth_more", "the worth of waiting has no finite value here")
    figures = [
        Figure("waiting_fraction_of_capital", patience.value),
        Figure("moving_fraction_of_capital", patience.moving_value),
    ]
    # A threshold at the end of the search stands for: however far.
    if patience.threshold_down_log < 0.99 * book.FURTHEST_WAITING_LOG:
        figures.append(Figure("wait_until_down_pct", _pct(-patience.threshold_down_log)))
    if patience.threshold_up_log < 0.99 * book.FURTHEST_WAITING_LOG:
        figures.append(Figure("wait_until_up_pct", _pct(patience.threshold_up_log)))
    return Objection("waiting_is_worth_more", "waiting is worth more than moving now", tuple(figures))


def worth_of_waiting(view: Outlook) -> Waiting:
    """C(x) and −c(x) of what is held against the target; the gas is that of the plan at hand.

    Where the operator's cap holds the target's g down, what is held is judged by the same belief: at the fee intensity
    that gives the target just the cap (g is linear in it). Else any held range would outshine the capped g*, and a
    price that has left it would be waited for without end.
    """
    terms, target_g, gain = replace(view.terms, gas_fraction=view.gas_fraction), view.target_g, view.target_gain
    if gain is not None and gain.g_per_year > target_g:
        excess = min(gain.g_per_year - target_g, max(gain.fee_per_year, 0.0))
        if excess > 0.0:
            terms = replace(terms, phi_annual=terms.phi_annual * (1 - excess / gain.fee_per_year))
        target_g = gain.g_per_year - excess
    return book.waiting(view.held, terms, target_g, view.target_weight_now)


def objection_to_leave(view: Outlook) -> Objection | None:
    """Leave if what providing loses over the horizon exceeds going out and coming back, and the swap to the mix."""
    gained = -view.carry_now * view.horizon_years
    needed = 2 * view.gas_fraction + view.swap_cost_fraction
    if gained > needed:
        return None
    return _does_not_pay("leaving_does_not_pay", "providing does not pay, but leaving costs more", gained, needed)


def _does_not_pay(code: str, message: str, gained: float, needed: float) -> Objection:
    figures = (Figure("gain_fraction_of_capital", gained), Figure("needed_fraction_of_capital", needed))
    return Objection(code, message + " over the horizon", figures)


def _pct(log_distance: float) -> float:
    return 100 * math.expm1(log_distance)
