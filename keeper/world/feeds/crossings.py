"""Where a swap's liquidity changed on its way: found by the amounts it paid and received, which must fit to the unit.

A step that reaches a tick pays ``ceil(in * f / (1 - f))`` on ``in = ceil(L * move)`` (``SwapMath.computeSwapStep``), so
the stretches up to the last are known once their ticks are; the fee of the last is what remains of the amount paid, and
must be the fee on its own move. A wrong tick misses by millions of units, the right one by one or two.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from keeper.model.full_math import Q96
from keeper.model.liquidity import amount0_delta, amount1_delta
from keeper.model.observation import TickState
from keeper.model.ticks import ceil_to_spacing, sqrt_price_at_tick, tick_at_sqrt_price

FEE_UNITS: Final = 1_000_000
_STEP_UNITS: Final = 4  # what rounding may leave between two reckonings of one step, raw units
_MOST_TICKS: Final = 100
_MOST_TICKS_IN_PAIRS: Final = 12


@dataclass(frozen=True, slots=True)
class Move:
    """A swap as its event tells it. ``cut``: the protocol takes one part in so many of the fees; 0 for none."""

    pays_0: bool
    paid: int
    received: int
    after_x96: int
    liquidity: int
    fee_pips: int
    tick_spacing: int
    cut: int

    def amount_in(self, before_x96: int, after_x96: int, liquidity: int) -> int:
        """What moves the price so far, before fees, rounded up."""
        delta = amount0_delta if self.pays_0 else amount1_delta
        return delta(before_x96, after_x96, liquidity, round_up=True)

    def amount_out(self, before_x96: int, after_x96: int, liquidity: int) -> int:
        """What the pool pays for it, rounded down."""
        delta = amount1_delta if self.pays_0 else amount0_delta
        return delta(before_x96, after_x96, liquidity, round_up=False)

    def fee_on(self, amount_in: int) -> int:
        """The fee of a step that reaches its tick."""
        return -(-amount_in * self.fee_pips // (FEE_UNITS - self.fee_pips))

    def is_fee_of_last(self, fee: int, from_x96: int) -> bool:
        """Whether it is the fee of the last stretch but for rounding: of each step (one for every word of the tick
        bitmap), and of the price, whose last digit is worth so many raw units of a very large liquidity."""
        after, liquidity = self.after_x96, self.liquidity
        expected = self.fee_on(self.amount_in(from_x96, after, liquidity))
        grain = liquidity * Q96 // (after * after) if self.pays_0 else liquidity // Q96
        words = 1 + (abs(after - from_x96) * 20_000 // min(from_x96, after)) // (256 * self.tick_spacing)
        return fee >= 0 and abs(fee - expected) <= _STEP_UNITS * words + 2 * grain

    def share(self, fee: int, liquidity: int) -> int:
        """What a fee adds per unit of liquidity (Q128), the protocol's part taken off."""
        return ((fee - (fee // self.cut if self.cut else 0)) << 128) // liquidity


Stretch = tuple[int, int, int]
"""From and to sqrt price (Q96), and the liquidity between."""


def growth_over_ticks(before_x96: int, liquidity_before: int, move: Move, book: Sequence[TickState]) -> int | None:
    """The growth of a swap that crossed ticks where liquidity changed: those of the ``book``, which is today's and may
    not be that of the time, or any one or two others. None where nothing fits, or more than one thing does."""
    known = _growth(_through_book(before_x96, liquidity_before, move, book), move)
    if known is not None:
        return known
    ticks = list(_ticks_between(before_x96, move))
    for try_ in (_over_one, _over_two):
        paths = try_(before_x96, liquidity_before, ticks, move)
        found = {growth for path in paths if (growth := _growth(path, move)) is not None}
        if found:
            return found.pop() if len(found) == 1 else None
    return None


def _through_book(before: int, liquidity: int, move: Move, book: Sequence[TickState]) -> list[Stretch]:
    """The stretches between the book's ticks; empty where they do not lead to the liquidity that the swap ended in."""
    crossed = ticks_crossed(before, move.after_x96, book)
    path: list[Stretch] = []
    for price, net in reversed(crossed) if move.pays_0 else crossed:
        path.append((before, price, liquidity))
        before, liquidity = price, liquidity + (-net if move.pays_0 else net)
    return [*path, (before, move.after_x96, liquidity)] if liquidity == move.liquidity else []


def ticks_crossed(from_x96: int, to_x96: int, book: Sequence[TickState]) -> list[tuple[int, int]]:
    """Sqrt price (Q96) and net liquidity of the book's ticks between two prices, ascending."""
    low, high = sorted((from_x96, to_x96))
    begin = bisect_left(book, tick_at_sqrt_price(low), key=_tick)
    end = bisect_right(book, tick_at_sqrt_price(high), key=_tick)
    near = [(sqrt_price_at_tick(each.tick), each.liquidity_net) for each in book[begin:end]]
    return [(price, net) for price, net in near if low <= price <= high]


def _tick(state: TickState) -> int:
    return state.tick


def _ticks_between(before_x96: int, move: Move) -> Iterator[int]:
    """The sqrt prices of the ticks where liquidity may change on the way, in the order of the swap."""
    low, high = sorted((before_x96, move.after_x96))
    first = ceil_to_spacing(tick_at_sqrt_price(low), move.tick_spacing)
    ticks = range(first, tick_at_sqrt_price(high) + 1, move.tick_spacing)
    if len(ticks) <= _MOST_TICKS:
        prices = [price for tick in ticks if low <= (price := sqrt_price_at_tick(tick)) <= high]
        yield from reversed(prices) if move.pays_0 else prices


def _over_one(before: int, liquidity: int, ticks: list[int], move: Move) -> Iterator[list[Stretch]]:
    for tick in ticks:
        yield [(before, tick, liquidity), (tick, move.after_x96, move.liquidity)]


def _over_two(before: int, liquidity: int, ticks: list[int], move: Move) -> Iterator[list[Stretch]]:
    """The liquidity between the two ticks is what the amount received leaves for it."""
    if len(ticks) > _MOST_TICKS_IN_PAIRS:
        return
    for first, second in combinations(ticks, 2):
        rest = move.received - move.amount_out(before, first, liquidity)
        rest -= move.amount_out(second, move.after_x96, move.liquidity)
        distance = abs(second - first)
        between = rest * first * second // (distance * Q96) if not move.pays_0 else rest * Q96 // distance
        if between > 0:
            last = second, move.after_x96, move.liquidity
            yield [(before, first, liquidity), (first, second, between), last]


def _growth(path: list[Stretch], move: Move) -> int | None:
    """The growth along the stretches, if the amounts fit them."""
    if not path or any(liquidity <= 0 for *_, liquidity in path):
        return None
    out = sum(move.amount_out(*stretch) for stretch in path)
    if abs(out - move.received) > len(path) + move.liquidity // Q96:
        return None
    left, growth = move.paid, 0
    for before_x96, after_x96, liquidity in path[:-1]:
        paid = move.amount_in(before_x96, after_x96, liquidity)
        fee = move.fee_on(paid)
        left -= paid + fee
        growth += move.share(fee, liquidity)
    fee = left - move.amount_in(*path[-1])
    return growth + move.share(fee, move.liquidity) if move.is_fee_of_last(fee, path[-1][0]) else None
