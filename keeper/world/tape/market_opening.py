"""From a tape to a pool that lives through it."""

from __future__ import annotations

from collections.abc import Sequence

from keeper.model.observation import Sample
from keeper.world.tape.bar_market import BarMarket
from keeper.world.tape.cut import CutEvents
from keeper.world.tape.event_market import EventMarket
from keeper.world.tape.market import TapeMarket
from keeper.world.tape.range_fees_tape import FeeTerms, book_of, known_opening, opening_protocol_fee
from keeper.world.tape.tape import Tape
from keeper.world.tape.tick_book import KnownOpening
from keeper.world.v3.identity import PoolIdentity


def open_market(
    tape: Tape,
    identity: PoolIdentity,
    chain_id: int,
    *,
    block_seconds: int = 2,
    fee_protocol: int | None = None,
    prior: Sequence[Sample] = (),
    opening: KnownOpening | None = None,
) -> TapeMarket:
    """``BarMarket`` or ``EventMarket``. ``block_seconds`` is for bars, which have no blocks. ``fee_protocol`` (slot0's
    packed figure) and ``opening`` (the tick book before the first event) are the tape's own where they are not given;
    a book that the tape does not hold is worked out from what its swaps crossed.

    Raises:
        ConfigError: the tape is too short, holds no price, or is of a pool with another tick spacing.
    """
    if tape.kind == "bars":
        return BarMarket(
            tape, identity, chain_id, block_seconds=block_seconds, fee_protocol=fee_protocol or 0, prior=prior
        )
    cut = protocol_fee(tape) if fee_protocol is None else fee_protocol
    whole = tape.whole if isinstance(tape, CutEvents) else tape  # what stood there before is no news of later
    terms = FeeTerms(identity.fee_pips, identity.tick_spacing, cut)
    book = book_of(whole, terms, opening or known_opening(tape))
    return EventMarket(tape, identity, chain_id, book=book, fee_protocol=cut or 0, prior=prior)


def protocol_fee(tape: Tape) -> int | None:
    """slot0's packed figure at the opening as the tape tells it; None where it does not, as bars never do."""
    if tape.kind == "bars":
        return None
    return opening_protocol_fee(tape.whole if isinstance(tape, CutEvents) else tape)
