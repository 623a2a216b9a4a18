"""What a plan consists of beyond its amounts: order, allowances, deadlines, dust; and the market it is made for."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from keeper.model.decision import Ladder, TargetRange
from keeper.model.observation import Allowance, Position
from keeper.model.plan import Approve, Exit, Mint, Swap
from keeper.model.ticks import sqrt_price_at_tick, tick_at_sqrt_price
from keeper.policy.compound import plan_compound
from keeper.policy.cost import SWAP_GAS, SWAP_GAS_PER_CROSSED_TICK, gas_units
from keeper.policy.decide import decide
from keeper.policy.ratio import charged, market_without, settled
from keeper.policy.rebalance import approvals, plan_change, plan_exit
from keeper.policy.valuation import positions_value, usable_idle
from tests.policy.test_decide import codes, run, strategy
from tests.policy.world import ADDRESS_0, ADDRESS_1, NOW, held, ladder, memory, observation, scene, settings

LEFTOVER = (Allowance(ADDRESS_0, "router", 5), Allowance(ADDRESS_1, "positions", 7))


def test_own_liquidity_leaves_a_tick_that_others_share() -> None:
    own, other = Position(1, -600, 600, 10**16, 0, 0), Position(2, 600, 1_200, 3 * 10**16, 0, 0)
    below = Position(3, -1_200, -600, 10**15, 0, 0)
    obs = observation(tick=0, positions=(own, other, below))
    without = market_without(obs.pool, (own, below))
    assert dict(without.ticks)[600] == 3 * 10**16 and -600 not in dict(without.ticks)
    assert without.liquidity == 10**18  # the one below is not in range: there is nothing of it to take out
    assert market_without(obs.pool, (other,)).liquidity == obs.pool.liquidity
    assert dict(market_without(obs.pool, (below,)).ticks)[-600] == 10**16


@examples(max_examples=200, deadline=None)
@given(
    tick=st.integers(-40_000, 40_000),
    lower=st.integers(-50, 20),
    width=st.integers(1, 60),
    amounts=st.tuples(st.integers(10**15, 10**24), st.integers(10**15, 10**24)),
)
def test_what_is_settled_is_taken_whole(tick: int, lower: int, width: int, amounts: tuple[int, int]) -> None:
    base = tick // 60 * 60
    ends, root = (base + lower * 60, base + (lower + width) * 60), sqrt_price_at_tick(tick) * 1_000_003 // 1_000_000
    whole = settled(*ends, root, *amounts)
    assert charged(*ends, root, *whole) == whole
    assert whole[0] <= amounts[0] and whole[1] <= amounts[1]


@pytest.mark.parametrize("balances", [(20_000 * 10**6, 10**18), (12_345_678, 0), (0, 10**15 + 7)])
def test_a_mint_is_allowed_just_what_it_takes(balances: tuple[int, int]) -> None:
    obs = observation(balances=balances)
    draft = plan_change(obs, ladder(200_000), (), settings(), leftover_bps=10_000)
    mints = [step for step in draft.plan.steps if isinstance(step, Mint)]
    for item in (each for mint in mints for each in mint.ranges):
        offered = item.amount_0_desired, item.amount_1_desired
        assert charged(item.lower_tick, item.upper_tick, obs.pool.sqrt_price_x96, *offered) == offered


@pytest.mark.parametrize("positions", [(), (Position(7, 201_000, 202_200, 1, 0, 0),)])
def test_dust_that_opens_nothing_is_said_and_left(positions: tuple[Position, ...]) -> None:
    obs = observation(balances=(1, 0), positions=positions)
    draft = plan_change(obs, ladder(200_000), positions, settings(), leftover_bps=10)
    assert draft.plan.steps == () and [o.code for o in draft.objections] == ["too_little_to_place"]
    decision = run(obs, memory(*(held(p) for p in positions)))
    assert decision.plan.steps == () and "too_little_to_place" in codes(decision)


def test_no_active_liquidity_at_all_is_no_crash() -> None:
    alone = Position(7, 198_600, 201_360, 10**16, 0, 0)
    obs = observation(positions=(alone,), pool_liquidity=1)
    obs = replace(obs, twaps=(), pool=replace(obs.pool, liquidity=alone.liquidity))
    assert run(obs, memory(held(alone, 199_980, 199_990))).plan.steps == ()
    empty = replace(obs, positions=(), pool=replace(obs.pool, liquidity=0))
    assert "twap_missing" in codes(run(empty)) or run(empty).plan.steps == ()


def test_a_rung_that_gets_nothing_is_not_minted() -> None:
    obs = observation(balances=(2_000_000, 0), decimals=(6, 18))
    far = TargetRange(300_000, 300_060, 1)  # a millionth of two dollars, above the price
    near = TargetRange(198_600, 201_360, 999_999)
    draft = plan_change(obs, Ladder("x", (near, far), 0, 0, ""), (), settings(), leftover_bps=10)
    (mint,) = [step for step in draft.plan.steps if isinstance(step, Mint)]
    assert all(
        charged(r.lower_tick, r.upper_tick, obs.pool.sqrt_price_x96, r.amount_0_desired, r.amount_1_desired) != (0, 0)
        for r in mint.ranges
    )
    assert all(r.amount_0_desired or r.amount_1_desired for r in mint.ranges)


def test_another_allowance_is_taken_back_before_it_is_changed() -> None:
    obs = observation(allowances=LEFTOVER)
    assert approvals(obs, ADDRESS_0, "router", 9) == [Approve(ADDRESS_0, "router", 0), Approve(ADDRESS_0, "router", 9)]
    assert approvals(obs, ADDRESS_0, "router", 5) == [] == approvals(obs, ADDRESS_0, "router", 0)
    assert approvals(obs, ADDRESS_0, "positions", 9) == [Approve(ADDRESS_0, "positions", 9)]
    assert approvals(obs, ADDRESS_1, "router", 9) == [Approve(ADDRESS_1, "router", 9)]


def test_an_exit_burns_and_then_takes_the_allowances_back() -> None:
    position = Position(7, 198_600, 201_000, 10**17, 5, 6)
    plan = plan_exit(observation(positions=(position,), allowances=LEFTOVER), (position,), settings()).plan
    first, *others = plan.steps
    assert isinstance(first, Exit) and first.withdrawals[0].burn and first.withdrawals[0].liquidity == 10**17
    assert others == [Approve(ADDRESS_0, "router", 0), Approve(ADDRESS_1, "positions", 0)]
    assert plan.next_steps == (first,)


def test_a_plan_lives_as_long_as_it_is_allowed() -> None:
    position = Position(7, 198_600, 201_000, 10**17, 0, 0)
    obs = observation(positions=(position,), balances=(10**9, 0))
    given = settings(limits={"plan_lifetime_seconds": 77})
    assert plan_exit(obs, (position,), given).plan.deadline_timestamp == NOW + 77
    assert plan_change(obs, ladder(200_000), (), given, leftover_bps=10).plan.deadline_timestamp == NOW + 77


def test_a_swap_pays_gas_for_every_tick_it_crosses() -> None:
    walls = tuple(Position(n, 199_920 - 60 * n, 200_100 + 60 * n, 10**15, 0, 0) for n in range(3))
    obs = observation(balances=(4 * 10**12, 0), positions=walls, pool_liquidity=10**18)
    plan = plan_change(obs, ladder(200_000), (), settings(), leftover_bps=10).plan
    swap = next(step for step in plan.steps if isinstance(step, Swap))
    crossed = len(market_without(obs.pool, ()).sell(swap.zero_for_one, swap.amount_in).crossed_ticks)
    assert crossed >= 1
    others = sum(gas_units(step) for step in plan.steps if step is not swap)
    assert plan.cost.gas_units - others == SWAP_GAS + SWAP_GAS_PER_CROSSED_TICK * crossed


@pytest.mark.parametrize("balances", [(9_000_000 * 10**6, 0), (0, 4_000 * 10**18), (3_000_000 * 10**6, 10**21)])
def test_the_ladder_is_centred_on_the_price_that_the_swap_leaves(balances: tuple[int, int]) -> None:
    obs = observation(balances=balances, spacing=10, pool_liquidity=2 * 10**18)
    made = decide(strategy(limits={"max_price_impact_bps": 1_000, "max_slippage_bps": 1_000}), obs, memory())
    swap = next(step for step in made.plan.steps if isinstance(step, Swap))
    after = market_without(obs.pool, ()).sell(swap.zero_for_one, swap.amount_in).sqrt_price_x96
    moved = replace(obs, pool=replace(obs.pool, sqrt_price_x96=after, tick=tick_at_sqrt_price(after)))
    assert moved.pool.tick != obs.pool.tick
    wanted = strategy().range_rule.choose(scene(moved, made.forecast.sigma_annual or 0.0))
    assert made.target is not None and wanted is not None
    # To within one spacing: there may be no ladder whose own swap leaves the price at which the rule asks for it.
    for one, two in zip(made.target.ranges, wanted.ranges, strict=True):
        assert abs(one.lower_tick - two.lower_tick) <= 10 and abs(one.upper_tick - two.upper_tick) <= 10


@pytest.mark.parametrize(("cap", "part"), [("5000", 0.5), ("20000", 1.0), ("10000", 1.0), ("0.000001", 1e-10)])
def test_capital_is_cut_in_proportion(cap: str, part: float) -> None:
    root = observation().pool.sqrt_price_x96
    other = 5_000 * 10**6 * root**2 // 2**192
    obs = observation(balances=(5_000 * 10**6, other))
    used = usable_idle(obs, (), settings(capital={"max_quote": cap}).capital.max_quote)
    assert used[0] == pytest.approx(obs.wallet.balance_0 * part, abs=1)
    assert used[1] == pytest.approx(other * part, rel=1e-6, abs=10**12)


def test_what_the_positions_hold_counts_against_the_capital() -> None:
    position = Position(7, 198_600, 201_000, 10**16, 10**6, 0)
    obs = observation(positions=(position,), balances=(10**10, 0))
    worth = positions_value(obs, (position,))
    limit = settings(capital={"max_quote": str((worth + 3_000 * 10**6) / 10**6)}).capital.max_quote
    idle = usable_idle(obs, (position,), limit)
    assert idle[0] == pytest.approx(3_000 * 10**6, abs=2) and idle[1] == 0
    full = settings(capital={"max_quote": "1"}).capital.max_quote
    assert usable_idle(obs, (position,), full) == (0, 0)


def test_compounding_needs_room_under_the_limit() -> None:
    position = Position(7, 198_600, 201_000, 10**17, 60 * 10**6, 2 * 10**16)
    obs = observation(positions=(position,), base_fee_wei=1)
    principal = positions_value(obs, (replace(position, uncollected_0=0, uncollected_1=0),)) / 10**6

    def draft(room: float) -> object:
        given = settings(compound={"min_fees_quote": "50"}, capital={"max_quote": f"{principal + room:.6f}"})
        return plan_compound(obs, (position,), (held(position),), given)

    assert draft(49) is None and draft(51) is not None
