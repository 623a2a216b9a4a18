"""The gas-adjusted check against the closed forms of a driftless walk, and against itself."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from keeper.model.decision import Ladder, TargetRange
from keeper.model.observation import Observation, Position
from keeper.model.plan import Cost, Plan
from keeper.policy import profit
from keeper.policy.activity import Activity
from keeper.policy.ladder import LOG_TICK
from keeper.policy.profit import _in_range_share, outlook
from keeper.policy.rebalance import plan_change
from keeper.policy.settings import Profit
from tests.policy.world import forecast, observation, settings

GENEROUS = Profit(haircut=1, hurdle=0, max_g_per_year=100)


@pytest.mark.parametrize(
    ("a", "b", "trigger_down", "trigger_up"),
    [
        (0.1, 0.1, 0.1, 0.1),
        (0.03, 0.3, 0.2, 0.5),
        (0.2, 0.05, 0.1, 0.4),
        (0.3, 0.3, 0.05, 0.07),
        (0.01, 0.02, 0.9, 0.6),
    ],
)
def test_time_in_range_is_that_of_greens_function(a: float, b: float, trigger_down: float, trigger_up: float) -> None:
    """T_in = ∫G over the range and E[τ] = ta·tb/σ², both by numerical quadrature of G for m = 0."""
    sigma, steps = 0.7, 40_000
    width = trigger_down + trigger_up

    def green(y: float) -> float:
        return (min(0.0, y) + trigger_down) * (trigger_up - max(0.0, y)) / width * 2 / sigma**2

    points = [-trigger_down + width * (i + 0.5) / steps for i in range(steps)]
    expected_tau = sum(green(y) for y in points) * width / steps
    time_in = sum(green(y) for y in points if -a <= y <= b) * width / steps
    assert expected_tau == pytest.approx(trigger_down * trigger_up / sigma**2, rel=1e-6)
    assert _in_range_share(-a, b, trigger_down, trigger_up) == pytest.approx(time_in / expected_tau, rel=1e-3)


@pytest.mark.parametrize(("a", "t"), [(0.1, 0.1), (0.1, 0.15), (0.05, 0.5)])
def test_symmetric_time_in_range_has_its_closed_form(a: float, t: float) -> None:
    """T_in = (2at − a²)/σ² for t ≥ a, and E[τ] = t²/σ²."""
    assert _in_range_share(-a, a, t, t) == pytest.approx((2 * a * t - a * a) / t**2, rel=1e-12)


def test_a_range_beside_the_price_is_in_range_only_once_the_price_gets_there() -> None:
    whole = _in_range_share(-0.1, 0.1, 0.1, 0.1)
    assert whole == pytest.approx(1.0)
    up, down = _in_range_share(0.02, 0.1, 0.1, 0.1), _in_range_share(-0.1, -0.02, 0.1, 0.1)
    assert up == pytest.approx(down) == pytest.approx(0.08**2 / 2 * 0.1 / 0.001)
    assert _in_range_share(0.2, 0.3, 0.1, 0.1) == 0.0


def drafted(obs: Observation, target: Ladder, **changes: object) -> Plan:
    return plan_change(obs, target, (), settings(**changes), leftover_bps=10).plan


def free(plan: Plan) -> Plan:
    return replace(plan, cost=Cost(0, 0, 0, 0))


def around(down: int, up: int, trigger_down: int, trigger_up: int, tick: int = 0) -> Ladder:
    return Ladder(
        "fixed", (TargetRange(tick - down, tick + up, 1_000_000),), tick - trigger_down, tick + trigger_up, ""
    )


@pytest.mark.parametrize(("a_ticks", "t_ticks"), [(300, 300), (300, 600), (600, 900)])
def test_gain_has_its_closed_form(a_ticks: int, t_ticks: int) -> None:
    """g = N(2t − a)/t² − cσ²/t² per unit of value to first order in a, for t ≥ a (0.8 % off at a = 0.03)."""
    obs = observation(tick=0, fee_pips=500, decimals=(18, 18), pool_liquidity=10**30, balances=(10**20, 10**20))
    plan = drafted(obs, around(a_ticks, a_ticks, t_ticks, t_ticks), capital={"max_quote": "1e30"})
    phi, sigma = 0.5, 0.6
    view = outlook(
        obs,
        obs,
        forecast(sigma),
        Activity(phi, 0.0, 100),
        (),
        around(a_ticks, a_ticks, t_ticks, t_ticks),
        plan,
        GENEROUS,
    )
    a, t = a_ticks * LOG_TICK, t_ticks * LOG_TICK
    cost = plan.cost.total_quote / plan.value_quote
    expected = (phi - sigma**2 / 4) * (2 * t - a) / t**2 - cost * sigma**2 / t**2
    assert view.target_g_quote / plan.value_quote == pytest.approx(expected, rel=0.02)


def test_the_cost_of_coming_again_is_charged_by_the_time_to_the_trigger() -> None:
    obs = observation(tick=0, fee_pips=500, decimals=(18, 18), pool_liquidity=10**30, balances=(10**20, 10**20))
    target = around(600, 600, 600, 900)
    plan = drafted(obs, target, capital={"max_quote": "1e30"})
    dear = replace(plan, cost=replace(plan.cost, gas_quote=plan.cost.gas_quote + 10**18, swap_fee_quote=10**17,
                                      price_impact_quote=10**16))  # fmt: skip
    cheap = replace(plan, cost=replace(plan.cost, swap_fee_quote=0, price_impact_quote=0))

    def gain(which: Plan) -> float:
        return outlook(obs, obs, forecast(0.6), Activity(0.5, 0.0, 9), (), target, which, GENEROUS).target_g_quote

    charged = (10**18 + 10**17 + 10**16) * 0.36 / (600 * LOG_TICK * 900 * LOG_TICK)
    assert gain(cheap) - gain(dear) == pytest.approx(charged, rel=1e-9)


@pytest.mark.parametrize("quote_is_token0", [True, False])
def test_the_same_market_is_worth_the_same_from_either_side(quote_is_token0: bool) -> None:
    obs = observation(tick=0, quote_is_token0=quote_is_token0, decimals=(18, 18), pool_liquidity=10**24,
                      balances=(10**20, 10**20), base_fee_wei=0)  # fmt: skip
    target = around(600, 600, 600, 600)
    view = outlook(obs, obs, forecast(), Activity(0.5, 0.0, 9), (), target, drafted(obs, target), GENEROUS)
    depth = 2 * 10**20 / (2 - 2 * math.exp(-600 * LOG_TICK / 2))
    expected = (0.5 * 10**24 / (10**24 + depth) - 0.09) * depth
    cost = drafted(obs, target).cost.total_quote * 0.36 / (600 * LOG_TICK) ** 2
    assert view.target_g_quote == pytest.approx(expected - cost, rel=1e-3)


def test_own_liquidity_dilutes_the_fees_once_in_all_its_overlapping_ranges() -> None:
    obs = observation(tick=0, decimals=(18, 18), pool_liquidity=10**21, balances=(10**20, 10**20), base_fee_wei=0)
    one = around(600, 600, 600, 600)
    two = replace(one, ranges=(replace(one.ranges[0], share_ppm=500_000),) * 2)
    gains = [
        outlook(
            obs, obs, forecast(), Activity(0.5, 0.0, 9), (), each, free(drafted(obs, each)), GENEROUS
        ).target_g_quote
        for each in (one, two)
    ]
    assert gains[0] == pytest.approx(gains[1], rel=1e-9)


def test_without_a_swap_only_what_is_really_placed_earns() -> None:
    obs = observation(tick=0, decimals=(18, 18), pool_liquidity=10**24, balances=(10**20, 0), base_fee_wei=0)
    target = around(600, 600, 600, 600)
    placed = free(drafted(obs, target, swap={"route": "none"}))
    view = outlook(obs, obs, forecast(), Activity(0.5, 0.0, 9), (), target, placed, GENEROUS)
    # Token0 alone stands from 60 to 600 ticks above the price.
    low, high = 60 * LOG_TICK, 600 * LOG_TICK
    depth = 10**20 / (math.exp(-low / 2) - math.exp(-high / 2))
    share = (high - low) ** 2 / 2 * high / high**3
    expected = (0.5 * 10**24 / (10**24 + depth) - 0.09) * depth * share
    assert view.target_g_quote == pytest.approx(expected, rel=1e-6)


def test_gain_is_capped_and_a_plan_of_nothing_gains_nothing() -> None:
    obs = observation(tick=0, decimals=(18, 18), pool_liquidity=10**24, balances=(10**20, 10**20), base_fee_wei=0)
    target = around(60, 60, 600, 600)
    plan = drafted(obs, target)
    capped = Profit(haircut=1, hurdle=0, max_g_per_year=0.25)
    view = outlook(obs, obs, forecast(), Activity(5.0, 0.0, 9), (), target, plan, capped)
    assert view.target_g_quote == pytest.approx(plan.value_quote * 0.25)
    empty = Plan("hold", (), 0, 0, 0, plan.cost)
    assert outlook(obs, obs, forecast(), Activity(5.0, 0.0, 9), (), target, empty, capped).target_g_quote == 0.0


def test_the_carry_of_what_is_held_counts_only_in_range_and_after_the_haircut() -> None:
    inside, outside = Position(1, -600, 600, 10**20, 0, 0), Position(2, 600, 1_200, 10**20, 0, 0)
    obs = observation(tick=0, positions=(inside, outside), decimals=(18, 18))
    plan = Plan("hold", (), 0, 0, 0, drafted(replace(obs, wallet=replace(obs.wallet, balance_0=10**15)),
                                             around(600, 600, 600, 600)).cost)  # fmt: skip
    view = outlook(
        obs, obs, forecast(), Activity(0.5, 0.03, 9), (inside, outside), None, plan, Profit(haircut=0.5, hurdle=2)
    )
    assert view.net_intensity == pytest.approx(0.5 * (0.5 - 0.09))
    assert view.carry_now_quote == pytest.approx(view.net_intensity * 10**20)
    # The error of sigma²/4 is sigma·se/2; both errors are independent; the hurdle is twice their haircut part.
    assert view.net_standard_error == pytest.approx(2 * 0.5 * math.hypot(0.03, 0.6 * 0.02 / 2))
    edge = replace(obs, pool=replace(obs.pool, tick=600))
    after = outlook(edge, edge, forecast(), Activity(0.5, 0.03, 9), (inside,), None, plan, Profit())
    assert after.carry_now_quote == 0.0  # the upper tick is outside


def view(**changes: float) -> profit.Outlook:
    return replace(profit.Outlook(0.6, 0.5, 0.4, 0.1, 0.0, 1_000.0, 0.5), **changes)


def costing(gas: int, fee: int = 0, impact: int = 0) -> Plan:
    plan = drafted(observation(balances=(10**9, 10**17)), around(600, 600, 600, 600, tick=200_040))
    return replace(plan, cost=replace(plan.cost, gas_quote=gas, swap_fee_quote=fee, price_impact_quote=impact))


def test_entering_must_earn_the_gas_twice_and_the_swap_once() -> None:
    assert profit.objection_to_enter(view(), costing(200, 60, 39)) is None
    against = profit.objection_to_enter(view(), costing(200, 60, 40))
    assert against is not None and [f.value for f in against.figures] == [500.0, 500]


def test_rebalancing_must_earn_kappa_times_its_cost_beyond_what_staying_earns() -> None:
    plan = costing(100, 40, 9)
    assert profit.objection_to_rebalance(view(carry_now_quote=400.0), plan, 2.0) is None
    assert profit.objection_to_rebalance(view(carry_now_quote=404.0), plan, 2.0) is not None
    assert profit.objection_to_rebalance(view(carry_now_quote=404.0), plan, 1.9) is None


def test_leaving_must_save_the_gas_of_going_and_coming_back() -> None:
    assert profit.objection_to_leave(view(carry_now_quote=-401.0), costing(100)) is None
    assert profit.objection_to_leave(view(carry_now_quote=-400.0), costing(100)) is not None


def test_providing_must_exceed_the_hurdle() -> None:
    assert view(net_intensity=0.11).worth_providing
    assert not view(net_intensity=0.1).worth_providing
