"""A plan in one transaction: what it holds for each kind of account, and that its amounts are there wherever the price
goes within the drift that is allowed."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from math import isqrt

import pytest
from hypothesis import assume, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from keeper.model import canonical
from keeper.model.decision import Ladder, TargetRange
from keeper.model.liquidity import position_amounts
from keeper.model.observation import Account, Allowance, Observation, Position
from keeper.model.plan import Approve, Batch, Exit, Increase, Mint, Plan, SingleStep, Step, Swap, is_way_out, singles
from keeper.model.ticks import tick_at_sqrt_price
from keeper.policy.at_once import at_once
from keeper.policy.compound import plan_compound
from keeper.policy.decide import decide
from keeper.policy.ratio import charged, market_without
from keeper.policy.rebalance import Draft, plan_change, plan_exit, plan_tidy
from keeper.policy.settings import StrategySettings
from tests.policy.test_decide import strategy
from tests.policy.world import ADDRESS_0, ADDRESS_1, held, kinds, ladder, memory, observation, settings

BPS = 10_000
OLD = Position(7, 198_000, 201_600, 10**17, 3 * 10**6, 10**15)


def owned_by(obs: Observation, account: Account) -> Observation:
    return replace(obs, wallet=replace(obs.wallet, account=account))


def moved_to(obs: Observation, tick: int, account: Account, chosen: StrategySettings | None = None) -> Draft:
    """Out of the position and into a range around the tick; one beside the price wants a single token."""
    chosen = chosen or settings()
    draft = plan_change(obs, ladder(tick), obs.positions, chosen, leftover_bps=10)
    return at_once(draft, owned_by(obs, account), chosen)


def test_a_key_acts_step_by_step_as_ever() -> None:
    obs = observation(tick=201_000, positions=(OLD,))
    draft = plan_change(obs, ladder(201_000), (OLD,), settings(), leftover_bps=10)
    assert at_once(draft, obs, settings()) is draft


@pytest.mark.parametrize("account", ["delegated", "safe"])
def test_a_rebalance_is_one_act_and_leaves_no_allowance(account: Account) -> None:
    left = (Allowance(ADDRESS_0, "positions", 5),)
    obs = observation(tick=201_000, positions=(OLD,), allowances=left)
    plan = moved_to(obs, 201_000, account).plan
    assert kinds(plan.steps) == ["batch"] and plan.next_steps == plan.steps
    acts = [each for each in plan.acts if not isinstance(each, Approve)]
    assert kinds(tuple(acts)) == ["exit", "swap", "mint"]
    allowed: dict[tuple[str, str], int] = defaultdict(int, {(a.token, a.spender): a.amount for a in left})
    for step in plan.acts:
        if isinstance(step, Approve):
            assert not (step.amount and allowed[step.token, step.spender]), "some tokens refuse to change an allowance"
            allowed[step.token, step.spender] = step.amount
        for token, spender, amount in needs(step):
            assert allowed[token, spender] == amount
    assert not any(allowed.values())
    assert canonical.from_plain(Step, canonical.plain(plan.steps[0])) == plan.steps[0]


def needs(step: SingleStep) -> list[tuple[str, str, int]]:
    if isinstance(step, Swap):
        return [(ADDRESS_0 if step.zero_for_one else ADDRESS_1, "router", step.amount_in)]
    parts = step.ranges if isinstance(step, Mint) else step.additions if isinstance(step, Increase) else ()
    totals = sum(each.amount_0_desired for each in parts), sum(each.amount_1_desired for each in parts)
    return [(t, "positions", total) for t, total in zip((ADDRESS_0, ADDRESS_1), totals, strict=True) if total]


def test_a_position_manager_can_leave_and_enter_at_once_but_not_swap() -> None:
    chosen = settings(swap={"route": "none"})
    obs = observation(tick=201_000, positions=(OLD,))
    plan = moved_to(obs, 201_000, "multicall", chosen).plan
    assert kinds(plan.steps)[-1] == "batch" and set(kinds(plan.steps)[:-1]) == {"approve"}
    assert kinds(plan.acts[-2:]) == ["exit", "mint"] and plan.next_steps == plan.steps
    swapping = moved_to(obs, 201_000, "multicall").plan
    assert not any(isinstance(step, Batch) for step in swapping.steps)


def test_one_step_needs_no_batch() -> None:
    obs = observation(positions=(OLD,))
    out = at_once(plan_exit(obs, (OLD,), settings()), owned_by(obs, "safe"), settings()).plan
    assert kinds(out.steps) == ["exit"] and is_way_out(out.steps[0])
    left = observation(positions=(OLD,), allowances=(Allowance(ADDRESS_0, "router", 5),))
    tidying = at_once(plan_exit(left, (OLD,), settings()), owned_by(left, "safe"), settings()).plan
    assert kinds(tidying.steps) == ["batch"] and is_way_out(tidying.steps[0])
    # What failed of another kind of batch does not stand in the way out.
    assert out.act == tidying.act == "exit" and moved_to(obs, 200_000, "safe").plan.act == "batch"
    tidy = at_once(Draft(plan_tidy(left, settings())), owned_by(left, "delegated"), settings()).plan
    assert kinds(tidy.steps) == ["approve"] and not is_way_out(tidy.steps[0])
    assert not is_way_out(Batch((*tidying.acts, Approve(ADDRESS_0, "router", 1))))


def test_gas_is_paid_once_and_nothing_is_lost_from_the_books() -> None:
    obs = observation(tick=201_000, positions=(OLD,))
    apart = plan_change(obs, ladder(201_000), (OLD,), settings(), leftover_bps=10).plan
    whole = moved_to(obs, 201_000, "delegated").plan
    assert whole.cost.gas_units < apart.cost.gas_units
    assert whole.cost.swap_fee_quote <= apart.cost.swap_fee_quote
    assert whole.leftover_quote == apart.leftover_quote, "nothing is missing anywhere within the drift: nothing is cut"
    none = moved_to(obs, 201_000, "delegated", settings(limits={"max_drift_bps": 0})).plan
    acts = tuple(each for each in none.acts if not isinstance(each, Approve))
    assert acts == tuple(each for each in apart.steps if not isinstance(each, Approve)), "no drift, nothing is cut"


def test_a_safe_needs_no_gas_of_its_own_and_decides_in_one_act() -> None:
    obs = owned_by(observation(tick=200_000, balances=(100_000 * 10**6, 40 * 10**18)), "safe")
    poor = replace(obs, wallet=replace(obs.wallet, native_wei=0))
    made = decide(strategy(), poor, memory())
    assert not made.verdict.objections and kinds(made.plan.next_steps) == ["batch"]
    keys = replace(poor, wallet=replace(poor.wallet, account="key"))
    assert [each.code for each in decide(strategy(), keys, memory()).verdict.objections] == ["gas_money"]


@examples(max_examples=150, deadline=None)
@given(
    tick=st.integers(198_100, 201_500),
    width=st.sampled_from([60, 120, 600, 3_000]),
    balances=st.tuples(st.integers(0, 10**11), st.integers(0, 10**20)),
    drift_bps=st.sampled_from([0, 10, 100, 300]),
    place=st.floats(-1, 1),
    aside=st.sampled_from([0, 600, -600, 1_500, -1_500]),
    rungs=st.integers(1, 3),
    quote_is_token0=st.booleans(),
)
def test_every_amount_is_there_wherever_the_price_goes(
    tick: int, width: int, balances: tuple[int, int], drift_bps: int, place: float, aside: int, rungs: int,
    quote_is_token0: bool,
) -> None:  # fmt: skip
    """Carried out at any price within the drift, by the pool's own arithmetic: nothing is taken that is not held."""
    assume(drift_bps <= 2 * width)
    chosen = settings(
        quote="token0" if quote_is_token0 else "token1",
        limits={"max_drift_bps": drift_bps, "max_slippage_bps": 1_000, "max_twap_deviation_ticks": 600},
    )
    obs = observation(tick=tick, positions=(OLD,), balances=balances, quote_is_token0=quote_is_token0)
    wanted = wide(tick + aside, width, rungs)
    draft = at_once(plan_change(obs, wanted, obs.positions, chosen, leftover_bps=10), owned_by(obs, "safe"), chosen)
    assume(draft.plan.steps and not draft.objections)
    for root in (place, -1.0, 0.0, 1.0):
        carry_out(draft.plan, obs, isqrt(obs.pool.sqrt_price_x96**2 * (BPS + round(drift_bps * root)) // BPS))


def wide(tick: int, width: int, rungs: int) -> Ladder:
    """Nested ranges around the tick, of equal shares."""
    middle, share = tick // 60 * 60, 1_000_000 // rungs
    shares = [share] * (rungs - 1) + [1_000_000 - share * (rungs - 1)]
    ranges = (TargetRange(middle - width * n, middle + width * n, part) for n, part in enumerate(shares, 1))
    return Ladder("test", tuple(ranges), middle - width, middle + width, "made up")


def carry_out(plan: Plan, obs: Observation, root_x96: int) -> None:
    """What the contracts pay and take from this price on, and no more than is there."""
    have, tick = [obs.wallet.balance_0, obs.wallet.balance_1], tick_at_sqrt_price(root_x96)
    market = market_without(replace(obs.pool, sqrt_price_x96=root_x96, tick=tick), ())
    for step in plan.acts:
        if isinstance(step, Exit):
            paid = position_amounts(root_x96, tick, OLD.lower_tick, OLD.upper_tick, OLD.liquidity, round_up=False)
            have = [have[0] + paid[0] + OLD.uncollected_0, have[1] + paid[1] + OLD.uncollected_1]
            market = replace(market_without(replace(obs.pool, sqrt_price_x96=root_x96), (OLD,)), tick=tick)
        if isinstance(step, Swap):
            sold = market.sell(step.zero_for_one, step.amount_in)
            assert -min(sold.amount0, sold.amount1) >= step.amount_out_min, "the slippage allowed is beyond the drift"
            have, root_x96 = [have[0] - sold.amount0, have[1] - sold.amount1], sold.sqrt_price_x96
        for part in step.ranges if isinstance(step, Mint) else ():
            desired = part.amount_0_desired, part.amount_1_desired
            taken = charged(part.lower_tick, part.upper_tick, root_x96, *desired)
            assert taken[0] >= part.amount_0_min and taken[1] >= part.amount_1_min
            have = [have[0] - taken[0], have[1] - taken[1]]
        assert min(have) >= 0, (step, have)


@pytest.mark.parametrize("drift_bps", [10, 100])
@pytest.mark.parametrize("width", [200, 500, 2_000])
@pytest.mark.parametrize("balances", [(0, 0), (10**9, 0), (0, 10**18)])
def test_what_may_drift_costs_nothing_where_it_does_not(width: int, drift_bps: int, balances: tuple[int, int]) -> None:
    """Amounts that move with the price are not cut one by one: what the range takes moves with them."""
    chosen = settings(limits={"max_drift_bps": drift_bps, "max_slippage_bps": 100})
    for edge in (0, width // 2, width - 5, width + 5, 3 * width):
        lower = (200_005 + edge - width) // 10 * 10
        old = Position(7, lower, lower + 2 * width, 10**17, 0, 0)
        obs = observation(tick=200_005, spacing=10, positions=(old,), balances=balances, pool_liquidity=10**19)
        target = Ladder("test", (TargetRange(200_000 - width, 200_000 + width, 1_000_000),), 0, 300_000, "made up")
        apart = plan_change(obs, target, (old,), chosen, leftover_bps=10)
        plan = at_once(apart, owned_by(obs, "safe"), chosen).plan
        assert (plan.leftover_quote - apart.plan.leftover_quote) * 1_000 <= plan.value_quote, edge


def test_a_drift_that_is_wider_than_the_range_moves_nothing() -> None:
    """No swap of nothing and no range of nothing, which no chain takes: it is said what is too large."""
    chosen = settings(limits={"max_drift_bps": 100, "max_slippage_bps": 100})
    old = Position(7, 199_990, 200_030, 10**17, 0, 0)
    obs = observation(tick=200_005, spacing=10, positions=(old,), pool_liquidity=10**19)
    target = Ladder("test", (TargetRange(199_980, 200_020, 1_000_000),), 199_980, 200_020, "made up")
    draft = at_once(plan_change(obs, target, (old,), chosen, leftover_bps=10), owned_by(obs, "safe"), chosen)
    for step in draft.plan.acts:
        assert not isinstance(step, Swap) or step.amount_in > 0
        for part in step.ranges if isinstance(step, Mint) else ():
            assert part.amount_0_desired + part.amount_1_desired > 0
    assert [each.code for each in draft.objections] == ["too_little_to_place"] and draft.plan.steps == ()
    assert "max_drift_bps" in draft.objections[0].message


def test_compounding_collects_and_adds_in_one_act() -> None:
    position = replace(OLD, uncollected_0=60 * 10**6, uncollected_1=2 * 10**16)
    obs = observation(positions=(position,), base_fee_wei=1)
    chosen = settings(compound={"min_fees_quote": "50"})
    draft = plan_compound(obs, (position,), (held(position),), chosen)
    assert draft is not None
    plan = at_once(draft, owned_by(obs, "delegated"), chosen).plan
    assert kinds(plan.steps) == ["batch"]
    acts = [each.kind for each in plan.acts if each.kind != "approve"]
    assert acts[0] == "collect" and acts[-1] == "increase"
    additions = [each for step in singles(plan.steps) if isinstance(step, Increase) for each in step.additions]
    assert sum(each.amount_0_desired for each in additions) <= position.uncollected_0
