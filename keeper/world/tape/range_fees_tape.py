"""The fees of a range from a tape as it was opened: its book first, then one pass over the swaps that touch the range.

What is not touched never leaves the columns, so a long tape costs what its swaps in the range cost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from keeper.errors import ConfigError
from keeper.world.tape.crossing import PoolPoint
from keeper.world.tape.events import EventKind
from keeper.world.tape.range_fees import RangeFees, RangeReckoner, TapeSpan
from keeper.world.tape.tape import EventTape
from keeper.world.tape.tick_book import KnownOpening, TickBook, infer_book
from keeper.world.tape.tick_book_rows import PlainEvents, TapeRows, other_interval, touching

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class FeeTerms:
    """What a pool takes: its fee, its spacing, and slot0's packed protocol fee at the opening (None: not known)."""

    fee_pips: int
    tick_spacing: int
    fee_protocol: int | None = None


def book_of(
    tape: EventTape, terms: FeeTerms, opening: KnownOpening | None = None, progress: Progress | None = None
) -> TickBook:
    """The opening book of a tape.

    Raises:
        ConfigError: a mint or burn at a tick that is no multiple of the spacing; names the tape's file.
    """
    rows = TapeRows(tape, other_interval(terms.tick_spacing), progress)
    try:
        return infer_book(PlainEvents(rows), terms.fee_pips, terms.tick_spacing, opening)
    except ConfigError as error:
        raise ConfigError(str(error), path=str(tape.path)) from None


def known_opening(tape: EventTape) -> KnownOpening | None:
    """The book that was read from the pool before the first event, where the tape has it."""
    opening = tape.opening
    if opening is None:
        return None
    ticks = tuple((each.tick, each.liquidity_net, each.liquidity_gross) for each in opening.ticks)
    if not opening.sqrt_price_x96:  # not born yet: its INITIALIZE is on the tape
        return KnownOpening(ticks)
    return KnownOpening(ticks, PoolPoint(opening.sqrt_price_x96, opening.tick, opening.liquidity))


def opening_protocol_fee(tape: EventTape) -> int | None:
    """slot0's packed figure at the opening; None where the tape does not tell it."""
    if tape.opening is not None:
        return tape.opening.fee_protocol
    for batch in tape.batches():
        rows = np.flatnonzero(batch.kind == EventKind.SET_FEE_PROTOCOL)
        if len(rows):
            return batch.event(int(rows[0])).amount_0
        if batch.kind[0] == EventKind.INITIALIZE:
            return 0  # a pool is born with it off
    return None


def fees_of(
    tape: EventTape,
    book: TickBook,
    terms: FeeTerms,
    ticks: tuple[int, int],
    liquidity: int,
    span: TapeSpan,
    progress: Progress | None = None,
) -> RangeFees:
    """What so much liquidity between two ticks earned in the span."""
    reckoner = RangeReckoner(book, terms.fee_pips, ticks, span, fee_protocol=terms.fee_protocol or 0)
    for index, event, wanted in TapeRows(tape, touching(*ticks, span.after, span.until), progress):
        if (event.block_number, event.log_index) > span.until:
            break
        reckoner.see(event, index, reckon=wanted)
    return reckoner.result(liquidity)
