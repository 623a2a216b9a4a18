"""From a tape to a pool that lives through it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from keeper.model.observation import Sample
from keeper.world.tape.bar_market import BarMarket
from keeper.world.tape.cut import CutEvents
from keeper.world.tape.event_market import EventMarket
from keeper.world.tape.events import TapeEvent
from keeper.world.tape.market import TapeMarket
from keeper.world.tape.tape import EventTape, Tape
from keeper.world.tape.tick_book import KnownOpening, infer_book
from keeper.world.v3.identity import PoolIdentity


@dataclass(frozen=True, slots=True)
class Events:
    """All events of a tape, as often as they are asked for."""

    tape: EventTape

    def __iter__(self) -> Iterator[TapeEvent]:
        for batch in self.tape.batches():
            for index in range(len(batch)):
                yield batch.event(index)


def open_market(
    tape: Tape,
    identity: PoolIdentity,
    chain_id: int,
    *,
    block_seconds: int = 2,
    fee_protocol: int = 0,
    prior: Sequence[Sample] = (),
    opening: KnownOpening | None = None,
) -> TapeMarket:
    """``BarMarket`` or ``EventMarket``. ``block_seconds`` is for bars, which have no blocks; ``opening`` is the tick
    book before the first event, worked out from what swaps crossed where it is not known.

    Raises:
        ConfigError: the tape is too short, holds no price, or is of a pool with another tick spacing.
    """
    if tape.kind == "bars":
        return BarMarket(tape, identity, chain_id, block_seconds=block_seconds, fee_protocol=fee_protocol, prior=prior)
    whole = tape.whole if isinstance(tape, CutEvents) else tape  # what stood there before is no news of later
    book = infer_book(Events(whole), identity.fee_pips, identity.tick_spacing, opening)
    return EventMarket(tape, identity, chain_id, book=book, fee_protocol=fee_protocol, prior=prior)
