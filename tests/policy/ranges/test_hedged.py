"""The hedged rule: the narrowest range that pays, and a short that leaves no direction in it."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from keeper.model.decision import Ladder, TargetRange
from keeper.model.observation import Observation
from keeper.model.plan import Hedge
from keeper.model.ticks import sqrt_price_at_tick
from keeper.policy.hedging import base_held_raw, fallen_sqrt_price_x96, hedge_of, with_liquidity
from keeper.policy.ladder import LOG_TICK
from keeper.policy.ranges import hedged
from keeper.policy.scene import NoRange, Scene
from keeper.policy.valuation import value_in_quote
from tests.policy.ranges.worlds import at, ticks, triggers
from tests.policy.world import carry, scene

ORDERS = pytest.mark.parametrize("quote_is_token0", [False, True])
Q96 = 1 << 96
LADDER = (TargetRange(-600, 600, 700_000), TargetRange(-1_200, 1_800, 200_000), TargetRange(60, 900, 100_000))


def place(asked: Scene, **changes: Any) -> Ladder:
    chosen = hedged.build(hedged.Settings(**changes)).choose(asked)
    assert isinstance(chosen, Ladder) and chosen.hedge is not None
    return chosen


def figure(ladder: Ladder, name: str) -> Any:
    return next(each.value for each in ladder.figures if each.name == name)


def size(seen: Observation, ranges: tuple[TargetRange, ...], capital: int) -> Hedge:
    made = hedge_of(seen, ranges, capital, 2.0)
    assert made is not None
    return made


def exact_value(seen: Observation, ranges: tuple[TargetRange, ...], capital: int, root: Fraction) -> Fraction:
    """Worth in raw quote units of the ranges at another sqrt price (token1 per token0), by the formulas, in fractions.
    Liquidity is what ``capital`` buys at the observed price."""

    def unit(each: TargetRange, at_root: Fraction) -> tuple[Fraction, Fraction]:
        low, high = (Fraction(sqrt_price_at_tick(tick), Q96) for tick in (each.lower_tick, each.upper_tick))
        clipped = min(max(at_root, low), high)
        return 1 / clipped - 1 / high, clipped - low

    def in_quote(amounts: tuple[Fraction, Fraction], at_root: Fraction) -> Fraction:
        zero, one = amounts
        return zero + one / at_root**2 if seen.quote_is_token0 else one + zero * at_root**2

    now = Fraction(seen.pool.sqrt_price_x96, Q96)
    return sum(
        (
            capital
            * Fraction(each.share_ppm, 10**6)
            / in_quote(unit(each, now), now)
            * in_quote(unit(each, root), root)
            for each in ranges
        ),
        Fraction(0),
    )


@ORDERS
@pytest.mark.parametrize("tick", [-3, 33, 571])
def test_the_short_is_the_slope_of_the_value(quote_is_token0: bool, tick: int) -> None:
    """dV/dS by finite difference of the exact value, not by the formula for what is held."""
    seen, capital = at(tick, 1, quote_is_token0=quote_is_token0), 10**24
    now = Fraction(seen.pool.sqrt_price_x96, Q96)
    step = Fraction(1, 10**9)
    up, down = (exact_value(seen, LADDER, capital, now * (1 + sign * step)) for sign in (1, -1))
    price_up, price_down = ((now * (1 + sign * step)) ** 2 for sign in (1, -1))
    if quote_is_token0:
        price_up, price_down = 1 / price_up, 1 / price_down
    slope = float((up - down) / (price_up - price_down))
    assert size(seen, LADDER, capital).short_base_raw == pytest.approx(slope, rel=1e-8)


@ORDERS
@examples(max_examples=60, deadline=None)
@given(
    tick=st.integers(-80_000, 80_000),
    spacing=st.sampled_from([1, 10, 60]),
    capital=st.integers(0, 10**30),
    phi=st.floats(0.1, 3),
)
def test_no_direction_is_left(quote_is_token0: bool, tick: int, spacing: int, capital: int, phi: float) -> None:
    seen = at(tick, spacing, quote_is_token0=quote_is_token0)
    chosen = place(replace(scene(seen, carry=carry(0.6, phi)), capital_quote=capital))
    held = with_liquidity(seen, chosen.ranges, capital)
    assert chosen.hedge is not None
    delta = base_held_raw(held, seen.pool.sqrt_price_x96, quote_is_token0)
    assert abs(delta - chosen.hedge.short_base_raw) <= 1
    # and it is the capital that this liquidity is worth: to a unit of each token, and one of liquidity
    ((each, liquidity),) = held
    ends = sqrt_price_at_tick(each.lower_tick), sqrt_price_at_tick(each.upper_tick)
    root = seen.pool.sqrt_price_x96
    base = Fraction(liquidity * Q96 * (ends[1] - root), root * ends[1])
    quote = Fraction(liquidity * (root - ends[0]), Q96)
    if quote_is_token0:
        base, quote = quote, base
    assert abs(base - chosen.hedge.short_base_raw) <= 1
    price = Fraction(root, Q96) ** 2
    worth = quote + base * (1 / price if quote_is_token0 else price)
    assert abs(worth - capital) <= 2 + worth / 10**6 + worth / max(liquidity, 1)


@ORDERS
def test_gamma_is_what_a_fall_of_one_per_cent_brings(quote_is_token0: bool) -> None:
    seen, capital = at(0, 1, quote_is_token0=quote_is_token0), 10**24
    one = (TargetRange(-2_000, 2_000, 1_000_000),)
    made = size(seen, one, capital)
    # V = L·(2 − 2·e^(−0.1)) at S = 1, where a range of ±2,000 ticks is ±0.2 in ln S; x = L·(1/√S − e^(−0.1)).
    edge = math.exp(-1_000 * LOG_TICK)
    liquidity = capital / (2 - 2 * edge)
    assert made.short_base_raw == pytest.approx(liquidity * (1 - edge), rel=1e-9)
    assert made.gamma_base_raw_per_pct == pytest.approx(liquidity * (0.99**-0.5 - 1), rel=1e-9)
    # the formula gamma = −L/(2·S^1.5) is its slope: half a per cent of L for one per cent, to the first order
    assert made.gamma_base_raw_per_pct == pytest.approx(liquidity * 0.5 * 0.01, rel=0.01)
    assert made.reset_pct == 2.0


@ORDERS
def test_a_fall_of_one_per_cent_is_one_in_the_quote_price(quote_is_token0: bool) -> None:
    fallen = fallen_sqrt_price_x96(Q96 * 5, quote_is_token0)
    ratio = (fallen / (Q96 * 5)) ** 2
    assert (1 / ratio if quote_is_token0 else ratio) == pytest.approx(0.99, rel=1e-12)


@ORDERS
def test_outside_its_range_a_ladder_is_all_of_one_token(quote_is_token0: bool) -> None:
    seen = at(0, 10, quote_is_token0=quote_is_token0)
    all_token0 = size(seen, (TargetRange(10, 500, 1_000_000),), 10**20)
    all_token1 = size(seen, (TargetRange(-500, 0, 1_000_000),), 10**20)
    all_base, all_quote = (all_token1, all_token0) if quote_is_token0 else (all_token0, all_token1)
    assert all_quote.short_base_raw == 0
    assert value_in_quote(
        *((0, all_base.short_base_raw) if quote_is_token0 else (all_base.short_base_raw, 0)),
        seen.pool.sqrt_price_x96,
        quote_is_token0,
    ) == pytest.approx(10**20, rel=1e-9)


def test_the_floor_holds_where_it_pays() -> None:
    chosen = place(scene(at(0, 1), carry=carry(0.6, 0.3)), min_width_pct=3)
    assert ticks(chosen) == [(-296, 296)] == [triggers(chosen)]
    assert "your floor" in chosen.reason


def test_the_width_is_where_the_gain_begins() -> None:
    """With the trigger at the edge a range pays from a* = cσ²/N on, c = γ + s/2, to the first order in a."""
    asked = scene(at(0, 1), carry=carry(0.6, 0.13), gas_fraction=0.0005, swap_cost=0.003, dilution=1e-9)
    begins = (0.0005 + 0.003 / 2) * 0.36 / (0.13 - 0.09)
    chosen = place(asked, min_width_pct=0.1, hedge_cost_pct_per_year=0)
    assert figure(chosen, "width_log") == pytest.approx(begins, rel=0.02)
    assert 0 < figure(chosen, "g_after_hedge_per_year") < 0.1


def test_a_dearer_hedge_and_a_higher_bar_ask_for_a_wider_range() -> None:
    asked = scene(at(0, 1), carry=carry(0.6, 0.13), dilution=1e-9)

    def width(**changes: float) -> float:
        return float(figure(place(asked, min_width_pct=0.1, **changes), "width_log"))

    free, dear = width(hedge_cost_pct_per_year=0), width(hedge_cost_pct_per_year=40)
    assert free < dear < width(hedge_cost_pct_per_year=40, min_g_pct_per_year=30)
    chosen = place(asked, min_width_pct=0.1, hedge_cost_pct_per_year=40)
    assert figure(chosen, "hedge_cost_per_year") == pytest.approx(0.2, rel=0.01), "half of it is sold short"
    left = figure(chosen, "g_per_year") - figure(chosen, "hedge_cost_per_year")
    assert figure(chosen, "g_after_hedge_per_year") == pytest.approx(left)


def test_where_nothing_pays_there_is_no_range() -> None:
    for phi in (0.05, 0.0901):
        refused = hedged.build(hedged.Settings()).choose(scene(at(0), carry=carry(0.6, phi)))
        assert isinstance(refused, NoRange) and "no width" in refused.reason
        assert refused.figures[0].value < 0  # type: ignore[operator]


def test_more_than_a_pool_can_hold_is_refused() -> None:
    refused = hedged.build(hedged.Settings()).choose(replace(scene(at(0), carry=carry(0.6, 1.0)), capital_quote=10**60))
    assert isinstance(refused, NoRange) and "than the pool can hold" in refused.reason
