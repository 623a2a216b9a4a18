"""Fee growth of liquidity of our own beside a recorded book, in compiled code.

The ends of our ranges cut the ticks into segments. In each our liquidity is constant, so each keeps one figure a token:
the growth that was earned while the price was in it, where our liquidity stood beside the recorded one and shared each
recorded fee with it. Growth inside a range is the sum over its segments. The words of it all:

    0             how many ends there are, E
    then          E times: tick, price (4 words), in rising order
    then          E + 1 times: our liquidity in the segment below each end and above the last (2 words)
    then          E + 1 times: growth of token0, of token1 (4 words each), Q128.128 modulo 2**256
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from keeper.model.full_math import MAX_UINT256
from keeper.model.ticks import sqrt_price_at_tick
from keeper.world.tape.events import limbs, unsigned
from keeper.world.tape.limbs import full_product, kept_apart, u256, u512
from keeper.world.tape.limbs_compiled import inner
from keeper.world.tape.limbs_division import divide
from keeper.world.tape.limbs_memory import Words, load_128, load_256, load_int, store_256

_END: Final = 5
_SEGMENT: Final = 8


@inner
def _ends_below(own: Words, price: int, inclusive: bool) -> int:
    """How many ends lie below a price (or at it)."""
    low, high = 0, load_int(own, 0)
    while low < high:
        middle = (low + high) >> 1
        at = load_256(own, 2 + _END * middle)
        if at < price or (inclusive and at == price):
            low = middle + 1
        else:
            high = middle
    return low


@inner
def _ends_up_to(own: Words, tick: int) -> int:
    low, high = 0, load_int(own, 0)
    while low < high:
        middle = (low + high) >> 1
        if load_int(own, 1 + _END * middle) <= tick:
            low = middle + 1
        else:
            high = middle
    return low


@inner
def _credit(own: Words, segment: int, liquidity: int, fee: int, side: int) -> None:
    """A fee shared by all liquidity that stood in one segment. Nobody gets it where none stood."""
    ends = load_int(own, 0)
    in_range = u256(liquidity) + load_128(own, 1 + _END * ends + 2 * segment)
    if in_range == 0 or fee >> 128 >= in_range:
        return
    grown, _ = divide(u512(fee) << 128, in_range)
    at = 1 + _END * ends + 2 * (ends + 1) + _SEGMENT * segment + 4 * side
    store_256(own, at, load_256(own, at) + grown)


@inner
def _long_division(number: int, divisor: int) -> int:
    """512 bits by up to 511, bit by bit: for the rare step cut by an end of ours where prices have over 128 bits."""
    rest, quotient = u512(0), u512(0)
    for _ in range(512):
        rest = rest << 1 | number >> 511
        number <<= 1
        quotient <<= 1
        if rest >= divisor:
            rest -= divisor
            quotient |= 1
    return u256(quotient)


@inner
def _passed(fee: int, start: int, stop: int, end: int, side: int) -> int:
    """The part of a step's fee up to ``stop``: as sqrt P moves, or as 1/sqrt P does where token0 is paid."""
    moved, whole = (start - stop, start - end) if side == 0 else (stop - start, end - start)
    number, divisor = u512(full_product(u256(fee), moved)), u512(whole)
    if side == 0:
        number, divisor = number * end, divisor * stop
    if divisor >> 256 == 0 and number >> 256 < divisor:
        quotient, _ = divide(number, u256(divisor))
        return quotient
    return _long_division(number, divisor)


@inner
def earn_step(own: Words, liquidity: int, start: int, end: int, tick: int, fee: int, side: int) -> None:
    """Share the fee of one step among the recorded liquidity and ours. Where ends of ours cut the step, each stretch
    has the part of the fee that its move would have cost at constant liquidity. ``tick``: the pool's while it ran."""
    kept_apart()
    if start == end:
        _credit(own, _ends_up_to(own, tick), liquidity, fee, side)
        return
    low, high = (end, start) if side == 0 else (start, end)
    first, last = _ends_below(own, low, True), _ends_below(own, high, False)
    before = u256(0)
    for cut in range(last - first):
        place = last - 1 - cut if side == 0 else first + cut
        reached = _passed(fee, start, load_256(own, 2 + _END * place), end, side)
        _credit(own, place + 1 if side == 0 else place, liquidity, reached - before, side)
        before = reached
    _credit(own, first if side == 0 else last, liquidity, fee - before, side)


class OwnGrowth:
    """Ranges of our own, (lower tick, upper tick, liquidity) each, and what grew inside them since they were handed in.
    A range with liquidity 0 dilutes nothing and measures what a recorded position earned."""

    def __init__(self, ranges: Sequence[tuple[int, int, int]] = ()) -> None:
        self.ranges = tuple(ranges)
        for lower, upper, liquidity in self.ranges:
            if lower >= upper or liquidity < 0:
                raise ValueError(f"ticks {lower} and {upper} with liquidity {liquidity} are no range")
        self._ends = sorted({tick for lower, upper, _ in self.ranges for tick in (lower, upper)})
        active = [0] * (len(self._ends) + 1)
        for lower, upper, liquidity in self.ranges:
            for segment in range(self._ends.index(lower) + 1, self._ends.index(upper) + 1):
                active[segment] += liquidity
        prices = limbs([sqrt_price_at_tick(tick) for tick in self._ends], 4).reshape(-1, 4)
        ends = np.concatenate([limbs(self._ends, 1).reshape(-1, 1), prices], axis=1)
        head = [np.array([len(self._ends)], dtype=np.uint64), ends.reshape(-1), limbs(active, 2).reshape(-1)]
        self.words: Words = np.concatenate([*head, np.zeros(_SEGMENT * len(active), dtype=np.uint64)])

    def inside(self, index: int) -> tuple[int, int]:
        """Growth of both tokens inside a range, Q128.128 modulo 2**256: fees are ``growth * liquidity >> 128``."""
        lower, upper, _ = self.ranges[index]
        return self._between(self._ends.index(lower) + 1, self._ends.index(upper) + 1)

    def everywhere(self) -> tuple[int, int]:
        """Growth of both tokens over all ticks: the pool's global growth as it is with our liquidity in it."""
        return self._between(0, len(self._ends) + 1)

    def _between(self, first: int, last: int) -> tuple[int, int]:
        segments: NDArray[np.uint64] = self.words[len(self.words) - _SEGMENT * (len(self._ends) + 1) :].reshape(-1, 8)
        chosen = segments[first:last]
        return (
            sum(unsigned(row[:4]) for row in chosen) & MAX_UINT256,
            sum(unsigned(row[4:]) for row in chosen) & MAX_UINT256,
        )
