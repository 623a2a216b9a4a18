"""Every swap of four real days, walked again through the book found from that day alone: the figures on record.

Amounts, price, tick and liquidity are the recorded ones to the last unit for every swap but those that are listed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from keeper.world.tape.opening import open_tape
from keeper.world.tape.range_fees import RangeReckoner, TapeSpan
from keeper.world.tape.tape import EventTape
from keeper.world.tape.tick_book import SEED, KnownOpening, infer_book, reconstruct
from keeper.world.tape.tick_book_rows import PlainEvents, TapeRows, other_interval
from tests.shared_data import shared_file


@dataclass(frozen=True, slots=True)
class Day:
    """What is found in a day. ``undetermined``: the indexes of swaps beside the seed; ``ticks`` of the book."""

    name: str
    fee_pips: int
    spacing: int
    swaps: int
    ticks: int
    unknown: tuple[tuple[int, int], ...] = ()
    undetermined: tuple[int, ...] = ()


POLYGON = Day("polygon_usdc_weth_005_20220105", 500, 10, 3_972, 72, ((194_840, 194_870),), (3_797, 3_816))
DAYS = (
    POLYGON,
    Day("polygon_usdc_weth_005_20211222", 500, 10, 199, 1),
    Day("eth_usdc_weth_005_20231110_tick", 500, 10, 5_898, 31),
    Day("eth_usdc_weth_030_20240105", 3_000, 60, 267, 4),
)


def tape_of(day: Day) -> EventTape:
    tape = open_tape(shared_file(f"events/{day.name}.parquet"))
    assert tape.kind == "events"
    return tape


@pytest.mark.parametrize("day", DAYS, ids=lambda day: day.name)
def test_every_swap_of_the_day_comes_out_as_recorded(day: Day) -> None:
    tape = tape_of(day)
    events = [batch.event(index) for batch in tape.batches() for index in range(len(batch))]
    result = reconstruct(events, day.fee_pips, day.spacing)
    assert result.swaps == day.swaps and len(result.opening) == day.ticks
    assert result.worst_difference == 0  # raw units; one would be allowed
    seed, *others = result.undetermined
    assert seed.why == SEED and tuple(each.index for each in others) == day.undetermined
    assert result.book.unknown == day.unknown
    assert (
        infer_book(PlainEvents(TapeRows(tape, other_interval(day.spacing))), day.fee_pips, day.spacing) == result.book
    )


def test_a_book_or_a_fee_that_is_a_little_wrong_fails_on_the_day() -> None:
    events = [batch.event(index) for batch in tape_of(POLYGON).batches() for index in range(len(batch))]
    book = infer_book(events, 500, 10)
    rows = tuple((tick, net + (tick == 193_890), gross) for tick, net, gross in book.opening)
    assert any(tick == 193_890 for tick, _, _ in rows)
    wrong = reconstruct(events, 500, 10, KnownOpening(rows))
    assert len(wrong.undetermined) > 20
    assert len(reconstruct(events[:400], 499, 10).undetermined) > 300


def test_bounds_of_swaps_left_out_are_narrow() -> None:
    """The two swaps over the unknown stretch, and the seed: a wide range's fees are known to 1e-9 all the same."""
    events = [batch.event(index) for batch in tape_of(POLYGON).batches() for index in range(len(batch))]
    book = infer_book(events, 500, 10)
    reckoner = RangeReckoner(book, 500, (193_300, 195_000), TapeSpan((0, -1), (1 << 62, 0)))
    for index, event in enumerate(events):
        reckoner.see(event, index)
    fees = reckoner.result(10**16)
    assert len(fees.undetermined) == 3
    assert 0 < fees.most_0 - fees.fees_0 <= 60 and 0 < fees.most_1 - fees.fees_1 <= fees.fees_1 // 10**9
    whole = RangeReckoner(replace(book, unknown=()), 500, (193_300, 195_000), TapeSpan((0, -1), (1 << 62, 0)))
    for index, event in enumerate(events):
        whole.see(event, index)
    assert len(whole.result(10**16).undetermined) == 3, "the stand-in for the unknown stretch is no book"
