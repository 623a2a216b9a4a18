"""The planner: exact amounts, little left over, minimums from the TWAP band."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from keeper.model.decision import Ladder, TargetRange
from keeper.model.liquidity import amounts_on_burn, amounts_to_mint, liquidity_for_amounts
from keeper.model.observation import Allowance, Position
from keeper.model.plan import Approve, Exit, Mint, Swap
from keeper.model.swap import swap
from keeper.model.ticks import MAX_SQRT_PRICE_X96, MIN_SQRT_PRICE_X96, sqrt_price_at_tick
from keeper.policy.ratio import Fit, market_without
from keeper.policy.rebalance import plan_change, plan_exit, plan_tidy, swap_steps_for
from keeper.policy.valuation import positions_value, value_in_quote
from tests.policy.world import ADDRESS_0, ADDRESS_1, kinds, ladder, observation, settings

DECIMALS = [(6, 18), (18, 6), (0, 8), (24, 18), (18, 18)]


@examples(max_examples=150, deadline=None)
@given(
    tick=st.integers(-250_000, 250_000),
    share_0=st.floats(0, 1),
    size=st.integers(6, 12),
    quote_is_token0=st.booleans(),
    decimals=st.sampled_from(DECIMALS),
    widths=st.lists(st.integers(1, 60), min_size=1, max_size=4),
    fee_pips=st.sampled_from([100, 500, 3_000, 10_000]),
)
def test_almost_nothing_is_left_over(
    tick: int,
    share_0: float,
    size: int,
    quote_is_token0: bool,
    decimals: tuple[int, int],
    widths: list[int],
    fee_pips: int,
) -> None:
    root = sqrt_price_at_tick(tick)
    depth = 10 ** (size + 8)
    worth_0, worth_1 = depth * 2**96 // root // 10**3, depth * root // 2**96 // 10**3
    if min(worth_0, worth_1) < 10**7:
        return  # so few raw units that one unit is more than the tolerance
    balances = (int(worth_0 * share_0) + 1, int(worth_1 * (1 - share_0)) + 1)
    obs = observation(
        tick=tick,
        quote_is_token0=quote_is_token0,
        decimals=decimals,
        pool_liquidity=depth,
        balances=balances,
        fee_pips=fee_pips,
    )
    base = tick // 60 * 60
    share = 1_000_000 // len(widths)
    rungs = tuple(TargetRange(base - 60 * w, base + 60 * (w + 1), share) for w in widths)
    rungs = (replace(rungs[0], share_ppm=1_000_000 - share * (len(widths) - 1)), *rungs[1:])
    target = Ladder("fixed", rungs, rungs[0].lower_tick, rungs[0].upper_tick, "")
    open_handed = settings(capital={"max_quote": "1e60"}, limits={"max_price_impact_bps": 1000})
    draft = plan_change(obs, target, (), open_handed, leftover_bps=10)

    swaps = [step for step in draft.plan.steps if isinstance(step, Swap)]
    mint = next(step for step in draft.plan.steps if isinstance(step, Mint))
    held_0, held_1, price = *balances, root
    for step in swaps:
        result = swap(
            root,
            tick,
            obs.pool.liquidity,
            fee_pips,
            [(t.tick, t.liquidity_net) for t in obs.pool.ticks],
            step.zero_for_one,
            step.amount_in,
            MIN_SQRT_PRICE_X96 + 1 if step.zero_for_one else MAX_SQRT_PRICE_X96 - 1,
            60,
        )
        assert step.expected_out == -(result.amount1 if step.zero_for_one else result.amount0)
        held_0, held_1, price = held_0 - result.amount0, held_1 - result.amount1, result.sqrt_price_x96
    whole = value_in_quote(held_0, held_1, price, quote_is_token0)
    for item in mint.ranges:
        lower, upper = sqrt_price_at_tick(item.lower_tick), sqrt_price_at_tick(item.upper_tick)
        liquidity = liquidity_for_amounts(price, lower, upper, item.amount_0_desired, item.amount_1_desired)
        used = amounts_to_mint(price, lower, upper, liquidity)
        assert used[0] <= item.amount_0_desired and used[1] <= item.amount_1_desired
        held_0, held_1 = held_0 - used[0], held_1 - used[1]
    assert held_0 >= 0 and held_1 >= 0
    left = value_in_quote(held_0, held_1, price, quote_is_token0)
    assert left * 1_000 <= whole, f"{left / whole:.3%} left over"
    assert left == draft.plan.leftover_quote


def test_shares_of_a_ladder_are_shares_of_the_value() -> None:
    obs = observation(balances=(20_000 * 10**6, 10**18))
    wide, narrow = TargetRange(196_020, 204_000, 300_000), TargetRange(199_380, 200_640, 700_000)
    draft = plan_change(obs, Ladder("fixed", (wide, narrow), 0, 0, ""), (), settings(), leftover_bps=10)
    mint = next(step for step in draft.plan.steps if isinstance(step, Mint))
    root = obs.pool.sqrt_price_x96
    worth = [value_in_quote(r.amount_0_desired, r.amount_1_desired, root, True) for r in mint.ranges]
    assert worth[0] / sum(worth) == pytest.approx(0.3, abs=1e-3)


@pytest.mark.parametrize("quote_is_token0", [True, False])
def test_rebalance_exits_first_and_swaps_against_the_pool_without_itself(quote_is_token0: bool) -> None:
    position = Position(7, 201_000, 202_200, 10**17, 1_000_000, 5 * 10**14)
    obs = observation(positions=(position,), quote_is_token0=quote_is_token0)
    draft = plan_change(obs, ladder(200_000), (position,), settings(), leftover_bps=10)
    assert kinds(draft.plan.steps) == ["exit", "approve", "swap", "approve", "approve", "mint"]
    assert kinds(draft.plan.next_steps) == ["exit"]
    assert draft.plan.value_quote == positions_value(obs, (position,))
    without = market_without(obs.pool, (position,))
    assert without.liquidity == 10**18 and {201_000, 202_200}.isdisjoint(t for t, _ in without.ticks)


def test_own_liquidity_in_range_is_taken_out_of_the_market() -> None:
    position = Position(7, 199_200, 201_000, 10**17, 0, 0)
    obs = observation(positions=(position,))
    assert obs.pool.liquidity == 10**18 + 10**17
    assert market_without(obs.pool, (position,)).liquidity == 10**18


@pytest.mark.parametrize("shift", [-90, 0, 90])
def test_minimums_hold_anywhere_in_the_twap_band_and_ignore_the_spot(shift: int) -> None:
    position = Position(7, 198_600, 201_000, 10**17, 0, 0)
    obs = observation(positions=(position,), tick=200_000 + shift, twap_tick=200_000)
    step = plan_exit(obs, (position,), settings()).plan.steps[0]
    assert isinstance(step, Exit)
    withdrawal = step.withdrawals[0]
    lower, upper = sqrt_price_at_tick(198_600), sqrt_price_at_tick(201_000)
    at_edges = [amounts_on_burn(sqrt_price_at_tick(t), lower, upper, 10**17) for t in (199_900, 200_101)]
    assert withdrawal.amount_0_min == min(a for a, _ in at_edges)
    assert withdrawal.amount_1_min == min(b for _, b in at_edges)


@pytest.mark.parametrize("zero_for_one", [True, False])
def test_swap_minimum_is_the_twap_price_less_fee_and_slippage(zero_for_one: bool) -> None:
    balances = (20_000 * 10**6, 0) if zero_for_one else (0, 10**19)
    # The spot has been pushed 20 ticks against us: the minimum must not follow it down.
    mean = 200_020 if zero_for_one else 199_980
    obs = observation(balances=balances, tick=200_000, twap_tick=mean)
    draft = plan_change(obs, ladder(200_000), (), settings(), leftover_bps=10)
    step = next(s for s in draft.plan.steps if isinstance(s, Swap))
    price = sqrt_price_at_tick(mean) ** 2 / 2**192
    fair = step.amount_in * (price if zero_for_one else 1 / price)
    assert step.zero_for_one is zero_for_one
    assert step.amount_out_min == pytest.approx(fair * 0.997 * 0.997, rel=1e-9)


@pytest.mark.parametrize("zero_for_one", [True, False])
def test_a_better_spot_than_the_twap_is_not_given_away(zero_for_one: bool) -> None:
    balances = (20_000 * 10**6, 0) if zero_for_one else (0, 10**19)
    mean = 199_920 if zero_for_one else 200_080
    obs = observation(balances=balances, tick=200_000, twap_tick=mean)
    draft = plan_change(obs, ladder(200_000), (), settings(), leftover_bps=10)
    step = next(s for s in draft.plan.steps if isinstance(s, Swap))
    assert step.zero_for_one is zero_for_one
    assert step.amount_out_min == step.expected_out * 9_970 // 10_000


def test_a_swap_below_the_twap_minimum_is_objected_to() -> None:
    obs = observation(balances=(20_000 * 10**6, 0), twap_tick=200_080)
    draft = plan_change(obs, ladder(200_000), (), settings(), leftover_bps=10)
    assert [o.code for o in draft.objections] == ["swap_below_minimum"]


def test_no_twap_no_plan() -> None:
    obs = replace(observation(balances=(10**9, 0)), twaps=())
    draft = plan_change(obs, ladder(200_000), (), settings(), leftover_bps=10)
    assert draft.plan.steps == () and draft.objections[0].code == "twap_missing"


def test_unknown_depth_is_an_objection_not_a_guess() -> None:
    obs = observation(balances=(10**16, 0), pool_liquidity=10**15)
    draft = plan_change(obs, ladder(200_000), (), settings(), leftover_bps=10)
    assert draft.plan.steps == () and draft.objections[0].code == "depth_unknown"


def test_a_pool_that_contradicts_itself_is_an_objection() -> None:
    ghost = Position(7, 199_200, 201_000, 2 * 10**18, 0, 0)  # more liquidity than the pool says is active
    obs = replace(observation(balances=(10**12, 0)), positions=(ghost,))
    draft = plan_change(obs, ladder(200_000), (ghost,), settings(), leftover_bps=10)
    assert draft.plan.steps == () and draft.objections[0].code == "pool_inconsistent"


def test_approvals_are_exact_and_an_equal_one_is_not_repeated() -> None:
    obs = observation(balances=(20_000 * 10**6, 0))
    first = plan_change(obs, ladder(200_000), (), settings(), leftover_bps=10).plan.steps
    amount = first[0].amount  # type: ignore[union-attr]
    assert first[0] == Approve(ADDRESS_0, "router", amount)
    assert amount == next(s for s in first if isinstance(s, Swap)).amount_in
    again = observation(balances=(20_000 * 10**6, 0), allowances=(Allowance(ADDRESS_0, "router", amount),))
    assert plan_change(again, ladder(200_000), (), settings(), leftover_bps=10).plan.steps[0].kind == "swap"


def test_tidy_takes_back_every_allowance() -> None:
    left = (Allowance(ADDRESS_0, "router", 5), Allowance(ADDRESS_1, "positions", 0))
    assert plan_tidy(observation(allowances=left), settings()).steps == (Approve(ADDRESS_0, "router", 0),)


def test_capital_above_the_limit_stays_out() -> None:
    obs = observation(balances=(20_000 * 10**6, 0))
    draft = plan_change(obs, ladder(200_000), (), settings(capital={"max_quote": "5000"}), leftover_bps=10)
    assert draft.plan.value_quote == pytest.approx(5_000 * 10**6, rel=1e-6)


@pytest.mark.parametrize(("balances", "sides"), [((10**10, 0), 1), ((0, 10**18), 1), ((10**10, 5 * 10**18), 2)])
def test_without_swapping_each_token_stands_on_its_own_side(balances: tuple[int, int], sides: int) -> None:
    obs = observation(balances=balances)
    draft = plan_change(obs, ladder(200_000), (), settings(swap={"route": "none"}), leftover_bps=10)
    assert "swap" not in kinds(draft.plan.steps)
    mint = draft.plan.steps[-1]
    assert isinstance(mint, Mint) and len(mint.ranges) == sides
    for item in mint.ranges:
        alone = item.amount_1_desired if item.upper_tick <= 200_000 else item.amount_0_desired
        assert alone > 0 and item.amount_0_desired * item.amount_1_desired == 0
        assert item.upper_tick <= 200_000 or item.lower_tick > 200_000
    assert draft.plan.leftover_quote * 1_000 <= draft.plan.value_quote


@pytest.mark.parametrize(("balances", "count"), [((10**10, 10**12), 1), ((10**4, 10**18), 1), ((10**10, 10**18), 2)])
def test_a_side_that_holds_almost_nothing_gets_no_position(balances: tuple[int, int], count: int) -> None:
    obs = observation(balances=balances)
    draft = plan_change(obs, ladder(200_000), (), settings(swap={"route": "none"}), leftover_bps=10)
    mint = draft.plan.steps[-1]
    assert isinstance(mint, Mint) and len(mint.ranges) == count


def test_a_range_with_no_room_beside_the_price_gets_nothing_there() -> None:
    obs = observation(balances=(10**10, 10**18), tick=200_000)
    below = 200_000 // 60 * 60
    narrow = Ladder("x", (TargetRange(below, below + 60, 1_000_000),), below, below + 60, "")
    draft = plan_change(obs, narrow, (), settings(swap={"route": "none"}), leftover_bps=10)
    assert draft.plan.steps == () and [o.code for o in draft.objections] == ["too_little_to_place"]


def test_a_swap_whose_price_limit_lies_behind_the_price_is_objected_to() -> None:
    """Of so little that what it pays and what it must pay both round to nothing."""
    obs = observation(decimals=(0, 18), tick=414_486, twap_tick=414_485, quote_is_token0=False)
    dust = Fit(False, 2 * 10**15, 0, 0, 0, obs.pool.sqrt_price_x96)
    (*_, swap), objections = swap_steps_for(obs, dust, settings(quote="token1", limits={"max_slippage_bps": 0}))
    assert isinstance(swap, Swap) and swap.amount_out_min == 0
    assert swap.sqrt_price_limit_x96 <= obs.pool.sqrt_price_x96, "the pool would revert"
    assert [o.code for o in objections] == ["swap_below_minimum"]
