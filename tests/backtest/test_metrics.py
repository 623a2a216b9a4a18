"""Every figure of a comparison against one worked out by hand."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from itertools import pairwise
from statistics import stdev

import pytest

from keeper.backtest.metrics import (
    DAY_SECONDS,
    DEFINITIONS,
    Metrics,
    Step,
    daily,
    deposited_return,
    metrics,
    steps_of,
    worth_path,
)
from keeper.backtest.metrics_beside import hedged_steps, hodl_steps
from keeper.model.liquidity import position_amounts
from keeper.model.observation import Position
from keeper.report import ProfitAndLoss
from tests.backtest.comparing import account, seen, still

YEAR = 365.25


def of(series: list[ProfitAndLoss]) -> Metrics:
    return metrics(steps_of(still(series), series), 0.0, 0.0)


def test_rates_of_ten_days_by_hand() -> None:
    """Worth 1.0, 1.1, 0.99, ten days on 1.045 million, less gas; fees in both tokens at a price of one."""
    series = [
        account(0, 1_000_000),
        account(1, 1_100_000, fees_0=600, fees_1=400, lvr=300, swap_cost=50, gas=150, seconds_in_range=DAY_SECONDS),
        account(2, 990_000, fees_0=1_600, fees_1=500, lvr=1_300, swap_cost=50, gas=150, rebalances=1,
                seconds_in_range=DAY_SECONDS),
        account(10, 1_045_000, fees_0=2_600, fees_1=600, lvr=2_000, swap_cost=150, gas=450, rebalances=3,
                seconds_in_range=4 * DAY_SECONDS),
    ]  # fmt: skip
    found = of(series)
    worths = (1_000_000, 1_099_850, 989_850)
    fee = 1_000 / worths[0] + 1_100 / worths[1] + 1_100 / worths[2]
    lvr = 300 / worths[0] + 1_000 / worths[1] + 700 / worths[2]
    cost = 200 / worths[0] + 400 / worths[2]
    assert found.days == 10
    assert found.fee_apr_pct == pytest.approx(100 * fee * YEAR / 10)
    assert found.lvr_apr_pct == pytest.approx(100 * lvr * YEAR / 10)
    assert found.alpha_apr_pct == pytest.approx(100 * (fee - lvr - cost) * YEAR / 10)
    assert found.costs_pct == pytest.approx(100 * cost)
    assert found.total_pct == pytest.approx(100 * (1_044_550 / 1_000_000 - 1))
    assert found.total_apr_pct == pytest.approx(4.455 * YEAR / 10)
    assert (found.fees_quote, found.lvr_quote, found.costs_quote, found.alpha_quote) == (3_200, 2_000, 600, 600)
    assert found.rebalances == 3 and found.rebalances_per_week == pytest.approx(2.1)
    assert found.max_drawdown_pct == pytest.approx(100 * (1 - 989_850 / 1_099_850))
    assert found.in_range_pct == pytest.approx(40)


def test_fees_are_valued_at_the_price_after_they_were_earned() -> None:
    """A hundred base tokens at a price of 4, then as many at 9: what the first became does not count as fees."""
    series = [account(0, 10_000, 10_000), account(1, 10_000, fees_0=100), account(2, 10_000, fees_0=200)]
    observations = [seen(0, 1.0), seen(1, 2.0), seen(2, 3.0)]
    assert [step.fees for step in steps_of(observations, series)] == [400, 900]


def test_deviation_and_sharpe_of_daily_logs() -> None:
    values = [1_000_000, 1_010_000, 1_005_000, 1_030_000, 1_020_000, 1_040_000, 1_035_000, 1_060_000, 1_050_000]
    series = [account(day, value) for day, value in enumerate(values)]
    logs = [math.log(after / before) for before, after in pairwise(values)]
    found = of(series)
    assert found.std_annual_pct == pytest.approx(100 * stdev(logs) * math.sqrt(365))
    assert found.sharpe == pytest.approx(sum(logs) / 8 * 365 / (stdev(logs) * math.sqrt(365)))
    assert daily(steps_of(still(series), series)).log_returns == pytest.approx(tuple(logs))


def test_hours_of_a_day_are_one_return_and_a_part_of_a_day_is_none() -> None:
    """Nine and a half days of hours: nine daily returns, the stroke of a day belonging to the day that ends."""
    series = [account(hour / 24, 1_000_000 + 1_000 * hour) for hour in range(9 * 24 + 13)]
    found = daily(steps_of(still(series), series))
    assert len(found) == 9
    assert found.log_returns[0] == pytest.approx(math.log(1.024))
    assert found.log_returns[8] == pytest.approx(math.log((1_000 + 216) / (1_000 + 192)))


@pytest.mark.parametrize("flow", [500_000, -300_000])
def test_the_owners_money_is_no_return(flow: int) -> None:
    """Ten per cent before and ten per cent after: 21 %, whatever came or went between."""
    series = [
        account(0, 1_000_000),
        account(5, 1_100_000),
        account(10, round((1_100_000 + flow) * 1.1), net_deposits=flow),
    ]
    assert of(series).total_pct == pytest.approx(21)


def test_a_period_too_short_for_rates_has_none() -> None:
    short = of([account(day, 1_000_000 + 10_000 * day, fees_0=100 * day) for day in range(7)])
    assert {name for name in (field.name for field in fields(Metrics)) if getattr(short, name) is None} == {
        "fee_apr_pct", "lvr_apr_pct", "alpha_apr_pct", "total_apr_pct", "hodl_lp_apr_pct", "rebalances_per_week",
        "std_annual_pct", "sharpe",
    }  # fmt: skip
    assert short.total_pct == pytest.approx(6)
    week = of([account(day, 1_000_000 + 10_000 * day) for day in range(8)])
    assert week.total_apr_pct == pytest.approx(7 * YEAR / 7) and week.sharpe is not None


def test_a_worth_that_never_moves_has_no_sharpe_and_one_that_is_lost_no_logarithm() -> None:
    flat = of([account(day, 1_000_000) for day in range(9)])
    assert (flat.sharpe, flat.std_annual_pct, flat.max_drawdown_pct, flat.total_pct) == (None, 0.0, 0.0, 0.0)
    lost = of([account(day, 1_000_000 if day < 5 else 10, gas=0 if day < 5 else 20) for day in range(9)])
    assert lost.max_drawdown_pct >= 100 and lost.sharpe is not None and lost.sharpe < 0


def test_less_than_two_observations_are_no_series() -> None:
    with pytest.raises(ValueError, match="make no series"):
        steps_of(still([account(0, 1)]), [account(0, 1)])
    with pytest.raises(ValueError, match="make no series"):
        steps_of(still([account(0, 1)]), [account(0, 1), account(1, 1)])


def test_holding_is_read_off_the_accounts() -> None:
    series = [
        account(0, 1_000_000),
        account(4, 1, hodl_half_change=50_000, hodl_base_change=100_000),
        account(8, 1, hodl_half_change=-100_000, hodl_base_change=-200_000, net_deposits=0),
    ]
    half, base = hodl_steps(series, "half"), hodl_steps(series, "base")
    assert worth_path(half).tolist() == pytest.approx([1, 1.05, 0.9])
    assert worth_path(base).tolist() == pytest.approx([1, 1.1, 0.8])
    assert metrics(base, 0, 0).max_drawdown_pct == pytest.approx(100 * (1 - 0.8 / 1.1))
    paid_in = [*series, account(9, 1, net_deposits=100_000, hodl_half_change=-110_000)]
    assert worth_path(hodl_steps(paid_in, "half"))[-1] == pytest.approx(0.9 * 990 / 1_000)


def test_a_hedge_leaves_alpha_less_its_cost() -> None:
    """All of the worth in base: the short costs 5 % a year of it, 500 over a fifth of a year at a price of one."""
    step = Step(0, 6_311_520, 50_000, 99_999, fees=900, lvr=300, costs=100)
    later = replace(step, start_timestamp=step.timestamp, timestamp=2 * step.timestamp)
    seen_at = [seen(0, base=50_000), seen(73.05, base=100_000, root=1.0), seen(146.1)]
    first, second = hedged_steps(seen_at, [step, later], 50_000)
    assert (first.worth_before, first.worth_after, first.costs) == (50_000, 50_000 + 500 - 500, 600)
    assert second.worth_after == second.worth_before + 500 - 1_000
    assert second.fees == 900


@pytest.mark.parametrize("quote_is_token0", [False, True])
def test_kept_tokens_are_those_of_the_first_position(quote_is_token0: bool) -> None:
    """At a price of one; it doubles twice. What waited in the wallet does not count, nor the time before."""
    position = Position(1, -20_000, 20_000, 10**12, 0, 0)
    start = seen(0, quote=5, base=7, quote_is_token0=quote_is_token0)
    entered = seen(2, quote=5, base=7, positions=(position,), quote_is_token0=quote_is_token0)
    end = seen(12, 2.0, quote=99, quote_is_token0=quote_is_token0)
    pool = entered.pool
    put_in = position_amounts(pool.sqrt_price_x96, pool.tick, -20_000, 20_000, 10**12, round_up=False)
    base, quote = (put_in[1], put_in[0]) if quote_is_token0 else put_in
    kept, days = deposited_return([start, entered, end])
    assert kept == pytest.approx((4 * base + quote) / (base + quote) - 1, rel=1e-9) and days == 10
    never, whole = deposited_return([start, end])
    assert never == pytest.approx((5 + 4 * 7) / 12 - 1, abs=0.1) and whole == 12


def test_every_column_is_defined_in_words() -> None:
    assert set(DEFINITIONS) >= {"Fee APR", "HODL LP assets", "Total APR", "alpha", "LVR", "rebalances/week", "STD",
                                "Sharpe", "max drawdown", "in range", "costs"}  # fmt: skip
    assert all(words.endswith(".") for words in DEFINITIONS.values())
