"""A swap that knows only some of the pool's ticks gives the true result or says that it cannot."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keeper.model.full_math import Q96, MathError
from keeper.model.swap import SwapResult, TickRangeExceeded, swap
from keeper.model.ticks import MAX_SQRT_PRICE_X96, MAX_TICK, MIN_SQRT_PRICE_X96, MIN_TICK, sqrt_price_at_tick

Ticks = tuple[tuple[int, int], ...]


def run(ticks: Ticks, depth: int, amount: int, zero_for_one: bool, known: tuple[int, int], spacing: int) -> SwapResult:
    limit = MIN_SQRT_PRICE_X96 + 1 if zero_for_one else MAX_SQRT_PRICE_X96 - 1
    seen = tuple(entry for entry in ticks if known[0] <= entry[0] <= known[1])
    return swap(
        Q96, 0, depth, 3000, seen, zero_for_one, amount, limit, spacing, known_lower_tick=known[0],
        known_upper_tick=known[1],
    )  # fmt: skip


@st.composite
def ladders(draw: st.DrawFn) -> tuple[Ticks, int, int]:
    """Positions around tick 0: their net liquidity by tick, what of it is active, and the tick spacing."""
    spacing = draw(st.sampled_from((1, 10, 60)))
    net: dict[int, int] = {}
    active = 0
    for _ in range(draw(st.integers(1, 6))):
        lower = draw(st.integers(-400, 399))
        upper = draw(st.integers(lower + 1, 400))
        # Down to a few units, where a whole tick is worth less than one wei and rounding decides everything.
        depth = 10 ** draw(st.integers(0, 24)) + draw(st.integers(0, 10))
        net[lower * spacing] = net.get(lower * spacing, 0) + depth
        net[upper * spacing] = net.get(upper * spacing, 0) - depth
        active += depth if lower <= 0 < upper else 0
    return tuple(sorted(net.items())), active, spacing


@given(
    ladders(), st.integers(0, 27), st.integers(1, 9), st.booleans(), st.booleans(), st.integers(-500, 0),
    st.integers(0, 500),
)  # fmt: skip
def test_known_bounds_never_change_a_result(
    ladder: tuple[Ticks, int, int], magnitude: int, digit: int, exact_in: bool, down: bool, low: int, high: int
) -> None:
    ticks, depth, spacing = ladder
    amount = digit * 10**magnitude * (1 if exact_in else -1)
    known = (low * spacing, high * spacing)
    whole = run(ticks, depth, amount, down, (MIN_TICK, MAX_TICK), spacing)
    inside = sqrt_price_at_tick(known[0]) < whole.sqrt_price_x96 < sqrt_price_at_tick(known[1])
    try:
        partial = run(ticks, depth, amount, down, known, spacing)
    except TickRangeExceeded as error:
        assert not inside
        assert error.bound_tick == known[0 if down else 1]
    else:
        assert partial == whole


@given(ladders(), st.integers(0, 27), st.booleans())
def test_what_goes_in_is_what_is_accounted_for(ladder: tuple[Ticks, int, int], magnitude: int, down: bool) -> None:
    ticks, depth, spacing = ladder
    result = run(ticks, depth, 10**magnitude, down, (MIN_TICK, MAX_TICK), spacing)
    paid, got = (result.amount0, result.amount1) if down else (result.amount1, result.amount0)
    assert 0 <= paid <= 10**magnitude
    assert got <= 0
    assert 0 <= result.fee_paid <= paid
    assert result.protocol_fee == 0
    net = dict(ticks)
    crossed = sum(net[tick] for tick in result.crossed_ticks)
    assert result.liquidity == depth + (-crossed if down else crossed)


def test_a_pool_that_starts_outside_what_is_known_is_refused() -> None:
    with pytest.raises(TickRangeExceeded, match="below tick 60"):
        run(((60, 1), (120, -1)), 0, 1, False, (60, 120), 60)
    with pytest.raises(TickRangeExceeded, match="above tick -60"):
        run(((-120, 1), (-60, -1)), 0, 1, False, (-120, -60), 60)


@pytest.mark.parametrize(
    ("amount", "limit", "zero_for_one"),
    [
        (0, MIN_SQRT_PRICE_X96 + 1, True),
        (1, Q96, True),
        (1, Q96, False),
        (1, MIN_SQRT_PRICE_X96, True),
        (1, MAX_SQRT_PRICE_X96, False),
        (1, Q96 + 1, True),
        (1, Q96 - 1, False),
    ],
)
def test_what_the_pool_refuses_is_refused(amount: int, limit: int, zero_for_one: bool) -> None:
    with pytest.raises(MathError):
        swap(Q96, 0, 10**18, 3000, ((-60, 10**18), (60, -(10**18))), zero_for_one, amount, limit, 60)
