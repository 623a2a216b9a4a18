"""Recorded events followed in compiled code, for tapes that are too long for Python."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from keeper.model.ticks import MAX_TICK, MIN_TICK
from keeper.world.tape.crossing import PoolPoint
from keeper.world.tape.events import EventBatch, EventKind
from keeper.world.tape.own_ranges import OwnRanges
from keeper.world.tape.tape import EventTape
from keeper.world.tape.tick_book import TickBook
from keeper.world.tape.tick_book_rows import PlainEvents, TapeRows
from keeper.world.v3.identity import PoolIdentity

Rows = list[tuple[int, int, int]]
"""(tick, gross liquidity, net liquidity)."""


def opening_rows(book: TickBook, tape: EventTape) -> Rows:
    """The opening book for a pool that forgets a tick when its gross liquidity is gone. Where crossings told only the
    net, the gross is at least what keeps it from ever falling below the net's size through all mints and burns."""
    live = book.live()
    opening = {tick: (net, gross) for tick, net, gross in live.within(MIN_TICK - 1, MAX_TICK)}
    least = {tick: max(gross, abs(net)) for tick, (net, gross) in opening.items()}
    if any(gross is None for _, _, gross in book.opening):
        changed: dict[int, tuple[int, int]] = {}
        for event in PlainEvents(TapeRows(tape, lambda batch, _: np.zeros(len(batch), dtype=bool))):
            if event.kind not in (EventKind.MINT, EventKind.BURN):
                continue
            liquidity = event.liquidity if event.kind is EventKind.MINT else -event.liquidity
            for tick, change in ((event.lower_tick, liquidity), (event.upper_tick, -liquidity)):
                net, gross = changed.get(tick, (0, 0))
                changed[tick] = net + change, gross + liquidity
                short = abs(opening.get(tick, (0, 0))[0] + net + change) - (gross + liquidity)
                if tick in least or short > 0:
                    least[tick] = max(least.get(tick, 0), short)
    return [(tick, gross, opening.get(tick, (0, 0))[0]) for tick, gross in sorted(least.items())]


class CompiledPool:
    """The recorded pool in ``ExactPool``; ``point`` is None until its price is known. Making one loads numba."""

    def __init__(self, book: TickBook, rows: Rows, identity: PoolIdentity, fee_protocol: int) -> None:
        from keeper.world.tape.exact import ExactPool  # loads or compiles for seconds

        point = book.point or PoolPoint(0, 0, 0)
        self._pool = ExactPool.from_book(
            identity.fee_pips,
            identity.tick_spacing,
            point.sqrt_price_x96,
            point.tick,
            rows,
            liquidity=point.liquidity,
            fee_protocol=(fee_protocol % 16, fee_protocol >> 4),
        )

    @property
    def point(self) -> PoolPoint | None:
        """Where the events have left it."""
        pool = self._pool
        return PoolPoint(pool.sqrt_price_x96, pool.tick, pool.liquidity) if pool.sqrt_price_x96 else None

    def follow(self, events: EventBatch, own: OwnRanges | None) -> int:
        """Live through the events, ours (if given) earning beside others; how many swaps the book did not explain."""
        from keeper.world.tape.exact_follow import follow
        from keeper.world.tape.exact_own import OwnGrowth

        if not len(events):
            return 0
        if own is None:
            return follow(self._pool, events).unexplained.count
        ours = [(each.lower_tick, each.upper_tick, each.liquidity) for each in own.ranges() if each.liquidity]
        # Between neighbouring ends stands a range without liquidity: it only says what was earned there.
        between = list(pairwise((MIN_TICK, *own.edges, MAX_TICK)))
        shares = OwnGrowth([*ours, *((lower, upper, 0) for lower, upper in between if lower < upper)])
        followed = follow(self._pool, events, shares)
        for index in range(len(ours), len(shares.ranges)):
            own.earn(*shares.inside(index), shares.ranges[index][0])
        return followed.unexplained.count
