"""Recorded events followed in compiled code, for tapes that are too long for Python."""

from __future__ import annotations

from itertools import pairwise

from keeper.model.ticks import MAX_TICK, MIN_TICK
from keeper.world.tape.crossing import PoolPoint
from keeper.world.tape.events import EventBatch
from keeper.world.tape.own_ranges import OwnRanges
from keeper.world.tape.tick_book import TickBook
from keeper.world.v3.identity import PoolIdentity


class CompiledPool:
    """The recorded pool in ``ExactPool``; ``point`` is None until its price is known. Making one loads numba."""

    def __init__(self, book: TickBook, identity: PoolIdentity, fee_protocol: int) -> None:
        from keeper.world.tape.exact import ExactPool  # loads or compiles for seconds

        point = book.point or PoolPoint(0, 0, 0)
        ticks = book.live().within(MIN_TICK - 1, MAX_TICK)
        self._pool = ExactPool.from_book(
            identity.fee_pips,
            identity.tick_spacing,
            point.sqrt_price_x96,
            point.tick,
            [(at, max(gross, abs(net)), net) for at, net, gross in ticks],
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
