"""The opening tick book of a tape, found again from what its swaps crossed, and every swap checked against it.

``tick_book_profile`` reads the liquidity of every interval in which a swap ended, ``tick_book_gaps`` searches what
stands in those that were only passed over, and here each swap is walked through the book so found. A swap that does
not come out as recorded (price, tick and liquidity equal, amounts within one raw unit), or that passes a stretch which
stays unknown, is named and left out. The first swap of a tape has no start: it is the seed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from keeper.model.ticks import MAX_TICK, MIN_TICK
from keeper.world.tape.crossing import PoolPoint, Replay, replay
from keeper.world.tape.events import EventKind, TapeEvent
from keeper.world.tape.tick_book_gaps import TOLERANCE_RAW, Filling, Gap, Passage, fill
from keeper.world.tape.tick_book_live import LiveBook
from keeper.world.tape.tick_book_profile import Profile, follow, read_profile

SEED: Final = "the first swap of the tape: the price before it is not known"
LOGS_MISSING: Final = "it does not lead from where the pool stood to where it is said to end: logs are missing"

TickRecord = tuple[int, int, int | None]
"""(tick, net liquidity, gross liquidity or None where it is not known)."""


@dataclass(frozen=True, slots=True)
class KnownOpening:
    """A pool's state before the first event, known from elsewhere: every initialized tick, and where the price was."""

    ticks: tuple[TickRecord, ...]
    point: PoolPoint | None = None


@dataclass(frozen=True, slots=True)
class Undetermined:
    """A swap that could not be reproduced. ``index`` counts the events handed in, from 0."""

    index: int
    block_number: int
    log_index: int
    why: str


@dataclass(frozen=True, slots=True)
class TickBook:
    """The book before the first event.

    Between ``known_lower`` (inclusive; what is initialized at that very tick is not known) and ``known_upper`` no tick
    is missing but inside ``unknown``: stretches [lower, upper] that swaps passed and nothing tells; one tick at their
    lower end stands for all, so that the liquidity beyond is right. ``burnt``: gross liquidity that a tick had at the
    least, since it was burnt later.
    """

    tick_spacing: int
    opening: tuple[TickRecord, ...]
    known_lower: int
    known_upper: int
    unknown: tuple[tuple[int, int], ...] = ()
    burnt: tuple[tuple[int, int], ...] = ()
    point: PoolPoint | None = None

    def live(self) -> LiveBook:
        """A book that can follow the tape's mints and burns from its first event on."""
        least = dict(self.burnt)
        rows = [
            (tick, net, max(abs(net), least.pop(tick, 0)) if gross is None else gross)
            for tick, net, gross in self.opening
        ]
        return LiveBook(self.tick_spacing, [*rows, *((tick, 0, gross) for tick, gross in least.items())])

    def unknown_between(self, tick: int, other_tick: int) -> tuple[int, int] | None:
        """The first unknown stretch that a move between two ticks touches."""
        low, high = sorted((tick, other_tick))
        return next(((lower, upper) for lower, upper in self.unknown if low < upper and high >= lower), None)


@dataclass(frozen=True, slots=True)
class Reconstruction:
    """A book and how well the tape's swaps fit it. ``worst_difference``: raw units, of all determined swaps."""

    book: TickBook
    swaps: int
    undetermined: tuple[Undetermined, ...]
    worst_difference: int

    @property
    def opening(self) -> tuple[TickRecord, ...]:
        """Ticks of the opening book in rising order."""
        return self.book.opening

    @property
    def known_lower(self) -> int:
        return self.book.known_lower

    @property
    def known_upper(self) -> int:
        return self.book.known_upper


def reconstruct(
    events: Iterable[TapeEvent], fee_pips: int, tick_spacing: int, opening: KnownOpening | None = None
) -> Reconstruction:
    """The opening book and every swap checked against it.

    Args:
        events: in the order of the chain; walked three times, so not a one-time iterator.

    Raises:
        ConfigError: a mint or burn at a tick that is no multiple of the spacing.
    """
    book = infer_book(events, fee_pips, tick_spacing, opening)
    live, point = book.live(), book.point
    swaps = worst = 0
    undetermined: list[Undetermined] = []
    for index, event in enumerate(events):
        live.apply(event)
        if event.kind is EventKind.SWAP:
            swaps += 1
            why, found = check_swap(book, live, point, event, fee_pips)
            if why is not None:
                undetermined.append(Undetermined(index, event.block_number, event.log_index, why))
            worst = max(worst, found.difference if found is not None else 0)
        point = follow(point, event)
    return Reconstruction(book, swaps, tuple(undetermined), worst)


def check_swap(
    book: TickBook, live: LiveBook, before: PoolPoint | None, swap: TapeEvent, fee_pips: int
) -> tuple[str | None, Replay | None]:
    """The swap walked again, or why it is undetermined."""
    if before is None:
        return SEED, None
    stretch = book.unknown_between(before.tick, swap.tick)
    if stretch is not None:
        return f"it passes ticks {stretch[0]} to {stretch[1]}, where the book is not known", None
    found = replay(live, before, swap, fee_pips, book.tick_spacing)
    if found is None:
        return LOGS_MISSING, None
    if found.difference > TOLERANCE_RAW:
        return f"its amounts are {found.difference} raw units off what the pool would have moved", None
    return None, found


def infer_book(
    events: Iterable[TapeEvent], fee_pips: int, tick_spacing: int, opening: KnownOpening | None = None
) -> TickBook:
    """The opening book alone: one pass, and a second where there are gaps; a known opening is taken as it is.

    Raises:
        ConfigError: a mint or burn at a tick that is no multiple of the spacing.
    """
    if opening is not None:
        rows = tuple(sorted(opening.ticks))
        return TickBook(tick_spacing, rows, MIN_TICK, MAX_TICK, point=opening.point)
    profile = read_profile(events, tick_spacing)
    if profile.born:
        return TickBook(tick_spacing, (), MIN_TICK, MAX_TICK)
    book = _from_profile(profile)
    gaps = profile.gaps()
    return _fill_gaps(book, profile, gaps, _passages(events, book, gaps), fee_pips) if gaps else book


def _from_profile(profile: Profile) -> TickBook:
    spacing, known = profile.tick_spacing, profile.liquidity
    nets = [
        (interval * spacing, known[interval] - known[interval - 1], None)
        for interval in sorted(known)
        if interval - 1 in known and known[interval] != known[interval - 1]
    ]
    lower, upper = min(known, default=0) * spacing, (max(known, default=-1) + 1) * spacing - 1
    return TickBook(spacing, tuple(nets), lower, upper, burnt=tuple(sorted(profile.burnt.items())))


def _passages(
    events: Iterable[TapeEvent], book: TickBook, gaps: Sequence[tuple[int, int]]
) -> list[tuple[set[tuple[int, int]], Passage]]:
    """Every swap across a gap, with the gaps that it crosses."""
    live, point = book.live(), book.point
    found = []
    for event in events:
        live.apply(event)
        if event.kind is EventKind.SWAP and point is not None:
            low, high = sorted((point.tick, event.tick))
            crossed = {gap for gap in gaps if low // book.tick_spacing < gap[0] and high // book.tick_spacing > gap[1]}
            if crossed:
                found.append((crossed, Passage(event, point, tuple(live.within(low, high)))))
        point = follow(point, event)
    return found


def _fill_gaps(
    book: TickBook,
    profile: Profile,
    gaps: Sequence[tuple[int, int]],
    passages: Sequence[tuple[set[tuple[int, int]], Passage]],
    fee_pips: int,
) -> TickBook:
    """Gaps are filled from swaps that cross no other unknown one, until nothing more is learnt."""
    spacing, left, solved = book.tick_spacing, list(gaps), dict[tuple[int, int], Filling]()
    while True:
        learnt = False
        for gap in list(left):
            alone = [
                replace(passage, known=_joined(passage.known, crossed - {gap}, solved))
                for crossed, passage in passages
                if gap in crossed and all(other in solved for other in crossed - {gap})
            ]
            if not alone:
                continue
            sides = Gap(*gap, below=profile.liquidity[gap[0] - 1], above=profile.liquidity[gap[1] + 1])
            filling = fill(sides, alone, fee_pips, spacing)
            left.remove(gap)
            if filling.ways == 1:
                solved[gap], learnt = filling, True
        if not learnt:
            break
    nets = {tick: net for tick, net, _ in book.opening}
    nets |= {tick: net for filling in solved.values() for tick, net in filling.nets}
    for first, last in gaps:
        if (first, last) not in solved:
            nets[first * spacing] = profile.liquidity[last + 1] - profile.liquidity[first - 1]
    unknown = [(first * spacing, (last + 1) * spacing) for first, last in gaps if (first, last) not in solved]
    return replace(book, opening=tuple((tick, nets[tick], None) for tick in sorted(nets)), unknown=tuple(unknown))


def _joined(
    known: tuple[tuple[int, int, int], ...],
    gaps: Iterable[tuple[int, int]],
    solved: dict[tuple[int, int], Filling],
) -> tuple[tuple[int, int, int], ...]:
    rows = {tick: (net, gross) for tick, net, gross in known}
    for gap in gaps:
        for tick, net in solved[gap].nets:
            before = rows.get(tick, (0, 0))
            rows[tick] = (before[0] + net, before[1] + abs(net))
    return tuple((tick, net, gross) for tick, (net, gross) in rows.items())
