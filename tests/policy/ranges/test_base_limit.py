"""Base range and limit order: what is held goes to work whole, and nothing is swapped for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from keeper.model.decision import Ladder
from keeper.model.observation import Observation, Position
from keeper.model.plan import Mint, Swap
from keeper.policy.ranges import base_limit
from keeper.policy.rebalance import plan_change
from keeper.policy.scene import Scene
from keeper.policy.valuation import positions_value, principal, value_in_quote
from tests.policy.ranges.worlds import at, ticks, triggers
from tests.policy.world import NOW, held, observation, scene, settings

E18 = 10**18
ORDERS = pytest.mark.parametrize("quote_is_token0", [False, True])


def whole(seen: Observation, *positions: Position) -> Scene:
    """A scene in which everything that is there may be used."""
    wallet = seen.wallet
    idle = value_in_quote(wallet.balance_0, wallet.balance_1, seen.pool.sqrt_price_x96, seen.quote_is_token0)
    capital = idle + positions_value(seen, positions)
    return scene(seen, capital_quote=capital, held=tuple(held(each) for each in positions))


def place(asked: Scene, **changes: object) -> Ladder:
    chosen = base_limit.build(base_limit.Settings(**changes)).choose(asked)  # type: ignore[arg-type]
    assert isinstance(chosen, Ladder)
    return chosen


@ORDERS
def test_the_limit_order_is_of_the_token_in_excess(quote_is_token0: bool) -> None:
    # ln 1.1 is 953.1 ticks, ln 1.05 487.9. At tick 0 both tokens have the same price, and a symmetric base takes as
    # much of the one as of the other: of 3 and 1, 2 fit into the base and 2 are left.
    more_0 = place(whole(at(0, 10, quote_is_token0=quote_is_token0, balances=(3 * E18, E18))))
    assert ticks(more_0) == [(-950, 950), (10, 500)]
    assert [each.share_ppm for each in more_0.ranges] == [500_000, 500_000]
    more_1 = place(whole(at(0, 10, quote_is_token0=quote_is_token0, balances=(E18, 3 * E18))))
    assert ticks(more_1) == [(-950, 950), (-490, 0)]
    assert triggers(more_0) == triggers(more_1) == (-950, 950)
    excess_is_quote = quote_is_token0
    assert ("quote token left over" in more_0.reason) == excess_is_quote
    assert ("below it" in more_0.reason) == excess_is_quote, "spare quote buys below, spare base sells above"


def test_tokens_that_fit_make_no_limit_order_and_one_token_alone_is_nothing_else() -> None:
    assert ticks(place(whole(at(0, 10, balances=(E18, E18))))) == [(-950, 950)]
    assert ticks(place(whole(at(0, 10, balances=(0, E18))))) == [(-490, 0)]
    assert ticks(place(whole(at(5, 10, balances=(E18, 0))))) == [(10, 500)]
    assert ticks(place(whole(at(0, 10)))) == [(-950, 950)], "nothing held: the base range is what is wanted"


def test_a_small_remainder_is_no_limit_order() -> None:
    asked = whole(at(0, 10, balances=(1_010 * E18 // 1_000, E18)))  # a half per cent of all is left
    assert len(place(asked, min_limit_pct=1).ranges) == 1
    assert len(place(asked, min_limit_pct=0.4).ranges) == 2


@ORDERS
@pytest.mark.parametrize("tick", [200_000, -200_003])
@pytest.mark.parametrize("part", [5, 50, 300, 980])
def test_the_planner_needs_no_swap(quote_is_token0: bool, tick: int, part: int) -> None:
    """Whatever the mix, also with a position open whose amounts come back first."""
    price = 1.0001**tick
    position = Position(7, tick // 60 * 60 - 1_200, tick // 60 * 60 + 600, 10**14, 12_345, 6_789)
    worth = 10**17 * max(price, 1)
    balances = (int(worth / price * part / 1_000), int(worth * (1_000 - part) / 1_000))
    seen = observation(
        tick=tick, quote_is_token0=quote_is_token0, decimals=(18, 18), balances=balances, positions=(position,)
    )
    asked = whole(seen, position)
    made = settings(capital={"max_quote": str(10**40)}, quote="token0" if quote_is_token0 else "token1")
    draft = plan_change(seen, place(asked), (position,), made, leftover_bps=10)
    assert draft.objections == ()
    assert not any(isinstance(step, Swap) for step in draft.plan.steps)
    (mint,) = [step for step in draft.plan.steps if isinstance(step, Mint)]
    assert len(mint.ranges) == 2
    assert draft.plan.leftover_quote * 10_000 <= draft.plan.value_quote, "all of it is at work"


def test_capital_that_is_capped_keeps_the_proportion_of_what_is_held() -> None:
    seen = at(0, 10, balances=(3 * E18, E18))
    some = replace(whole(seen), capital_quote=E18)
    assert base_limit.owned(some) == (3 * E18 // 4, E18 // 4)
    assert place(some).ranges == place(whole(seen)).ranges


def test_fees_of_the_own_position_are_placed_and_strangers_are_not() -> None:
    own, other = (Position(number, -600, 600, 10**15, 11 * 10**14, 13 * 10**14) for number in (1, 2))
    seen = observation(tick=0, decimals=(18, 18), positions=(own, other), balances=(10**12, 10**12))
    asked = whole(seen, own)
    out_0, out_1 = principal(own, seen.pool)
    assert base_limit.owned(asked) == (10**12 + out_0 + 11 * 10**14, 10**12 + out_1 + 13 * 10**14)


def test_it_is_placed_anew_after_its_hours() -> None:
    asked = whole(at(0, 10, balances=(E18, E18)))
    assert place(asked).replaces_before_timestamp == NOW - 48 * 3_600
    assert place(asked, rebalance_hours=None).replaces_before_timestamp is None
    assert place(asked, rebalance_hours=12).replaces_before_timestamp == NOW - 12 * 3_600
