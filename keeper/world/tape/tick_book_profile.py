"""What every swap says about the book: the active liquidity at its last tick, so the opening book's there.

All initialized ticks are multiples of the spacing, so liquidity is constant within an *interval* (from one multiple to
the next). A Swap log gives the active liquidity where it ended; less what the tape's own mints and burns have put
there, that is the opening book's of the whole interval. Two neighbouring intervals give the net of the tick between.
Only intervals that were passed over, and in which no swap ever ended, stay unknown: they are the *gaps*.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from keeper.errors import ConfigError
from keeper.world.tape.crossing import PoolPoint
from keeper.world.tape.events import EventKind, TapeEvent
from keeper.world.tape.tick_book_live import OwnChanges


@dataclass(slots=True)
class Profile:
    """The opening liquidity by interval (tick // spacing), as swaps told it.

    Where logs are missing two swaps tell different figures; the first is kept, and the swaps that do not fit it are
    found when each is walked. ``passed``: pairs of intervals that a swap went over without a stop between; ``burnt``:
    the least gross liquidity that a tick must have had at the opening for its burns to be possible; ``born``: the tape
    begins with the pool's own birth.
    """

    tick_spacing: int
    liquidity: dict[int, int] = field(default_factory=dict)
    passed: set[tuple[int, int]] = field(default_factory=set)
    burnt: dict[int, int] = field(default_factory=dict)
    born: bool = False

    def gaps(self) -> list[tuple[int, int]]:
        """Runs of unknown intervals (first, last) that were passed over, in rising order."""
        found: set[tuple[int, int]] = set()
        for low, high in self.passed:
            first: int | None = None
            for interval in range(low + 1, high + 1):
                if interval not in self.liquidity:
                    first = interval if first is None else first
                elif first is not None:
                    found.add((first, interval - 1))
                    first = None
        return sorted(found)


def read_profile(events: Iterable[TapeEvent], tick_spacing: int) -> Profile:
    """One pass over the events of a tape whose opening book is not known.

    Raises:
        ConfigError: a mint or burn at a tick that is no multiple of the spacing.
    """
    profile, changes, gross = Profile(tick_spacing), OwnChanges(), dict[int, int]()
    interval: int | None = None
    for event in events:
        if event.kind is EventKind.SWAP:
            opening = event.liquidity - changes.at(event.tick)
            reached = event.tick // tick_spacing
            profile.liquidity.setdefault(reached, opening)
            if interval is not None and abs(interval - reached) > 1:
                profile.passed.add((min(interval, reached), max(interval, reached)))
            interval = reached
        elif event.kind in (EventKind.MINT, EventKind.BURN):
            require_spacing(event, tick_spacing)
            changes.apply(event)
            change = event.liquidity if event.kind is EventKind.MINT else -event.liquidity
            for tick in (event.lower_tick, event.upper_tick):
                gross[tick] = gross.get(tick, 0) + change
                if gross[tick] < 0:
                    profile.burnt[tick] = max(profile.burnt.get(tick, 0), -gross[tick])
        elif event.kind is EventKind.INITIALIZE:
            profile.born, interval = True, event.tick // tick_spacing
    return profile


def require_spacing(event: TapeEvent, tick_spacing: int) -> None:
    """Raises ConfigError where a mint or burn has ticks that the pool cannot have."""
    if event.lower_tick % tick_spacing or event.upper_tick % tick_spacing:
        raise ConfigError(
            f"block {event.block_number}, log {event.log_index}: ticks {event.lower_tick} to {event.upper_tick} are no "
            f"multiples of the tick spacing {tick_spacing}; the tape is of another pool, or the fee given is not its"
        )


def follow(point: PoolPoint | None, event: TapeEvent) -> PoolPoint | None:
    """Where the pool stands after an event; None while it is not known."""
    if event.kind is EventKind.SWAP:
        return PoolPoint(event.sqrt_price_x96, event.tick, event.liquidity)
    if event.kind is EventKind.INITIALIZE:
        return PoolPoint(event.sqrt_price_x96, event.tick, 0)
    if point is None or event.kind not in (EventKind.MINT, EventKind.BURN):
        return point
    if not event.lower_tick <= point.tick < event.upper_tick:
        return point
    change = event.liquidity if event.kind is EventKind.MINT else -event.liquidity
    return PoolPoint(point.sqrt_price_x96, point.tick, point.liquidity + change)
