"""Spacing of ticks, and the shape of the tick-price functions that callers rely on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keeper.model import ticks
from keeper.model.full_math import MathError

any_tick = st.integers(ticks.MIN_TICK, ticks.MAX_TICK)
spacings = st.sampled_from((1, 2, 10, 50, 60, 100, 200, 16383))


def test_the_published_bounds_come_out() -> None:
    assert ticks.sqrt_price_at_tick(ticks.MIN_TICK) == ticks.MIN_SQRT_PRICE_X96
    assert ticks.sqrt_price_at_tick(ticks.MAX_TICK) == ticks.MAX_SQRT_PRICE_X96
    assert ticks.sqrt_price_at_tick(0) == 2**96
    assert ticks.max_liquidity_per_tick(60) == 11505743598341114571880798222544994
    assert (ticks.min_usable_tick(60), ticks.max_usable_tick(60)) == (-887220, 887220)


@given(st.integers(ticks.MIN_TICK, ticks.MAX_TICK - 1))
def test_a_tick_begins_at_its_own_price(tick: int) -> None:
    price = ticks.sqrt_price_at_tick(tick)
    assert ticks.tick_at_sqrt_price(price) == tick
    if tick > ticks.MIN_TICK:
        assert ticks.tick_at_sqrt_price(price - 1) == tick - 1


@pytest.mark.parametrize("tick", [ticks.MIN_TICK - 1, ticks.MAX_TICK + 1])
def test_a_tick_out_of_bounds_is_refused(tick: int) -> None:
    with pytest.raises(MathError, match="outside"):
        ticks.sqrt_price_at_tick(tick)


@pytest.mark.parametrize("price", [ticks.MIN_SQRT_PRICE_X96 - 1, ticks.MAX_SQRT_PRICE_X96, 0])
def test_a_price_out_of_bounds_is_refused(price: int) -> None:
    with pytest.raises(MathError, match="outside"):
        ticks.tick_at_sqrt_price(price)


@given(any_tick, spacings)
def test_snapping_to_the_spacing(tick: int, spacing: int) -> None:
    floor, ceiling = ticks.floor_to_spacing(tick, spacing), ticks.ceil_to_spacing(tick, spacing)
    assert floor % spacing == ceiling % spacing == 0
    assert floor <= tick <= ceiling
    assert ceiling - floor == (0 if tick % spacing == 0 else spacing)
    nearest = ticks.round_to_spacing(tick, spacing)
    assert ticks.min_usable_tick(spacing) <= nearest <= ticks.max_usable_tick(spacing)
    if ticks.min_usable_tick(spacing) <= tick <= ticks.max_usable_tick(spacing):
        assert abs(nearest - tick) == min(tick - floor, ceiling - tick)
