"""Minimum amounts: what is honest passes, what is not does not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from keeper.model.liquidity import amounts_on_burn, amounts_to_mint, liquidity_for_amounts
from keeper.model.observation import Position
from keeper.model.ticks import MAX_TICK, MIN_TICK, sqrt_price_at_tick
from keeper.policy.bounds import bounded_swap, minimums_on_burn, minimums_to_add, twap_band
from keeper.policy.price_guards import short_twap_objection as price_objection
from tests.policy.world import observation, settings

LIMITS = settings().limits
WIDTH = LIMITS.max_twap_deviation_ticks


@examples(max_examples=200, deadline=None)
@given(
    mean=st.integers(-300_000, 300_000),
    away=st.integers(-WIDTH, WIDTH),
    within=st.integers(0, 10**9 - 1),
    lower=st.integers(-40, 10),
    width=st.integers(1, 60),
)
def test_every_price_that_the_guard_lets_through_meets_the_minimums(
    mean: int, away: int, within: int, lower: int, width: int
) -> None:
    """A tick stands for all prices up to the next one, the highest of the band among them."""
    tick = mean + away
    low, high = sqrt_price_at_tick(tick), sqrt_price_at_tick(tick + 1)
    price = low + (high - low) * within // 10**9
    obs = observation(tick=tick, twap_tick=mean)
    assert price_objection(obs, LIMITS) is None
    band = twap_band(obs, LIMITS.twap_seconds, WIDTH)
    assert band is not None
    base = mean // 60 * 60
    position = Position(1, base + lower * 60, base + (lower + width) * 60, 10**18, 0, 0)
    ends = sqrt_price_at_tick(position.lower_tick), sqrt_price_at_tick(position.upper_tick)
    paid = amounts_on_burn(price, *ends, position.liquidity)
    asked = minimums_on_burn(position, position.liquidity, band)
    assert paid[0] >= asked[0] and paid[1] >= asked[1]

    offered = amounts_to_mint(sqrt_price_at_tick(mean), *ends, position.liquidity)
    least = minimums_to_add(position.lower_tick, position.upper_tick, *offered, band)
    taken = amounts_to_mint(price, *ends, liquidity_for_amounts(price, *ends, *offered))
    assert taken[0] >= least[0] and taken[1] >= least[1]


@pytest.mark.parametrize("pushed", [-102, 103])
def test_a_price_beyond_the_band_fails_the_minimums(pushed: int) -> None:
    obs = observation(tick=0, twap_tick=0)
    band = twap_band(obs, 600, 100)
    assert band is not None
    position = Position(1, -600, 600, 10**18, 0, 0)
    ends = sqrt_price_at_tick(-600), sqrt_price_at_tick(600)
    paid = amounts_on_burn(sqrt_price_at_tick(pushed), *ends, 10**18)
    asked = minimums_on_burn(position, 10**18, band)
    assert paid[0] < asked[0] or paid[1] < asked[1]
    offered = amounts_to_mint(sqrt_price_at_tick(0), *ends, 10**18)
    least = minimums_to_add(-600, 600, *offered, band)
    there = sqrt_price_at_tick(pushed)
    taken = amounts_to_mint(there, *ends, liquidity_for_amounts(there, *ends, *offered))
    assert taken[0] < least[0] or taken[1] < least[1]


@pytest.mark.parametrize("mean", [MIN_TICK, MAX_TICK - 1])
def test_the_band_ends_where_the_ticks_end(mean: int) -> None:
    obs = observation(tick=0)
    obs = replace(obs, twaps=(replace(obs.twaps[0], mean_tick=mean),))
    band = twap_band(obs, 600, 100)
    assert band is not None and band.mean_tick == mean
    assert sqrt_price_at_tick(MIN_TICK) <= band.lower_sqrt_price_x96 < band.upper_sqrt_price_x96
    assert band.upper_sqrt_price_x96 <= sqrt_price_at_tick(MAX_TICK)
    assert twap_band(obs, 3_600, 100) is None  # another window's mean is not this one's


def test_the_minimum_of_a_token_without_decimals_loses_no_unit_to_rounding() -> None:
    obs = observation(tick=0, fee_pips=3_000)
    band = twap_band(obs, 600, 100)
    assert band is not None
    # 1,000 units at a price of one: 997 after the fee, 994.009 less 30 bp.
    for zero_for_one in (True, False):
        assert bounded_swap(obs, zero_for_one, 1_000, 996, band, 30).amount_out_min == 994
        assert bounded_swap(obs, zero_for_one, 3, 2, band, 0).amount_out_min == 2
    # At a price of e: 1 unit is 2.7 after the fee; rounding the fee first would ask for nothing.
    dear = replace(obs, twaps=(replace(obs.twaps[0], mean_tick=10_000),))
    band = twap_band(dear, 600, 100)
    assert band is not None
    assert bounded_swap(dear, True, 1, 2, band, 30).amount_out_min == 2


@pytest.mark.parametrize("zero_for_one", [True, False])
@pytest.mark.parametrize("mean", [-200_000, 0, 200_000])
def test_the_price_limit_is_twice_the_slippage_from_the_mean(zero_for_one: bool, mean: int) -> None:
    obs = observation(tick=mean)
    band = twap_band(obs, 600, 100)
    assert band is not None
    limit = bounded_swap(obs, zero_for_one, 10**9, 10**9, band, 30).sqrt_price_limit_x96
    assert limit == sqrt_price_at_tick(mean - 61 if zero_for_one else mean + 61)


def test_an_explicit_slippage_of_zero_is_honoured() -> None:
    obs = observation(tick=0, fee_pips=500)
    band = twap_band(obs, 600, 100)
    assert band is not None
    assert bounded_swap(obs, True, 10**12, 999_490_000_000, band, 0).amount_out_min == 999_500_000_000
