"""A swap of ours in a pool on a tape, and the time for which it keeps the price off the tape's."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass

from keeper.model.swap import SwapResult, swap
from keeper.model.ticks import sqrt_price_at_tick
from keeper.world.tape.own_ranges import OwnRanges


@dataclass(frozen=True, slots=True)
class Around:
    """What others have around the price: active liquidity and (tick, net) of all initialized ticks between the known
    bounds. ``fee_protocol`` is slot0's packed figure."""

    others: int
    ticks: tuple[tuple[int, int], ...]
    known_lower_tick: int
    known_upper_tick: int
    fee_pips: int
    tick_spacing: int
    fee_protocol: int


def swap_through(
    own: OwnRanges, around: Around, price: tuple[int, int], zero_for_one: bool, amount_in: int, limit_x96: int
) -> SwapResult:
    """An exact input against others' liquidity and ours from ``price`` (sqrt price, tick); our ranges get their part.

    The swap is made once whole, and again from one end of ours to the next to see what was earned in between: a swap
    that stops at a tick and one that goes on from there are the contract's steps of the one swap.

    Raises:
        MathError: where the pool would revert.
        TickRangeExceeded: it would leave the ticks that are known.
    """
    liquidity = around.others + own.active(price[1])
    whole = _swap(own, around, (*price, liquidity), zero_for_one, amount_in, limit_x96)
    ends = [sqrt_price_at_tick(tick) for tick in whole.crossed_ticks if tick in own.edges]
    at, left = (*price, liquidity), amount_in
    for end_x96 in (*ends, None):
        if end_x96 == at[0]:
            continue  # crossed where it stands: the next part does it
        if left == 0 or at[0] == limit_x96:
            break
        part = _swap(own, around, at, zero_for_one, left, limit_x96 if end_x96 is None else end_x96)
        growth = part.fee_growth_global_delta_x128
        crossed = 0 if end_x96 is None else 1 if zero_for_one else -1
        own.earn(growth if zero_for_one else 0, 0 if zero_for_one else growth, part.tick + crossed)
        at = part.sqrt_price_x96, part.tick, part.liquidity
        left -= part.amount0 if zero_for_one else part.amount1
    return whole


def _swap(
    own: OwnRanges, around: Around, at: tuple[int, int, int], zero_for_one: bool, amount_in: int, limit_x96: int
) -> SwapResult:
    """From a sqrt price, tick and active liquidity."""
    low, high = around.known_lower_tick, around.known_upper_tick
    nets = Counter(dict(around.ticks))
    nets.update({tick: state.liquidity_net for tick, state in own.tick_states(at[1]).items() if low <= tick <= high})
    denominator = around.fee_protocol % 16 if zero_for_one else around.fee_protocol >> 4
    return swap(
        at[0], at[1], at[2], around.fee_pips, sorted(nets.items()), zero_for_one, amount_in, limit_x96,
        around.tick_spacing, known_lower_tick=low, known_upper_tick=high, fee_protocol=denominator,
    )  # fmt: skip


class Astray:
    """Where a swap of ours has taken the price, until what others did sets it back."""

    def __init__(self) -> None:
        self.price: tuple[int, int] | None = None
        # Each span: when it began (UNIX seconds), ticks off the tape's, and what all spans before it came to.
        self._began: list[int] = []
        self._off_ticks: list[int] = []
        self._before: list[int] = []
        self._ended: list[int] = []  # one less than began while the price is astray

    def begin(self, timestamp: int, sqrt_price_x96: int, tick: int, off_ticks: int) -> None:
        """The price stands there from now on."""
        self.end(timestamp)
        self.price = sqrt_price_x96, tick
        self._before.append(self._up_to(len(self._began) - 1, timestamp))
        self._began.append(timestamp)
        self._off_ticks.append(off_ticks)

    def end(self, timestamp: int) -> None:
        """The tape's price holds again."""
        if self.price is not None:
            self._ended.append(timestamp)
        self.price = None

    def tick_seconds(self, timestamp: int) -> int:
        """What is to be added to the tape's own sum of ticks over time up to a moment."""
        return self._up_to(bisect_right(self._began, timestamp) - 1, timestamp)

    def _up_to(self, span: int, timestamp: int) -> int:
        """With the span of that place, which began before the moment, as the last one (-1: none)."""
        if span < 0:
            return 0
        until = min(timestamp, self._ended[span]) if span < len(self._ended) else timestamp
        return self._before[span] + self._off_ticks[span] * (until - self._began[span])
