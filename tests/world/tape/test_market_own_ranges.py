"""Ranges of ours and what the contract would refuse; what they earn is held against the contract in ``tests/evm``."""

from __future__ import annotations

import pytest

from keeper.model.full_math import MAX_UINT256, Q128, MathError
from keeper.model.observation import TickState
from keeper.model.ticks import MAX_TICK, max_liquidity_per_tick
from keeper.world.tape.own_ranges import OwnRanges


def test_fees_are_floored_at_every_touch_as_the_contract_does() -> None:
    own = OwnRanges(10)
    key = own.add(0, 20, 3)
    for _ in range(4):
        own.earn(Q128 // 2, 0, 5)  # a unit and a half each time: owed 1 at each touch, 6 when left alone
        own.change(key, 0)
    assert own.take_fees(key) == (4, 0)
    for _ in range(4):
        own.earn(Q128 // 2, 0, 5)
    assert own.take_fees(key) == (6, 0) and own.take_fees(key) == (0, 0)


def test_only_what_is_in_range_earns_and_growth_wraps() -> None:
    own = OwnRanges(10, MAX_UINT256 - 5, 7)
    keys = [own.add(lower, upper, 10) for lower, upper in ((0, 20), (20, 40), (-40, 60))]
    own.earn(3 * Q128, 0, 19)
    own.earn(0, 5 * Q128, 20)
    own.earn(Q128, 0, -41)
    own.earn(Q128, 0, 60)
    assert [(each.owed_0, each.owed_1) for each in own.ranges()] == [(30, 0), (0, 50), (30, 50)]
    assert (own.growth_0_x128, own.growth_1_x128) == ((MAX_UINT256 - 5 + 5 * Q128) & MAX_UINT256, 7 + 5 * Q128)
    assert [own.active(tick) for tick in (-41, -40, 0, 19, 20, 59, 60)] == [0, 10, 20, 20, 20, 10, 0]
    assert keys == [1, 2, 3]


def test_ticks_are_shown_as_the_pool_would() -> None:
    own = OwnRanges(10, 100, 200)
    own.add(0, 20, 5)
    own.add(20, 40, 7)
    own.earn(11, 13, 3)
    at_3, at_25 = own.tick_states(3), own.tick_states(25)
    # Born above the price: nothing outside yet. Born below it: all growth so far.
    assert at_3[0] == TickState(0, 5, 5, 100, 200)
    assert at_3[20] == TickState(20, 12, 2, 0, 0)
    assert at_25[20] == TickState(20, 12, 2, 111, 213)
    assert own.edges == (0, 20, 40)


def test_a_range_stays_while_something_is_owed() -> None:
    own = OwnRanges(10)
    key, other = own.add(0, 20, 5), own.add(0, 20, 5)
    own.earn(Q128, 0, 3)
    own.change(key, -5)
    own.change(other, -5)
    assert own.edges == () and [each.key for each in own.ranges()] == [key, other]
    own.earn(Q128, 0, 3)
    assert own.take_fees(key) == (5, 0)
    assert [(each.key, each.liquidity, each.owed_0) for each in own.ranges()] == [(other, 0, 5)]
    assert own.take_fees(key) == (0, 0)
    own.change(other, 4)  # it may be filled again, its ends begin anew
    own.earn(Q128, 0, 3)
    assert own.take_fees(other) == (9, 0)
    with pytest.raises(KeyError):
        own.take_fees(99)


@pytest.mark.parametrize(
    ("lower", "upper", "liquidity"),
    [(20, 0, 1), (0, 0, 1), (0, 15, 1), (-5, 10, 1), (0, MAX_TICK + 8, 1), (0, 10, 0), (0, 10, 1 << 128)],
)
def test_what_the_pool_refuses_is_refused(lower: int, upper: int, liquidity: int) -> None:
    own = OwnRanges(10)
    with pytest.raises(MathError):
        own.add(lower, upper, liquidity)
    assert own.edges == () and own.ranges() == ()


def test_a_tick_holds_no_more_than_the_contract_lets_it() -> None:
    own, most = OwnRanges(10), max_liquidity_per_tick(10)
    key = own.add(0, 20, most)
    with pytest.raises(MathError, match="cannot hold"):
        own.add(20, 30, 1)
    with pytest.raises(MathError, match="cannot hold"):
        own.change(key, 1)
    with pytest.raises(MathError):
        own.change(key, -most - 1)
    assert own.active(5) == most
