"""The pool of a tape of events as it stands after each: price, book and fee growth, ours in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from keeper.model.observation import TickState
from keeper.model.ticks import MAX_TICK, MIN_TICK
from keeper.world.tape.crossing import CrossingStep, PoolPoint, is_zero_for_one, replay
from keeper.world.tape.event_market_compiled import CompiledPool, Rows
from keeper.world.tape.event_market_fees import earn_step, mean_step
from keeper.world.tape.events import EventBatch, EventKind, TapeEvent
from keeper.world.tape.market_swap import Around
from keeper.world.tape.own_ranges import OwnRanges
from keeper.world.tape.tick_book import TickBook
from keeper.world.tape.tick_book_profile import follow as point_after
from keeper.world.v3.identity import PoolIdentity

TICK_WINDOW: Final = 6_000  # as an observer reads around the price
_WITHIN_RAW: Final = 1
_BY_HAND: Final = (EventKind.MINT, EventKind.BURN, EventKind.SET_FEE_PROTOCOL)  # rare beside swaps


class RecordedPool:
    """Follows recorded events. ``point`` is where they left the pool, None until its price is known.

    ``compiled`` (rows of ``opening_rows``): the same in machine code. There the book explains a swap only to the last
    unit (here: within one), and what it does not explain, but in an unknown stretch, is walked as far as it is known.
    """

    def __init__(
        self,
        book: TickBook,
        identity: PoolIdentity,
        fee_protocol: int,
        growth_x128: tuple[int, int],
        *,
        compiled: Rows | None = None,
    ) -> None:
        self.point: PoolPoint | None = book.point
        self.fee_protocol = fee_protocol
        self.own = OwnRanges(identity.tick_spacing, *growth_x128)
        self.unexplained = 0
        self._book = book
        self._ticks = book.live()
        self._identity = identity
        self._compiled = None if compiled is None else CompiledPool(book, compiled, identity, fee_protocol)

    def follow(self, events: EventBatch) -> None:
        """More events."""
        if self._compiled is None:
            for index in range(len(events)):
                self._live(events.event(index))
            return
        for part, is_known in self._pieces(events):
            if not is_known and self.point is not None:
                swap = part.event(0)
                self._earn_step(mean_step(self.point, swap, self._identity.fee_pips), self.point, swap)
            self.unexplained += self._compiled.follow(part, self.own if is_known else None)
            self.point = self._compiled.point
            for index in np.flatnonzero(np.isin(part.kind, _BY_HAND)).tolist():
                event = part.event(index)
                self._ticks.apply(event)
                if event.kind is EventKind.SET_FEE_PROTOCOL:
                    self.fee_protocol = event.amount_1

    def around(self, tick: int) -> Around:
        """What is known of others' liquidity around a tick, which a swap of ours may have taken off the tape's."""
        lower, upper = self._known(tick)
        return Around(
            others=self._others(tick),
            ticks=tuple((at, net) for at, net, _ in self._ticks.within(lower - 1, upper)),
            known_lower_tick=lower,
            known_upper_tick=upper,
            fee_pips=self._identity.fee_pips,
            tick_spacing=self._identity.tick_spacing,
            fee_protocol=self.fee_protocol,
        )

    def tick_states(self, tick: int, around: Around) -> tuple[TickState, ...]:
        """Initialized ticks between the known bounds, ours and others'."""
        lower, upper = around.known_lower_tick, around.known_upper_tick
        states = {at: state for at, state in self.own.tick_states(tick).items() if lower <= at <= upper}
        for at, net, gross in self._ticks.within(lower - 1, upper):
            ours = states.get(at, TickState(at, 0, 0, 0, 0))
            states[at] = TickState(
                at,
                ours.liquidity_gross + max(gross, abs(net)),  # a book made from crossings knows no more
                ours.liquidity_net + net,
                ours.fee_growth_outside_0_x128,
                ours.fee_growth_outside_1_x128,
            )
        return tuple(states[at] for at in sorted(states))

    def _earn(self, before: PoolPoint, swap: TapeEvent) -> None:
        fee_pips, spacing = self._identity.fee_pips, self._identity.tick_spacing
        found = None
        if self._book.unknown_between(before.tick, swap.tick) is None:
            found = replay(self._ticks, before, swap, fee_pips, spacing)
        steps: tuple[CrossingStep, ...] = (mean_step(before, swap, fee_pips),)
        if found is None or found.difference > _WITHIN_RAW:
            self.unexplained += 1
        else:
            steps = found.walk.steps
        for step in steps:
            self._earn_step(step, before, swap)

    def _earn_step(self, step: CrossingStep, before: PoolPoint, swap: TapeEvent) -> None:
        earn_step(self.own, step, is_zero_for_one(before, swap), self.fee_protocol)

    def _pieces(self, events: EventBatch) -> Iterator[tuple[EventBatch, bool]]:
        """Runs of events, and alone each swap that passes where the book is not known."""
        rows = np.flatnonzero(events.kind == EventKind.SWAP)
        alone: list[int] = []
        if self._book.unknown and len(rows):
            after = events.tick[rows]
            first = after[0] if self.point is None else self.point.tick
            low, high = (pick(after, np.concatenate(([first], after[:-1]))) for pick in (np.minimum, np.maximum))
            passes = [(low < upper) & (high >= lower) for lower, upper in self._book.unknown]
            alone = rows[np.any(passes, axis=0)].tolist()
        start = 0
        for row in alone:
            yield events.part(start, row), True
            yield events.part(row, row + 1), False
            start = row + 1
        yield events.part(start, len(events)), True

    def _live(self, event: TapeEvent) -> None:
        if event.kind is EventKind.SWAP and self.point is not None:
            self._earn(self.point, event)
        elif event.kind is EventKind.FLASH and self.point is not None:
            for zero_for_one, paid in ((True, event.amount_0), (False, event.amount_1)):
                at = self.point
                step = CrossingStep(at.sqrt_price_x96, at.sqrt_price_x96, at.tick, at.liquidity, paid)
                earn_step(self.own, step, zero_for_one, self.fee_protocol)
        elif event.kind is EventKind.SET_FEE_PROTOCOL:
            self.fee_protocol = event.amount_1
        self._ticks.apply(event)
        self.point = point_after(self.point, event)

    def _others(self, tick: int) -> int:
        if self.point is None:
            return 0
        low, high = sorted((self.point.tick, tick))
        passed = sum(net for _, net, _ in self._ticks.within(low, high))
        return self.point.liquidity + (passed if tick > self.point.tick else -passed)

    def _known(self, tick: int) -> tuple[int, int]:
        """No initialized tick is missing between the two, both included; ``tick`` is one of them."""
        # The book's lowest tick itself, and both ends of a stretch that is not known, may be initialized unseen.
        lower = max(tick - TICK_WINDOW, self._book.known_lower + 1, MIN_TICK)
        upper = min(tick + TICK_WINDOW, self._book.known_upper, MAX_TICK)
        for start, end in self._book.unknown:
            if end < tick:
                lower = max(lower, end + 1)
            elif start > tick:
                upper = min(upper, start - 1)
            else:
                return tick, tick
        return min(lower, tick), max(upper, tick)
