"""Finding the ticks inside a gap: intervals that swaps passed over and in which none ended.

A swap across a gap pays for every interval in it, so its two amounts say two things about what stands there:
the sum of liquidity times the move of sqrt price, and the sum of liquidity times the move of its inverse. Every other
swap across says the same two things again, but for rounding. Hence the search goes from the simplest book to the less
simple: no tick, one tick (its place is unknown, its net is not), two ticks (two places and the liquidity between
them). A book is accepted when every swap across comes out equal to the record and no other equally simple one does.
Three ticks have more unknowns than there are facts: such a gap stays undetermined.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from keeper.model.full_math import MathError
from keeper.model.swap_step import PIPS
from keeper.model.ticks import sqrt_price_at_tick
from keeper.world.tape.crossing import PoolPoint, is_zero_for_one, replay, walk
from keeper.world.tape.events import TapeEvent
from keeper.world.tape.tick_book_live import LiveBook

TOLERANCE_RAW: Final = 1
MOST_INTERVALS: Final = 200  # for two unknown ticks, whose pairs grow with the square
_UNLIMITED: Final = 1 << 200

Level = tuple[int, int]
"""From this interval on, this opening liquidity."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A swap across a gap: where it began, and the ticks it passed as known from elsewhere (tick, net, gross)."""

    swap: TapeEvent
    before: PoolPoint
    known: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class Gap:
    """Unknown intervals ``first`` to ``last``, and the opening liquidity on both sides of them."""

    first: int
    last: int
    below: int
    above: int


@dataclass(frozen=True, slots=True)
class Filling:
    """The opening liquidity inside a gap. ``ways``: how many equally simple books reproduce every swap (1: solved)."""

    nets: tuple[tuple[int, int], ...]
    ways: int


def fill(gap: Gap, passages: Sequence[Passage], fee_pips: int, tick_spacing: int) -> Filling:
    """The simplest book that every swap across the gap agrees with; ``ways`` 0 where none was found."""
    fitting = [
        nets
        for nets in (_nets(gap, levels, tick_spacing) for levels in _simplest(gap))
        if _worst(nets, passages, fee_pips, tick_spacing) <= TOLERANCE_RAW
    ]
    if fitting:
        return Filling(fitting[0], len(fitting))
    # Two ticks are told apart by what any rounding allows, not by the last raw unit: chance must not decide.
    spans = list(_two_ticks(gap, passages, fee_pips, tick_spacing))
    if len(spans) != 1:
        return Filling((), len(spans))
    worst, nets = _nearest(gap, spans[0], passages, fee_pips, tick_spacing)
    return Filling(nets, 1) if worst <= TOLERANCE_RAW else Filling((), 0)


def _simplest(gap: Gap) -> Iterator[tuple[Level, ...]]:
    """No tick where both sides agree, else one at any of the places."""
    if gap.below == gap.above:
        yield ()
        return
    for place in range(gap.first, gap.last + 2):
        yield ((place, gap.above),)


def _two_ticks(
    gap: Gap, passages: Sequence[Passage], fee_pips: int, tick_spacing: int
) -> Iterator[tuple[int, int, int, int]]:
    """Two places and the least and most liquidity between them that both amounts of every swap allow."""
    if gap.last - gap.first >= MOST_INTERVALS:
        return
    for lower in range(gap.first, gap.last + 1):
        for upper in range(lower + 1, gap.last + 2):
            least, most = 0, 1 << 128
            for passage in passages:
                span = _span(gap, lower, upper, passage, fee_pips, tick_spacing)
                least, most = (max(least, span[0]), min(most, span[1])) if span else (1, 0)
                if least > most:
                    break
            else:
                yield lower, upper, least, most


def _nearest(
    gap: Gap, span: tuple[int, int, int, int], passages: Sequence[Passage], fee_pips: int, tick_spacing: int
) -> tuple[int, tuple[tuple[int, int], ...]]:
    """The liquidity in the span with which the amounts come out best: the error falls towards it from both ends."""
    lower, upper, least, most = span
    while True:
        width = max((most - least) // 8, 1)
        tried = []
        for middle in range(least, most + 1, width):
            nets = _nets(gap, ((lower, middle), (upper, gap.above)), tick_spacing)
            tried.append((_worst(nets, passages, fee_pips, tick_spacing), middle, nets))
        worst, middle, nets = min(tried)
        if width == 1:
            return worst, nets
        least, most = max(least, middle - width), min(most, middle + width)


def _nets(gap: Gap, levels: Sequence[Level], tick_spacing: int) -> tuple[tuple[int, int], ...]:
    nets, liquidity = [], gap.below
    for place, level in levels:
        if level != liquidity:
            nets.append((place * tick_spacing, level - liquidity))
        liquidity = level
    return tuple(nets)


def _span(
    gap: Gap, lower: int, upper: int, passage: Passage, fee_pips: int, tick_spacing: int
) -> tuple[int, int] | None:
    """Which liquidity between the places the amounts of one swap allow, to within their rounding.

    Amounts are linear in it: what the swap would move with the liquidity of below, taken from what it did move, is what
    the difference moved.
    """
    zero_for_one = is_zero_for_one(passage.before, passage.swap)
    nets = _nets(gap, ((lower, gap.below), (upper, gap.above)), tick_spacing)
    row = _row(nets, passage, tick_spacing)
    try:
        base = walk(row, passage.before, _UNLIMITED, passage.swap.sqrt_price_x96, fee_pips, zero_for_one=zero_for_one)
    except MathError:
        return None
    slack = 2 * len(base.steps) + 4
    low_x96, high_x96 = (sqrt_price_at_tick(place * tick_spacing) for place in (lower, upper))
    # Raw units for each unit of liquidity as (numerator, denominator), fee included where the token was paid in.
    per_unit = (
        ((high_x96 - low_x96) << 96, low_x96 * high_x96, passage.swap.amount_0 - base.amount_0, zero_for_one),
        (high_x96 - low_x96, 1 << 96, passage.swap.amount_1 - base.amount_1, not zero_for_one),
    )
    least, most = -gap.below, 1 << 128
    for top, bottom, excess, paid in per_unit:
        scaled_top, scaled_bottom = (top * PIPS, bottom * (PIPS - fee_pips)) if paid else (top, bottom)
        moved = excess if paid else -excess
        least = max(least, -(-(moved - slack) * scaled_bottom // scaled_top))
        most = min(most, (moved + slack) * scaled_bottom // scaled_top)
    return gap.below + least, gap.below + most


def _row(nets: Sequence[tuple[int, int]], passage: Passage, tick_spacing: int) -> LiveBook:
    row = LiveBook(tick_spacing, passage.known)
    for tick, net in nets:
        row.add(tick, net, abs(net))
    return row


def _worst(nets: Sequence[tuple[int, int]], passages: Sequence[Passage], fee_pips: int, tick_spacing: int) -> int:
    """The largest error in raw units of all swaps across the gap."""
    worst = 0
    for passage in passages:
        row = _row(nets, passage, tick_spacing)
        found = replay(row, passage.before, passage.swap, fee_pips, tick_spacing)
        if found is None:
            return _UNLIMITED
        worst = max(worst, found.difference)
    return worst
