"""Putting fees and idle tokens back into the ranges that are open."""

from __future__ import annotations

from keeper.model.decision import Figure, Ladder, Objection, TargetRange
from keeper.model.full_math import MathError
from keeper.model.memory import HeldRange
from keeper.model.observation import Observation, Position
from keeper.model.plan import Addition, Approve, Collect, Increase, Plan, Step
from keeper.model.swap import TickRangeExceeded
from keeper.policy.bounds import TwapBand, minimums_to_add
from keeper.policy.cost import cost_of
from keeper.policy.ratio import Fit, allocate, fit_within, market_without, settled
from keeper.policy.rebalance import Draft, approvals, cannot_price, liquidity_band, plan_nothing, swap_steps_for
from keeper.policy.settings import StrategySettings
from keeper.policy.valuation import principal, raw_quote, usable_idle, value_in_quote

PPM = 1_000_000
BPS = 10_000
# Of fees, which are small, a larger part may stay idle before a swap is worth its gas.
LEFTOVER_BPS = 500


def plan_compound(
    observation: Observation,
    positions: tuple[Position, ...],
    held: tuple[HeldRange, ...],
    settings: StrategySettings,
) -> Draft | None:
    """Collect, swap to proportion, increase. None where there is too little, or the price is outside a range."""
    compound, band = settings.compound, liquidity_band(observation, settings)
    in_range = all(p.lower_tick <= observation.pool.tick < p.upper_tick for p in positions)
    if compound is None or band is None or not positions or not in_range:
        return None
    least = raw_quote(observation, compound.min_fees_quote)
    idle = usable_idle(observation, positions, settings.capital.max_quote)
    fees = (sum(p.uncollected_0 for p in positions), sum(p.uncollected_1 for p in positions))
    if _worth(observation, idle) + _worth(observation, fees) < least:
        return None
    if raw_quote(observation, settings.capital.max_quote) - _principal_worth(observation, positions) < least:
        return None  # fees taken out would find no room under the capital's limit
    steps: list[Step] = []
    amounts = idle
    if _worth(observation, idle) < least:
        steps.append(Collect(tuple(p.token_id for p in positions)))
        amounts = (idle[0] + fees[0], idle[1] + fees[1])
    try:
        fit, additions = _fit_additions(observation, positions, held, amounts, band)
    except (TickRangeExceeded, MathError) as error:
        return Draft(plan_nothing(observation, "compound"), (cannot_price(error),))
    added = sum(_worth(observation, (a.amount_0_desired, a.amount_1_desired)) for a in additions)
    if added < least:
        return None
    swap_steps, objections = swap_steps_for(observation, fit, settings)
    steps += [*swap_steps, *_increase_steps(observation, additions)]
    cost = cost_of(observation, steps, fit)
    if cost.total_quote * 100 > added * compound.max_cost_pct:
        figures = (Figure("cost_quote_raw", cost.total_quote), Figure("added_quote_raw", added))
        objections = (*objections, Objection("compounding_costs_too_much", "compounding now costs too much", figures))
    deadline = observation.block.timestamp + settings.limits.plan_lifetime_seconds
    leftover = max(0, _worth(observation, amounts) - added - cost.swap_fee_quote - cost.price_impact_quote)
    plan = Plan("compound", tuple(steps), deadline, added, leftover, cost)
    return Draft(plan, objections, fit.sqrt_price_x96 if fit.amount_in else None)


def _fit_additions(
    observation: Observation,
    positions: tuple[Position, ...],
    held: tuple[HeldRange, ...],
    amounts: tuple[int, int],
    band: TwapBand,
) -> tuple[Fit, tuple[Addition, ...]]:
    """Swap to the proportion of the open ranges. Their liquidity stays in the pool meanwhile."""
    shares = {h.token_id: h.share_ppm for h in held}
    ladder = Ladder(
        "held",
        tuple(TargetRange(p.lower_tick, p.upper_tick, shares.get(p.token_id, PPM)) for p in positions),
        0,
        0,
        "the ranges that are open",
    )
    market = market_without(observation.pool, ())
    allowed = _worth(observation, amounts) * LEFTOVER_BPS // BPS
    fit = fit_within(market, ladder, *amounts, observation.quote_is_token0, allowed)
    additions = []
    for position, offer in zip(positions, allocate(ladder, fit, observation.quote_is_token0), strict=True):
        whole = settled(position.lower_tick, position.upper_tick, fit.sqrt_price_x96, *offer)
        least = minimums_to_add(position.lower_tick, position.upper_tick, *whole, band)
        if any(whole):
            additions.append(Addition(position.token_id, *whole, *least))
    return fit, tuple(additions)


def _increase_steps(observation: Observation, additions: tuple[Addition, ...]) -> list[Step | Approve]:
    pool = observation.pool
    return [
        *approvals(observation, pool.token0.address, "positions", sum(a.amount_0_desired for a in additions)),
        *approvals(observation, pool.token1.address, "positions", sum(a.amount_1_desired for a in additions)),
        Increase(additions),
    ]


def _principal_worth(observation: Observation, positions: tuple[Position, ...]) -> int:
    return sum(_worth(observation, principal(position, observation.pool)) for position in positions)


def _worth(observation: Observation, amounts: tuple[int, int]) -> int:
    return value_in_quote(*amounts, observation.pool.sqrt_price_x96, observation.quote_is_token0)
