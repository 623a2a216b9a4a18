"""A book of ticks that changes with every mint and burn, and the liquidity that a tape's own mints and burns make."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable

from keeper.model.ticks import MAX_TICK, MIN_TICK
from keeper.world.tape.events import EventKind, TapeEvent


class LiveBook:
    """Net liquidity by tick as it stands now. A tick is initialized while its gross liquidity, as far as it is known,
    is above zero; where the gross is not known, at least the net's size stands there."""

    def __init__(self, tick_spacing: int, opening: Iterable[tuple[int, int, int | None]] = ()) -> None:
        self.spacing = tick_spacing
        self._net: dict[int, int] = {}
        self._gross: dict[int, int] = {}
        for tick, net, gross in opening:
            self._net[tick] = net
            self._gross[tick] = abs(net) if gross is None else gross
        self._ticks = sorted(tick for tick in self._net if self._is_initialized(tick))

    def apply(self, event: TapeEvent) -> None:
        """Follow a MINT or BURN; other kinds change no tick."""
        if event.kind not in (EventKind.MINT, EventKind.BURN) or not event.liquidity:
            return
        change = event.liquidity if event.kind is EventKind.MINT else -event.liquidity
        self.add(event.lower_tick, change, change)
        self.add(event.upper_tick, -change, change)

    def add(self, tick: int, net: int, gross: int) -> None:
        """Change one tick."""
        before = self._is_initialized(tick)
        self._net[tick] = self._net.get(tick, 0) + net
        self._gross[tick] = self._gross.get(tick, 0) + gross
        after = self._is_initialized(tick)
        if after and not before:
            insort(self._ticks, tick)
        elif before and not after:
            del self._ticks[bisect_left(self._ticks, tick)]

    def within(self, above: int, up_to: int) -> list[tuple[int, int, int]]:
        """Ticks in ``(above, up_to]`` as (tick, net, gross)."""
        found = self._ticks[bisect_right(self._ticks, above) : bisect_right(self._ticks, up_to)]
        return [(tick, self._net[tick], self._gross[tick]) for tick in found]

    def next_within_word(self, tick: int, *, zero_for_one: bool) -> tuple[int, int | None]:
        """As ``TickBitmap.nextInitializedTickWithinOneWord``, bounded by the lowest and highest tick."""
        compressed = tick // self.spacing
        index = bisect_right(self._ticks, tick)
        if zero_for_one:
            edge = (compressed >> 8 << 8) * self.spacing
            if index and self._ticks[index - 1] >= edge:
                return self._ticks[index - 1], self._net[self._ticks[index - 1]]
            return max(edge, MIN_TICK), None
        edge = (compressed + 1 | 255) * self.spacing
        if index < len(self._ticks) and self._ticks[index] <= edge:
            return self._ticks[index], self._net[self._ticks[index]]
        return min(edge, MAX_TICK), None

    def _is_initialized(self, tick: int) -> bool:
        return self._gross.get(tick, 0) > 0 or self._net.get(tick, 0) != 0


class OwnChanges:
    """The liquidity that the tape's mints and burns have made (or taken) at a tick that wanders: asked at the tick of
    every swap, it sums only the ticks that were passed since it was last asked."""

    def __init__(self) -> None:
        self._net: dict[int, int] = {}
        self._ticks: list[int] = []
        self._at = MIN_TICK - 1
        self._sum = 0

    def apply(self, event: TapeEvent) -> None:
        """Follow a MINT or BURN."""
        change = event.liquidity if event.kind is EventKind.MINT else -event.liquidity
        for tick, net in ((event.lower_tick, change), (event.upper_tick, -change)):
            if tick not in self._net:
                insort(self._ticks, tick)
            self._net[tick] = self._net.get(tick, 0) + net
            if tick <= self._at:
                self._sum += net

    def at(self, tick: int) -> int:
        """The sum of changes active at a tick."""
        low, high = sorted((self._at, tick))
        if low != high:
            passed = self._ticks[bisect_right(self._ticks, low) : bisect_right(self._ticks, high)]
            moved = sum(self._net[each] for each in passed)
            self._sum += moved if tick > self._at else -moved
            self._at = tick
        return self._sum
