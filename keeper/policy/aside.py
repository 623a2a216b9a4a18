"""Standing aside: out of every range, and into the mix that is wanted meanwhile."""

from __future__ import annotations

from dataclasses import replace

from keeper.model.full_math import MathError
from keeper.model.observation import Observation, Position
from keeper.model.swap import TickRangeExceeded
from keeper.policy.cost import cost_of
from keeper.policy.ratio import Fit, market_without
from keeper.policy.rebalance import Draft, plan_exit, plan_nothing, swap_steps_for
from keeper.policy.settings import StrategySettings
from keeper.policy.situation import Situation
from keeper.policy.valuation import principal, usable_idle, value_in_quote

PPM = 1_000_000
# A mix this near to the wanted one is left alone: a swap would cost more than it mends.
TOLERANCE_PPM = 20_000
# So long after an exit the swap to the wanted mix is still tried: a guard may have refused it at first, and looks may
# be an hour apart. One token alone for weeks is a bet that nobody asked for.
MIX_SECONDS = 86_400


def plan_aside(observation: Observation, positions: tuple[Position, ...], settings: StrategySettings) -> Draft:
    """Leave every position, then swap what came out and what is idle to the wanted mix."""
    draft = plan_exit(observation, positions, settings)
    if draft.objections or not wants_mix(settings):
        return draft
    freed = [principal(each, observation.pool) for each in positions]
    amount_0 = sum(out for out, _ in freed) + sum(each.uncollected_0 for each in positions)
    amount_1 = sum(out for _, out in freed) + sum(each.uncollected_1 for each in positions)
    idle_0, idle_1 = usable_idle(observation, positions, settings.capital.max_quote)
    mixed = _with_mix(observation, positions, settings, (amount_0 + idle_0, amount_1 + idle_1), draft)
    # A mix that cannot be had must not stand in the way out.
    return draft if mixed.objections else mixed


def plan_mix(situation: Situation, settings: StrategySettings) -> Draft | None:
    """The swap that follows an exit of the last day, also that of a rebalance which was not completed. None where the
    mix is right, or the exit is longer past: a mix that drifts with the price afterwards is left alone."""
    observation, recent = situation.observation, situation.memory.recent
    if situation.positions or not recent or not wants_mix(settings):
        return None
    last, now = recent[-1], observation.block.timestamp
    if last.act != "exit" or now - last.timestamp >= MIX_SECONDS:
        return None
    idle = usable_idle(observation, (), settings.capital.max_quote)
    draft = _with_mix(observation, (), settings, idle, Draft(plan_nothing(observation, "exit")))
    return draft if draft.plan.steps or draft.objections else None


def wants_mix(settings: StrategySettings) -> bool:
    return settings.profit.aside_mix == "target" and settings.swap.route != "none"


def _with_mix(
    observation: Observation,
    positions: tuple[Position, ...],
    settings: StrategySettings,
    amounts: tuple[int, int],
    draft: Draft,
) -> Draft:
    """``draft`` with the swap that brings the base token's share to the wanted one, within the tolerance."""
    root, first = observation.pool.sqrt_price_x96, observation.quote_is_token0
    total = value_in_quote(*amounts, root, first)
    base_is_0 = not first
    base = value_in_quote(amounts[0], 0, root, first) if base_is_0 else value_in_quote(0, amounts[1], root, first)
    wanted = total * round(float(settings.range.get("target_weight", 0.5)) * PPM) // PPM
    excess = base - wanted
    if total == 0 or abs(excess) * PPM <= total * TOLERANCE_PPM:
        return draft
    zero_for_one = (excess > 0) == base_is_0
    held, worth = (amounts[0] if zero_for_one else amounts[1]), (base if excess > 0 else total - base)
    amount_in = held * abs(excess) // max(worth, 1)
    try:
        sold = market_without(observation.pool, positions).sell(zero_for_one, amount_in)
    except (TickRangeExceeded, MathError):
        return draft
    given, got = (sold.amount0, -sold.amount1) if zero_for_one else (sold.amount1, -sold.amount0)
    after = (amounts[0] - given, amounts[1] + got) if zero_for_one else (amounts[0] + got, amounts[1] - given)
    fit = Fit(zero_for_one, given, got, *after, sold.sqrt_price_x96, len(sold.crossed_ticks))
    swap_steps, objections = swap_steps_for(observation, fit, settings)
    steps = [*draft.plan.steps, *swap_steps]
    deadline = observation.block.timestamp + settings.limits.plan_lifetime_seconds
    plan = replace(
        draft.plan,
        steps=tuple(steps),
        deadline_timestamp=deadline,
        value_quote=total,
        cost=cost_of(observation, steps, fit),
    )
    return Draft(plan, objections, fit.sqrt_price_x96)
