"""Between which figures a range's share of a swap lies that could not be walked.

Within a step the fee is the input times f / (1 - f), and the input is the liquidity times the move of the sqrt price
(token1) or of its inverse (token0): so what ONE unit of liquidity earns depends on the path of the price alone, not on
the liquidity that was there. A swap over an unknown stretch has a known path; only the roundings of its steps are
unknown, and they can add no more than three raw units a step to a position that was among the liquidity. The seed's
start is found by giving back to the pool what it paid out. Where logs are missing before a swap its path is not known
either: then a range got something between nothing and the whole fee.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from keeper.model.full_math import MathError
from keeper.model.swap_step import PIPS
from keeper.model.ticks import sqrt_price_at_tick
from keeper.world.tape.crossing import PoolPoint, Walk, is_zero_for_one, walk
from keeper.world.tape.events import TapeEvent
from keeper.world.tape.tick_book import TickBook
from keeper.world.tape.tick_book_live import LiveBook

_ROUNDING_RAW: Final = 3


@dataclass(frozen=True, slots=True)
class Bound:
    """Of one token: growth inside for each unit of liquidity (Q128.128) at the least and at the most, and raw units
    that a position may have got beside."""

    zero_for_one: bool
    least_x128: int
    most_x128: int
    slack_raw: int


@dataclass(frozen=True, slots=True)
class Terms:
    """What a range and its pool are: ticks, fee in pips, and the protocol's divisor for the token paid in (0: off)."""

    lower_tick: int
    upper_tick: int
    fee_pips: int
    tick_spacing: int
    fee_protocol: int


def along_the_path(terms: Terms, from_x96: int, to_x96: int, *, zero_for_one: bool) -> Bound:
    """From the path of the price alone."""
    low_x96 = max(min(from_x96, to_x96), sqrt_price_at_tick(terms.lower_tick))
    high_x96 = min(max(from_x96, to_x96), sqrt_price_at_tick(terms.upper_tick))
    if low_x96 >= high_x96:
        return Bound(zero_for_one, 0, 0, 0)
    kept, of = terms.fee_pips, PIPS - terms.fee_pips
    if terms.fee_protocol:
        kept, of = kept * (terms.fee_protocol - 1), of * terms.fee_protocol
    if zero_for_one:
        growth_x128 = ((high_x96 - low_x96) << 224) * kept // (low_x96 * high_x96 * of)
        last_step_x128 = (1 << 224) // (low_x96 * low_x96) + 1
    else:
        growth_x128 = ((high_x96 - low_x96) << 32) * kept // of
        last_step_x128 = 1 << 32
    return Bound(
        zero_for_one, growth_x128, growth_x128 + last_step_x128, _ROUNDING_RAW * _steps(terms, low_x96, high_x96)
    )


def _steps(terms: Terms, low_x96: int, high_x96: int) -> int:
    """At the most: one for each multiple of the spacing, and where a bitmap's word ends one that is among them."""
    width = (high_x96 * 20_001 // low_x96 - 20_001) + 2  # ticks: ln(1.0001) / 2 is more than 1 / 20,001 of a sqrt price
    return width // terms.tick_spacing + 2


def whole_fee(terms: Terms, swap: TapeEvent, *, zero_for_one: bool) -> Bound:
    """Between nothing and all that the swap paid in fees."""
    paid = swap.amount_0 if zero_for_one else swap.amount_1
    fee = -(-paid * terms.fee_pips // PIPS) + 1
    return Bound(zero_for_one, 0, 0, fee - fee // terms.fee_protocol if terms.fee_protocol else fee)


def of_the_seed(terms: Terms, swap: TapeEvent, book: TickBook, live: LiveBook) -> Bound:
    """The seed's start, found backwards through the book; all of its fee where that leaves what is known."""
    end = PoolPoint(swap.sqrt_price_x96, swap.tick, swap.liquidity)
    zero_for_one = is_zero_for_one(end, swap)
    received = -swap.amount_1 if zero_for_one else -swap.amount_0
    near = _back(end, received, book, live, zero_for_one=zero_for_one)
    # Every step of the pool rounded down what it paid, so the start may lie one raw unit a step further.
    far = near and _back(end, received + len(near.steps) + 1, book, live, zero_for_one=zero_for_one)
    if near is None or far is None:
        return whole_fee(terms, swap, zero_for_one=zero_for_one)
    least = along_the_path(terms, near.end.sqrt_price_x96, swap.sqrt_price_x96, zero_for_one=zero_for_one)
    most = along_the_path(terms, far.end.sqrt_price_x96, swap.sqrt_price_x96, zero_for_one=zero_for_one)
    return Bound(zero_for_one, least.least_x128, most.most_x128, most.slack_raw)


def _back(end: PoolPoint, received: int, book: TickBook, live: LiveBook, *, zero_for_one: bool) -> Walk | None:
    """The way back to the price from which the pool paid so much; None beyond the known book."""
    bound_x96 = sqrt_price_at_tick(book.known_upper if zero_for_one else book.known_lower)
    if received <= 0:
        return None
    try:
        back = walk(live, end, received, bound_x96, 0, zero_for_one=not zero_for_one)
    except MathError:
        return None
    given = back.amount_1 if zero_for_one else back.amount_0
    if given < received or book.unknown_between(end.tick, back.end.tick) is not None:
        return None
    return back
