"""A tape cut off is what had been recorded by then: it ends with its last block, and tells nothing but the whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from keeper.world.tape.cut import cut_after
from keeper.world.tape.event_market import EventMarket
from keeper.world.tape.events import EventBatch, EventKind, TapeEvent
from keeper.world.tape.market_opening import open_market
from keeper.world.tape.tape import EventTape
from tests.world.tape.market_tapes import POOL, START, MadeEvents, event_tape
from tests.world.tape.test_event_market_own import BOOK, begin_at, event, swap_to


@dataclass(frozen=True, slots=True)
class Cuttable(MadeEvents):
    def batches(
        self, *, from_timestamp: int | None = None, to_timestamp: int | None = None, size: int = 65_536
    ) -> Iterator[EventBatch]:
        assert from_timestamp is None and size
        known = [each for each in self.events if to_timestamp is None or each.timestamp <= to_timestamp]
        yield EventBatch.of(known)


def cuttable(*events: TapeEvent) -> EventTape:
    made = event_tape(events)
    return Cuttable(tuple(events), made.span)


def test_between_rare_swaps_the_moments_of_the_whole_are_those_of_the_part() -> None:
    """Hours without a swap: the part must not leap to the moment at which it was cut off."""
    tape = cuttable(begin_at(1), swap_to(10, 0, 55)[0], swap_to(300, 55, 5)[0], swap_to(2_000, 5, 30)[0])
    cut = cut_after(tape, START + 12 * 1_500)
    whole, part = (EventMarket(each, POOL, 1, book=BOOK, compiled=False) for each in (tape, cut))
    assert part.end == whole.end or (part.end.block_number, part.end.timestamp) == (300, START + 3_600)
    for seconds in (300, 900, 2_000, 3_600):
        for market in (whole, part):
            market.advance_to_time(START + seconds)
        assert part.now == whole.now and part.now.timestamp <= START + seconds
        assert part.state() == whole.state()
    part.advance_to_time(START + 12 * 1_400)
    assert part.now == part.end, "later blocks are not known of it"


@pytest.mark.parametrize("until", [20, 500])
def test_what_the_protocol_took_at_the_opening_is_no_news_of_later(until: int) -> None:
    """The first change of the protocol's part tells what it was before, whenever it comes."""
    change = event(400, EventKind.SET_FEE_PROTOCOL, amount_0=4 + 16 * 4, amount_1=0)
    tape = cuttable(begin_at(1), swap_to(10, 0, 55)[0], swap_to(300, 55, 5)[0], change, swap_to(600, 5, 30)[0])
    whole, part = (open_market(each, POOL, 1) for each in (tape, cut_after(tape, START + 12 * until)))
    for market in (whole, part):
        market.advance_to_time(START + 12 * 10)
    assert whole.state().fee_protocol == part.state().fee_protocol == 4 + 16 * 4
    assert whole.state() == part.state()
