"""The curve of a range: published tables, derivatives, and its agreement with the exact integers."""

from __future__ import annotations

from itertools import pairwise
from math import exp, log, sqrt

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from keeper.model import range_curve
from keeper.model.liquidity import amounts_on_burn
from keeper.model.ticks import sqrt_price_at_tick

distances = st.floats(0.005, 3)
positions = st.floats(-4, 4)


@pytest.mark.parametrize(
    ("price", "lower", "upper", "published"),
    [
        (1, 0.8, 1.2, 10.38),
        (1, 0.9, 1.1, 20.44),
        (1, 0.98, 1.02, 100.49),
        (1, 0.99, 1.01, 200.49),
        (1.079, 1.063, 1.15, 51.54),
    ],
)
def test_published_amplification(price: float, lower: float, upper: float, published: float) -> None:
    assert round(range_curve.amplification(price, lower, upper), 2) == published


@pytest.mark.parametrize(
    ("ratio", "published", "places"),
    [
        (1.005, 401.5, 1),
        (1.01, 201.5, 1),
        (1.05, 41.5, 1),
        (1.1, 21.5, 1),
        (1.2, 11.48, 2),
        (2, 3.41, 2),
        (10, 1.46, 2),
    ],
)
def test_published_amplification_of_symmetric_ranges(ratio: float, published: float, places: int) -> None:
    assert round(range_curve.amplification(1, 1 / ratio, ratio), places) == published
    assert round(range_curve.amplification(2500, 2500 / ratio, 2500 * ratio), places) == published


@given(distances, distances)
def test_amplification_is_two_over_the_depth(below: float, above: float) -> None:
    amplified = range_curve.amplification(1, exp(-below), exp(above))
    assert amplified == pytest.approx(2 / range_curve.depth(below, above), rel=1e-9)
    assert amplified == pytest.approx(2 / range_curve.normalised_value(0, below, above), rel=1e-9)


def test_amplification_needs_the_price_in_range() -> None:
    with pytest.raises(ValueError, match="outside the range"):
        range_curve.amplification(3, 1, 2)


@given(positions, distances, distances)
def test_values_follow_the_published_forms(x: float, below: float, above: float) -> None:
    root_lower, root_upper = exp(-below / 2), exp(above / 2)
    if x <= -below:
        value, weight = exp(x) * (1 / root_lower - 1 / root_upper), 1.0
    elif x >= above:
        value, weight = root_upper - root_lower, 0.0
    else:
        value = 2 * exp(x / 2) - root_lower - exp(x) / root_upper
        assume(value > 1e-6)
        weight = (exp(x / 2) - exp(x) / root_upper) / value
    assert range_curve.normalised_value(x, below, above) == pytest.approx(value, rel=1e-6)
    assert range_curve.normalised_base_weight(x, below, above) == pytest.approx(weight, abs=1e-6)


@given(positions, distances, distances)
def test_delta_and_gamma_are_the_derivatives(x: float, below: float, above: float) -> None:
    price, lower, upper = exp(x), exp(-below), exp(above)
    step = 1e-4 * price
    assume(all(abs(price - bound) > 2 * step for bound in (lower, upper)))
    value = [range_curve.value(p, lower, upper) for p in (price - step, price, price + step)]
    slope, bend = (value[2] - value[0]) / (2 * step), (value[2] - 2 * value[1] + value[0]) / step**2
    assert range_curve.delta(price, lower, upper) == pytest.approx(slope, rel=1e-5, abs=1e-7)
    assert range_curve.gamma(price, lower, upper) == pytest.approx(bend, rel=1e-3, abs=1e-5 / price**1.5)


def test_gamma_counts_the_lower_bound_as_inside() -> None:
    assert range_curve.gamma(1, 1, 2) == -0.5
    assert range_curve.gamma(2, 1, 2) == 0


@given(st.floats(-1, 1), st.floats(-1, 1), distances, distances)
def test_impermanent_loss_is_value_against_holding(x: float, entry_x: float, below: float, above: float) -> None:
    price, entry, lower, upper = exp(x), exp(entry_x), exp(-below), exp(above)
    loss = range_curve.impermanent_loss(price, entry, lower, upper)
    assert -1 <= loss <= 0
    assert range_curve.impermanent_loss(entry, entry, lower, upper) == pytest.approx(0, abs=1e-12)
    if lower <= price <= upper and lower <= entry <= upper:
        root_pa, root_pb = sqrt(lower), sqrt(upper)
        held = price / sqrt(entry) - price / root_pb + sqrt(entry) - root_pa
        assume(held > 1e-4)
        assert loss == pytest.approx((2 * sqrt(price) - price / root_pb - root_pa) / held - 1, abs=1e-8)


def test_impermanent_loss_of_a_very_wide_range_is_that_of_a_constant_product_pool() -> None:
    for ratio in (0.25, 0.5, 2, 4):
        wide = range_curve.impermanent_loss(ratio, 1, 1e-12, 1e12)
        assert wide == pytest.approx(2 * sqrt(ratio) / (1 + ratio) - 1, abs=1e-5)


@given(st.integers(-300_000, 300_000), st.integers(1, 40_000), st.integers(1, 40_000), st.integers(-50_000, 50_000))
def test_the_curve_agrees_with_the_exact_integers(tick: int, below: int, above: int, move: int) -> None:
    depth = 10**36
    now, lower, upper = (sqrt_price_at_tick(t) for t in (tick + move, tick - below, tick + above))
    amount0, amount1 = amounts_on_burn(now, lower, upper, depth)
    price, low, high = ((root / 2**96) ** 2 for root in (now, lower, upper))
    scale = depth / sqrt(price)
    assert range_curve.base_amount(price, low, high, depth) == pytest.approx(amount0, rel=1e-8, abs=1e-9 * scale)
    assert range_curve.quote_amount(price, low, high, depth) == pytest.approx(
        amount1, rel=1e-8, abs=1e-9 * scale * price
    )


@given(st.floats(-3, 3), distances, distances)
def test_the_grid_shows_the_price_and_the_bounds_once(x: float, below: float, above: float) -> None:
    price, lower, upper = exp(x), exp(-below), exp(above)
    grid = range_curve.price_grid(price, lower, upper)
    assert {price, lower, upper} <= set(grid)
    assert list(grid) == sorted(grid)
    assert grid[0] < min(lower, price) and grid[-1] > max(upper, price)
    assert all(log(b / a) > 1e-10 for a, b in pairwise(grid) if {a, b} - {price, lower, upper})
    points = range_curve.curve(grid, price, lower, upper)
    assert [point.price for point in points] == list(grid)


@pytest.mark.parametrize(
    ("price", "lower", "upper"), [(1, 2, 2), (1, 3, 2), (0, 1, 2), (-1, 1, 2), (1, 0, 2), (1, 1, float("inf"))]
)
def test_nonsense_is_refused(price: float, lower: float, upper: float) -> None:
    with pytest.raises(ValueError, match="need 0 < lower < upper"):
        range_curve.value(price, lower, upper)
