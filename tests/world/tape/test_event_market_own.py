"""Liquidity of ours beside recorded swaps, worked out by hand: what was paid is shared, and never grows with us."""

from __future__ import annotations

import pytest

from keeper.model.swap_step import compute_swap_step
from keeper.model.ticks import sqrt_price_at_tick
from keeper.world.tape.event_market import EventMarket
from keeper.world.tape.events import EventKind, TapeEvent
from keeper.world.tape.tick_book import TickBook
from tests.world.tape.market_tapes import POOL, START, event_tape, growth

OTHERS, OURS = 10**18, 4 * 10**17
BOOK = TickBook(10, ((-1_000, OTHERS, OTHERS), (1_000, -OTHERS, OTHERS)), -2_000, 2_000)
Q128 = 1 << 128


def event(block: int, kind: EventKind, **fields: int) -> TapeEvent:
    return TapeEvent(kind, block, START + 12 * block, 1, **fields)


def begin_at(block: int) -> TapeEvent:
    """The first word of the tape about the price."""
    return event(block, EventKind.SWAP, amount_0=-1, amount_1=1, sqrt_price_x96=sqrt_price_at_tick(0), liquidity=OTHERS)


def swap_to(block: int, from_tick: int, to_tick: int) -> tuple[TapeEvent, int]:
    """A recorded swap between two ticks' prices through others' liquidity, and the fee in it."""
    start, end = sqrt_price_at_tick(from_tick), sqrt_price_at_tick(to_tick)
    step = compute_swap_step(start, end, OTHERS, 1 << 160, POOL.fee_pips)
    paid, received = step.amount_in + step.fee_amount, -step.amount_out
    amounts = (paid, received) if to_tick < from_tick else (received, paid)
    swap = event(block, EventKind.SWAP, amount_0=amounts[0], amount_1=amounts[1], sqrt_price_x96=end,
                 liquidity=OTHERS, tick=to_tick)  # fmt: skip
    return swap, step.fee_amount


@pytest.mark.parametrize("compiled", [False, True])
def test_our_liquidity_dilutes_each_recorded_fee(compiled: bool) -> None:
    begin = begin_at(1)
    (up, fee_1), (down, fee_0) = swap_to(10, 0, 55), swap_to(20, 55, 5)
    market = EventMarket(event_tape((begin, up, down)), POOL, 1, book=BOOK, compiled=compiled)
    before = growth(market.state())
    wide, aside = market.add(-200, 200, OURS), market.add(300, 400, OURS)
    market.advance_to_time(market.end.timestamp)
    assert market.unexplained == 0
    each_0, each_1 = ((fee << 128) // (OTHERS + OURS) for fee in (fee_0, fee_1))
    assert tuple(after - at for after, at in zip(growth(market.state()), before, strict=True)) == (each_0, each_1)
    own = {each.key: (each.owed_0, each.owed_1) for each in market.own()}
    assert own[wide] == (OURS * each_0 // Q128, OURS * each_1 // Q128)
    assert own[aside] == (0, 0)
    assert market.state().liquidity == OTHERS + OURS


@pytest.mark.parametrize("compiled", [False, True])
def test_an_end_of_ours_cuts_the_fee_by_how_far_the_price_moved_within(compiled: bool) -> None:
    begin = begin_at(1)
    up, fee = swap_to(10, 0, 55)
    market = EventMarket(event_tape((begin, up)), POOL, 1, book=BOOK, compiled=compiled)
    key = market.add(-10, 20, OURS)
    market.advance_to_time(market.end.timestamp)
    start, edge, end = (sqrt_price_at_tick(tick) for tick in (0, 20, 55))
    within = fee * (edge - start) // (end - start)
    (own,) = market.own()
    assert own.key == key and own.owed_0 == 0
    assert abs(own.owed_1 - OURS * within // (OTHERS + OURS)) <= 1 and own.owed_1 > 0


def test_a_swap_of_ours_pays_its_fee_and_meets_our_own_liquidity() -> None:
    begin = begin_at(1)
    market = EventMarket(event_tape((begin, swap_to(10, 0, 55)[0])), POOL, 1, book=BOOK, compiled=False)
    market.add(-200, 200, OURS)
    paid, limit = 10**15, sqrt_price_at_tick(-100)
    done = market.swap(True, paid, limit)
    step = compute_swap_step(sqrt_price_at_tick(0), limit, OTHERS + OURS, paid, POOL.fee_pips)
    assert (done.amount0, done.amount1) == (paid, -step.amount_out)
    assert step.fee_amount >= paid // 2_000 and done.sqrt_price_x96 == step.sqrt_next_x96
    (own,) = market.own()
    assert own.owed_0 == OURS * ((step.fee_amount << 128) // (OTHERS + OURS)) // Q128 > 0


def test_who_comes_later_to_the_same_ticks_gets_nothing_of_what_was_earned_before() -> None:
    begin = begin_at(1)
    (up, _), (down, fee_0) = swap_to(10, 0, 55), swap_to(20, 55, 5)
    market = EventMarket(event_tape((begin, up, down)), POOL, 1, book=BOOK, compiled=False)
    first = market.add(-200, 200, OURS)
    market.advance_blocks(12)
    second = market.add(-200, 200, OURS)
    own = {each.key: each for each in market.own()}
    assert own[first].owed_1 > 0 and (own[second].owed_0, own[second].owed_1) == (0, 0)
    market.advance_to_time(market.end.timestamp)
    own = {each.key: each for each in market.own()}
    share = OURS * ((fee_0 << 128) // (OTHERS + 2 * OURS)) // Q128
    assert own[first].owed_0 == own[second].owed_0 == share and own[second].owed_1 == 0
