"""What a range earned between two points of a tape, exact as the contract reckons it.

Each step of a swap adds ``floor((fee - protocol's cut) * 2**128 / liquidity)`` to the pool's fee growth; what was added
while the tick was inside the range is the growth inside, and a position gets ``floor(growth * liquidity / 2**128)``
(whitepaper eq. 6.17 to 6.28; ``Position.update``). The liquidity that shares a fee is the recorded one: a position
that was really there is in it. For one that was not, this is what it earns if the recorded price path stays (each
unit of liquidity earns by the path alone), without thinning out the recorded flow.

A swap that cannot be walked is bounded: see ``range_fees_bounds``.
"""

from __future__ import annotations

from dataclasses import dataclass

from keeper.model.full_math import Q128, mul_div
from keeper.model.ticks import sqrt_price_at_tick
from keeper.world.tape.crossing import CrossingStep, PoolPoint, is_zero_for_one
from keeper.world.tape.events import EventKind, TapeEvent
from keeper.world.tape.range_fees_bounds import Bound, Terms, along_the_path, of_the_seed, whole_fee
from keeper.world.tape.tick_book import TickBook, Undetermined, check_swap
from keeper.world.tape.tick_book_profile import follow


@dataclass(frozen=True, slots=True)
class TapeSpan:
    """Events after ``after`` (its own is left out) up to ``until`` (its own is in), as (block, log index)."""

    after: tuple[int, int]
    until: tuple[int, int]


@dataclass(frozen=True, slots=True)
class RangeFees:
    """Raw units, after the protocol's cut. Equal figures where every swap is determined; else the truth lies between
    ``fees_*`` and ``most_*``.

    ``swaps_in_range`` touched the range, and ``undetermined`` are those among them that could not be walked.
    ``least_liquidity``: the smallest active liquidity that shared a fee in the range (0: no fee was shared).
    ``worst_difference``: raw units, of the amounts of the swaps that were walked.
    """

    fees_0: int
    fees_1: int
    most_0: int
    most_1: int
    swaps_in_range: int
    undetermined: tuple[Undetermined, ...]
    worst_difference: int
    least_liquidity: int


class RangeReckoner:
    """Follows a tape from its first event (``book`` is that of its opening) and sums what a range earns in the span.

    ``fee_protocol``: slot0's packed figure at the opening; the tape's own SET_FEE_PROTOCOL change it.
    """

    def __init__(
        self, book: TickBook, fee_pips: int, ticks: tuple[int, int], span: TapeSpan, *, fee_protocol: int = 0
    ) -> None:
        self._book, self._live, self._point = book, book.live(), book.point
        self._fee_pips, self._span, self._fee_protocol = fee_pips, span, fee_protocol
        self._lower, self._upper = ticks
        self._edges_x96 = (sqrt_price_at_tick(ticks[0]), sqrt_price_at_tick(ticks[1]))
        self._growth_x128 = [0, 0]
        self._bounds: list[Bound] = []
        self._undetermined: list[Undetermined] = []
        self._in_range = self._worst = self._least_liquidity = 0

    def see(self, event: TapeEvent, index: int, *, reckon: bool = True) -> None:
        """The next event of the tape, its ``index``-th. Not to reckon: it only says where the pool stood after it."""
        if reckon and self._span.after < (event.block_number, event.log_index) <= self._span.until:
            if event.kind is EventKind.SWAP:
                self._swap(event, index)
            elif event.kind is EventKind.FLASH:
                self._flash(event)
        self._live.apply(event)
        self._point = follow(self._point, event)
        if event.kind is EventKind.SET_FEE_PROTOCOL:
            self._fee_protocol = event.amount_1

    def result(self, liquidity: int) -> RangeFees:
        """What so much liquidity earned until now."""
        least, most = list(self._growth_x128), list(self._growth_x128)
        slack = [0, 0]
        for bound in self._bounds:
            token = _token_in(bound.zero_for_one)
            least[token] += bound.least_x128
            most[token] += bound.most_x128
            slack[token] += bound.slack_raw
        fees = [growth * liquidity // Q128 for growth in least]
        highest = [growth * liquidity // Q128 + more for growth, more in zip(most, slack, strict=True)]
        return RangeFees(
            fees_0=fees[0],
            fees_1=fees[1],
            most_0=highest[0],
            most_1=highest[1],
            swaps_in_range=self._in_range,
            undetermined=tuple(self._undetermined),
            worst_difference=self._worst,
            least_liquidity=self._least_liquidity,
        )

    def _swap(self, swap: TapeEvent, index: int) -> None:
        before = self._point
        low, high = sorted((swap.tick if before is None else before.tick, swap.tick))
        if before is not None and (high < self._lower or low >= self._upper):
            return
        why, found = check_swap(self._book, self._live, before, swap, self._fee_pips)
        if why is not None or found is None:
            bound = self._bound(before, swap)
            if bound.most_x128 or bound.slack_raw:  # else its path, though not known to the unit, was elsewhere
                self._in_range += 1
                self._bounds.append(bound)
                self._undetermined.append(Undetermined(index, swap.block_number, swap.log_index, why or ""))
            return
        self._in_range += 1
        self._worst = max(self._worst, found.difference)
        for step in found.walk.steps:
            self._step(step, zero_for_one=found.zero_for_one)

    def _step(self, step: CrossingStep, *, zero_for_one: bool) -> None:
        part = self._part_inside(step, zero_for_one=zero_for_one)
        if part[0] and step.liquidity:
            cut = self._protocol(zero_for_one=zero_for_one)
            growth_x128 = mul_div(step.fee - (step.fee // cut if cut else 0), Q128, step.liquidity)
            self._growth_x128[_token_in(zero_for_one)] += growth_x128 * part[0] // part[1]
            self._shared(step.liquidity)

    def _part_inside(self, step: CrossingStep, *, zero_for_one: bool) -> tuple[int, int]:
        """Which part of a step was inside, as a fraction: all or nothing for a position that was there (its own ticks
        end the steps); a range that was not there is cut where its edge lies on the path."""
        low_x96, high_x96 = sorted((step.from_x96, step.to_x96))
        lower_x96, upper_x96 = self._edges_x96
        if low_x96 == high_x96 or (low_x96 >= lower_x96 and high_x96 <= upper_x96):
            return int(self._lower <= step.tick < self._upper), 1
        inside_low, inside_high = max(low_x96, lower_x96), min(high_x96, upper_x96)
        if inside_low >= inside_high:
            return 0, 1
        if zero_for_one:  # token0 goes with the inverse of the sqrt price
            return (inside_high - inside_low) * low_x96 * high_x96, (high_x96 - low_x96) * inside_low * inside_high
        return inside_high - inside_low, high_x96 - low_x96

    def _flash(self, event: TapeEvent) -> None:
        """``UniswapV3Pool.flash``: what was paid for a loan goes to the liquidity in range, as fees of both tokens."""
        point = self._point
        if point is None or not self._lower <= point.tick < self._upper or not point.liquidity:
            return
        for token, paid in enumerate((event.amount_0, event.amount_1)):
            cut = self._protocol(zero_for_one=token == 0)
            self._growth_x128[token] += mul_div(paid - (paid // cut if cut else 0), Q128, point.liquidity)
        self._shared(point.liquidity)

    def _bound(self, before: PoolPoint | None, swap: TapeEvent) -> Bound:
        zero_for_one = is_zero_for_one(before or PoolPoint(swap.sqrt_price_x96, swap.tick, swap.liquidity), swap)
        cut = self._protocol(zero_for_one=zero_for_one)
        terms = Terms(self._lower, self._upper, self._fee_pips, self._book.tick_spacing, cut)
        if before is None:
            return of_the_seed(terms, swap, self._book, self._live)
        if self._book.unknown_between(before.tick, swap.tick) is None:
            return whole_fee(terms, swap, zero_for_one=zero_for_one)
        return along_the_path(terms, before.sqrt_price_x96, swap.sqrt_price_x96, zero_for_one=zero_for_one)

    def _protocol(self, *, zero_for_one: bool) -> int:
        return self._fee_protocol & 15 if zero_for_one else self._fee_protocol >> 4

    def _shared(self, liquidity: int) -> None:
        self._least_liquidity = min(self._least_liquidity or liquidity, liquidity)


def _token_in(zero_for_one: bool) -> int:
    return 0 if zero_for_one else 1
