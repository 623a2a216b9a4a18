"""The planner: exact amounts and bounds for every change a strategy can make. It plans; it does not judge."""

from __future__ import annotations

from dataclasses import dataclass, replace

from keeper.model.decision import Figure, Ladder, Objection
from keeper.model.full_math import MathError
from keeper.model.liquidity import liquidity_for_amounts
from keeper.model.observation import Observation, Position, Spender
from keeper.model.plan import Action, Approve, Cost, Exit, Mint, MintRange, Plan, Step, Withdrawal
from keeper.model.swap import TickRangeExceeded
from keeper.model.ticks import sqrt_price_at_tick
from keeper.policy.bounds import TwapBand, bounded_swap, minimums_on_burn, minimums_to_add, twap_band
from keeper.policy.cost import cost_of
from keeper.policy.one_sided import place_without_swap
from keeper.policy.ratio import Fit, allocate, charged, fit_within, market_without, settled
from keeper.policy.settings import StrategySettings
from keeper.policy.valuation import principal, usable_idle, value_in_quote

BPS = 10_000
NO_COST = Cost(0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Draft:
    """A plan, and what stands against it already on grounds of feasibility."""

    plan: Plan
    objections: tuple[Objection, ...] = ()
    # Where the plan's own swap leaves the price; None where it swaps nothing.
    sqrt_price_after_swap_x96: int | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """What a range is offered of the amounts held."""

    lower_tick: int
    upper_tick: int
    amount_0: int
    amount_1: int
    share_ppm: int


def plan_nothing(observation: Observation, action: Action = "hold") -> Plan:
    return Plan(action, (), observation.block.timestamp, 0, 0, NO_COST)


def plan_tidy(observation: Observation, settings: StrategySettings) -> Plan:
    """Take back every allowance that is left over."""
    return _plan("tidy", observation, settings, _revocations(observation), 0, 0, None)


def _revocations(observation: Observation) -> list[Step]:
    return [Approve(a.token, a.spender, 0) for a in observation.wallet.allowances if a.amount > 0]


def plan_exit(observation: Observation, positions: tuple[Position, ...], settings: StrategySettings) -> Draft:
    """Withdraw, collect and burn every position; hold what comes out."""
    band = liquidity_band(observation, settings)
    if band is None:
        return Draft(plan_nothing(observation, "exit"), (_no_twap(settings),))
    # Allowances go after the exit: an approval that fails must not stand in its way.
    steps: list[Step] = [exit_step(positions, band), *_revocations(observation)]
    value = _worth(observation, _released(observation, positions))
    return Draft(_plan("exit", observation, settings, steps, value, 0, None))


def plan_change(
    observation: Observation,
    ladder: Ladder,
    positions: tuple[Position, ...],
    settings: StrategySettings,
    *,
    leftover_bps: int,
) -> Draft:
    """Leave ``positions`` (none: enter from idle tokens), swap to the ladder's proportion, mint every range.

    ``leftover_bps`` is how much of the value may stay outside the ranges before a swap is planned for it.
    """
    action: Action = "rebalance" if positions else "enter"
    band = liquidity_band(observation, settings)
    if band is None:
        return Draft(plan_nothing(observation, action), (_no_twap(settings),))
    idle_0, idle_1 = usable_idle(observation, positions, settings.capital.max_quote)
    freed_0, freed_1 = _released(observation, positions)
    amount_0, amount_1 = idle_0 + freed_0, idle_1 + freed_1
    value = _worth(observation, (amount_0, amount_1))
    if value == 0:
        return Draft(plan_nothing(observation, action), (Objection("nothing_to_place", "there is nothing to place"),))
    try:
        fit, offers = _fit_offers(observation, ladder, positions, settings, (amount_0, amount_1), leftover_bps)
        mint_steps, leftover = _mint_steps(observation, ladder, offers, fit, band)
    except (TickRangeExceeded, MathError) as error:
        return Draft(plan_nothing(observation, action), (cannot_price(error),))
    if not mint_steps:
        figures = (Figure("value_quote_raw", value),)
        too_little = Objection("too_little_to_place", "what there is would not open any range", figures)
        return Draft(plan_nothing(observation, action), (too_little,))
    swap_steps, objections = swap_steps_for(observation, fit, settings)
    exits: list[Step] = [exit_step(positions, band)] if positions else []
    plan = _plan(action, observation, settings, exits + swap_steps + mint_steps, value, leftover, fit)
    plan = replace(plan, hedge=ladder.hedge)
    return Draft(plan, objections, fit.sqrt_price_x96 if fit.amount_in else None)


def _fit_offers(
    observation: Observation,
    ladder: Ladder,
    positions: tuple[Position, ...],
    settings: StrategySettings,
    amounts: tuple[int, int],
    leftover_bps: int,
) -> tuple[Fit, list[Offer]]:
    """What is swapped, and what each range is offered after it. TickRangeExceeded or MathError: it has no price."""
    market, quote_is_token0 = market_without(observation.pool, positions), observation.quote_is_token0
    if settings.swap.route == "none":
        fit = Fit(True, 0, 0, *amounts, market.sqrt_price_x96)
        return fit, [Offer(*each) for each in place_without_swap(observation, ladder, *amounts)]
    allowed = _worth(observation, amounts) * leftover_bps // BPS
    fit = fit_within(market, ladder, *amounts, quote_is_token0, allowed)
    return fit, _offers(ladder, fit, quote_is_token0)


def liquidity_band(observation: Observation, settings: StrategySettings) -> TwapBand | None:
    limits = settings.limits
    return twap_band(observation, limits.twap_seconds, limits.max_twap_deviation_ticks)


def exit_step(positions: tuple[Position, ...], band: TwapBand) -> Exit:
    """One transaction out of all the positions, each with its minimums."""
    withdrawals = tuple(
        Withdrawal(p.token_id, p.liquidity, *minimums_on_burn(p, p.liquidity, band), burn=True) for p in positions
    )
    return Exit(withdrawals)


def swap_steps_for(
    observation: Observation, fit: Fit, settings: StrategySettings
) -> tuple[list[Step], tuple[Objection, ...]]:
    """Approval and swap for a fit (none where nothing is swapped), and objections to its price."""
    if fit.amount_in == 0:
        return [], ()
    band = liquidity_band(observation, settings)
    assert band is not None  # the caller has planned with it already
    swap = bounded_swap(
        observation, fit.zero_for_one, fit.amount_in, fit.amount_out, band, settings.limits.max_slippage_bps
    )
    pool = observation.pool
    token = pool.token0 if fit.zero_for_one else pool.token1
    objections = []
    price, limit = pool.sqrt_price_x96, swap.sqrt_price_limit_x96
    # Of so little that both round to nothing, the price limit still says that it would pay too little.
    is_beyond = price <= limit if fit.zero_for_one else price >= limit
    if fit.amount_out < swap.amount_out_min or is_beyond:
        figures = (Figure("expected_out_raw", fit.amount_out), Figure("minimum_out_raw", swap.amount_out_min))
        message = "the swap would pay less than the time-weighted price less the slippage allowed"
        objections.append(Objection("swap_below_minimum", message, figures))
    return [*approvals(observation, token.address, "router", fit.amount_in), swap], tuple(objections)


def approvals(observation: Observation, token: str, spender: Spender, amount: int) -> list[Step]:
    """Allow exactly what the next act takes, unless just that is allowed already.

    Another allowance is taken back first: some tokens (USDT) refuse to change one that is not zero.
    """
    allowed = next((a.amount for a in observation.wallet.allowances if (a.token, a.spender) == (token, spender)), 0)
    if amount in (0, allowed):
        return []
    return [*([Approve(token, spender, 0)] if allowed else []), Approve(token, spender, amount)]


def _offers(ladder: Ladder, fit: Fit, quote_is_token0: bool) -> list[Offer]:
    shares = allocate(ladder, fit, quote_is_token0)
    return [
        Offer(target.lower_tick, target.upper_tick, amount_0, amount_1, target.share_ppm)
        for target, (amount_0, amount_1) in zip(ladder.ranges, shares, strict=True)
    ]


def _leftover(observation: Observation, offers: list[Offer], fit: Fit) -> int:
    """Raw quote units of what no range takes, at the price after the swap."""
    left_0, left_1 = fit.amount_0, fit.amount_1
    for offer in offers:
        used_0, used_1 = charged(offer.lower_tick, offer.upper_tick, fit.sqrt_price_x96, offer.amount_0, offer.amount_1)
        left_0, left_1 = left_0 - used_0, left_1 - used_1
    return value_in_quote(left_0, left_1, fit.sqrt_price_x96, observation.quote_is_token0)


def _mint_steps(
    observation: Observation, ladder: Ladder, offers: list[Offer], fit: Fit, band: TwapBand
) -> tuple[list[Step], int]:
    whole = [_settle(offer, fit.sqrt_price_x96) for offer in offers]
    worth_minting = [offer for offer in whole if _liquidity(offer, fit.sqrt_price_x96) > 0]
    if not worth_minting:
        return [], _leftover(observation, [], fit)
    ranges = tuple(
        MintRange(
            o.lower_tick,
            o.upper_tick,
            o.amount_0,
            o.amount_1,
            *minimums_to_add(o.lower_tick, o.upper_tick, o.amount_0, o.amount_1, band),
            share_ppm=o.share_ppm,
        )
        for o in worth_minting
    )
    pool = observation.pool
    steps: list[Step] = [
        *approvals(observation, pool.token0.address, "positions", sum(r.amount_0_desired for r in ranges)),
        *approvals(observation, pool.token1.address, "positions", sum(r.amount_1_desired for r in ranges)),
        Mint(ranges, ladder.trigger_lower_tick, ladder.trigger_upper_tick),
    ]
    return steps, _leftover(observation, worth_minting, fit)


def _settle(offer: Offer, sqrt_price_x96: int) -> Offer:
    amount_0, amount_1 = settled(offer.lower_tick, offer.upper_tick, sqrt_price_x96, offer.amount_0, offer.amount_1)
    return replace(offer, amount_0=amount_0, amount_1=amount_1)


def _liquidity(offer: Offer, sqrt_price_x96: int) -> int:
    lower, upper = sqrt_price_at_tick(offer.lower_tick), sqrt_price_at_tick(offer.upper_tick)
    return liquidity_for_amounts(sqrt_price_x96, lower, upper, offer.amount_0, offer.amount_1)


def _released(observation: Observation, positions: tuple[Position, ...]) -> tuple[int, int]:
    """Principal and uncollected fees of the positions at the pool's price."""
    amount_0 = amount_1 = 0
    for position in positions:
        out_0, out_1 = principal(position, observation.pool)
        amount_0 += out_0 + position.uncollected_0
        amount_1 += out_1 + position.uncollected_1
    return amount_0, amount_1


def _worth(observation: Observation, amounts: tuple[int, int]) -> int:
    return value_in_quote(*amounts, observation.pool.sqrt_price_x96, observation.quote_is_token0)


def _plan(
    action: Action,
    observation: Observation,
    settings: StrategySettings,
    steps: list[Step],
    value: int,
    leftover: int,
    fit: Fit | None,
) -> Plan:
    deadline = observation.block.timestamp + settings.limits.plan_lifetime_seconds
    return Plan(action, tuple(steps), deadline, value, leftover, cost_of(observation, steps, fit))


def cannot_price(error: TickRangeExceeded | MathError) -> Objection:
    """A swap whose result cannot be computed is not made."""
    if isinstance(error, TickRangeExceeded):
        return Objection("depth_unknown", str(error))
    return Objection("pool_inconsistent", f"the pool that was read contradicts itself: {error}")


def _no_twap(settings: StrategySettings) -> Objection:
    seconds = settings.limits.twap_seconds
    return Objection(
        "twap_missing",
        f"the pool's oracle does not reach back {seconds} s; it needs a larger observation cardinality or more time",
        (Figure("twap_seconds", seconds),),
    )
