"""A Uniswap v3 pool in exact integers: every amount, tick and fee as the contract's, at machine speed.

:class:`ExactPool` holds all that the pool's storage holds but the oracle's observations: price, liquidity, ticks, fee
growth, positions, protocol fees. Its operations are the contract's, with Python integers at the edge; each refuses where
the contract reverts and then leaves the state as it was. ``swaps`` runs a whole batch in compiled code. Importing this
imports numba (about half a second); the first call of each operation loads compiled code, or compiles it (seconds, once).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from keeper.model.full_math import (
    MAX_INT128,
    MAX_INT256,
    MAX_UINT128,
    MAX_UINT160,
    MAX_UINT256,
    MIN_INT256,
    Q128,
    MathError,
    mul_div,
    mul_div_rounding_up,
)
from keeper.model.swap import SwapResult
from keeper.model.swap_step import PIPS
from keeper.model.ticks import MAX_TICK, MIN_TICK, max_liquidity_per_tick, tick_at_sqrt_price
from keeper.world.tape import exact_liquidity, exact_swap
from keeper.world.tape.events import limbs, signed, unsigned
from keeper.world.tape.exact_liquidity import HELD, INSIDE, OWED, POSITION
from keeper.world.tape.exact_state import (
    COUNT,
    CURSOR,
    FEE_PROTOCOL,
    GROSS,
    GROWTH,
    LIQUIDITY,
    NET,
    OUTSIDE,
    PRICE,
    PROTOCOL_FEES,
    TICK,
    PoolArrays,
    Words,
    empty_arrays,
    with_room,
)
from keeper.world.tape.exact_words import PositionInfo, SwapColumns, TickInfo

_REFUSALS: Final = {
    exact_swap.AMOUNT_IS_ZERO: "swap: amount is zero",
    exact_swap.LIMIT_IS_WRONG: "swap: the price limit is on the wrong side of the price or out of bounds",
    exact_swap.LIQUIDITY_OVERFLOWS: "swap: crossing a tick takes the liquidity out of 128 bits",
    exact_swap.GROWTH_OVERFLOWS: "swap: the fee growth of one step exceeds 256 bits",
    exact_liquidity.TICK_IS_UNUSABLE: "liquidity: a tick is not a multiple of the tick spacing",
    exact_liquidity.TICK_IS_FULL: "liquidity: more than one tick may carry",
    exact_liquidity.LIQUIDITY_IS_MISSING: "liquidity: more than there is",
}


class ExactPool:
    """One pool. Amounts and liquidity are raw units, sqrt prices Q64.96, the fee in pips."""

    def __init__(self, fee_pips: int, tick_spacing: int) -> None:
        if not 0 <= fee_pips < 1_000_000 or not 0 < tick_spacing <= MAX_TICK:
            raise ValueError(f"no pool has a fee of {fee_pips} pips and a tick spacing of {tick_spacing}")
        self.fee_pips, self.tick_spacing = fee_pips, tick_spacing
        self.max_liquidity_per_tick = max_liquidity_per_tick(tick_spacing)
        self._pool: PoolArrays = empty_arrays(fee_pips, tick_spacing)
        self._positions: dict[tuple[Hashable, int, int], Words] = {}

    @classmethod
    def from_book(
        cls,
        fee_pips: int,
        tick_spacing: int,
        sqrt_price_x96: int,
        tick: int,
        ticks: Iterable[tuple[int, int, int]],
        *,
        liquidity: int | None = None,
        fee_growth_global_x128: tuple[int, int] = (0, 0),
        fee_growth_outside_x128: Mapping[int, tuple[int, int]] | None = None,
        fee_protocol: tuple[int, int] = (0, 0),
    ) -> ExactPool:
        """A pool in the middle of its life: (tick, gross, net) of every initialized tick. The active liquidity is what
        the ticks at or below the current one add up to, unless it is given (a book of which not all is known).
        Positions that stand in the book are unknown to the pool: nobody can burn them."""
        pool, book = cls(fee_pips, tick_spacing), sorted(ticks)
        active = sum(net for at, _, net in book if at <= tick) if liquidity is None else liquidity
        if not 0 <= active <= MAX_UINT128:
            raise ValueError(f"the book adds up to an active liquidity of {active} at tick {tick}")
        pool._pool = with_room(pool._pool, len(book))
        arrays, count = pool._pool, len(book)
        arrays.order_tick[:count] = [entry[0] for entry in book]
        arrays.order_row[:count] = np.arange(count)
        arrays.records[:count, GROSS : GROSS + 2] = limbs([entry[1] for entry in book], 2)
        arrays.records[:count, NET : NET + 2] = limbs([entry[2] for entry in book], 2)
        for row, (at, _, _) in enumerate(book):
            outside = (fee_growth_outside_x128 or {}).get(at, (0, 0))
            arrays.records[row, OUTSIDE : OUTSIDE + 8] = limbs(list(outside), 4).reshape(8)
        arrays.numbers[COUNT], arrays.numbers[TICK] = count, tick
        arrays.numbers[CURSOR] = sum(entry[0] <= tick for entry in book)
        arrays.numbers[FEE_PROTOCOL : FEE_PROTOCOL + 2] = fee_protocol
        pool._put(PRICE, sqrt_price_x96, 4)
        pool._put(LIQUIDITY, active, 2)
        for token, growth_x128 in enumerate(fee_growth_global_x128):
            pool._put(GROWTH + 4 * token, growth_x128, 4)
        return pool

    def copy(self) -> ExactPool:
        """A pool that lives on by itself."""
        twin = ExactPool(self.fee_pips, self.tick_spacing)
        twin._pool = PoolArrays(*(column.copy() for column in self._pool))
        twin._positions = {key: words.copy() for key, words in self._positions.items()}
        return twin

    def initialize(self, sqrt_price_x96: int) -> int:
        """Give the pool its first price; the tick of it. MathError where it has one, or the price is out of bounds."""
        if self.sqrt_price_x96:
            raise MathError("initialize: the pool has a price already")
        tick = tick_at_sqrt_price(sqrt_price_x96)
        self._put(PRICE, sqrt_price_x96, 4)
        self._pool.numbers[TICK] = tick
        return tick

    def mint(self, owner: Hashable, lower_tick: int, upper_tick: int, liquidity: int) -> tuple[int, int]:
        """Add liquidity; what it costs of token0 and token1. MathError where the contract reverts."""
        if not 0 < liquidity <= MAX_INT128:
            raise MathError("mint: liquidity must be above zero and below 2**127")
        self._pool = with_room(self._pool, 2)
        return self._modify(owner, lower_tick, upper_tick, liquidity)

    def burn(self, owner: Hashable, lower_tick: int, upper_tick: int, liquidity: int) -> tuple[int, int]:
        """Take liquidity out (0: only bring its fees up to date); what it is worth of both tokens, which is now owed.
        MathError where the contract reverts."""
        if not 0 <= liquidity <= MAX_INT128:
            raise MathError("burn: liquidity must be below 2**127")
        return self._modify(owner, lower_tick, upper_tick, -liquidity)

    def collect(
        self, owner: Hashable, lower_tick: int, upper_tick: int, max_0: int = MAX_UINT128, max_1: int = MAX_UINT128
    ) -> tuple[int, int]:
        """Pay out what is owed of both tokens, at most so much; fees of later than the last mint or burn are not yet."""
        position = self._positions.get((owner, lower_tick, upper_tick))
        if position is None:
            return 0, 0
        paid = []
        for at, most in ((OWED, max_0), (OWED + 2, max_1)):
            owed = unsigned(position[at : at + 2])
            paid.append(min(owed, most))
            position[at : at + 2] = limbs([owed - paid[-1]], 2)[0]
        return paid[0], paid[1]

    def swap(self, zero_for_one: bool, amount_specified: int, sqrt_price_limit_x96: int) -> SwapResult:
        """Swap (positive: exact input, negative: exact output). MathError where the contract reverts."""
        if not MIN_INT256 <= amount_specified <= MAX_INT256 or not 0 <= sqrt_price_limit_x96 <= MAX_UINT160:
            raise MathError("swap: an argument does not fit in its word")
        self._require_price()
        side = 0 if zero_for_one else 1
        before, outcome = self.fee_growth_global_x128[side], np.zeros(exact_swap.OUTCOME, dtype=np.uint64)
        amount, limit = limbs([amount_specified], 4)[0], limbs([sqrt_price_limit_x96], 4)[0]
        status, crossed = exact_swap.swap_once(self._pool, bool(zero_for_one), amount, limit, outcome)
        _refuse(status)
        fee_at, protocol_at = exact_swap.FEE_PAID, exact_swap.PROTOCOL_FEE
        return SwapResult(
            amount0=signed(outcome[:4]),
            amount1=signed(outcome[4:8]),
            sqrt_price_x96=self.sqrt_price_x96,
            tick=self.tick,
            liquidity=self.liquidity,
            fee_paid=unsigned(outcome[fee_at : fee_at + 4]),
            crossed_ticks=tuple(self._pool.crossed_tick[:crossed].tolist()),
            fee_growth_global_delta_x128=(self.fee_growth_global_x128[side] - before) & MAX_UINT256,
            protocol_fee=unsigned(outcome[protocol_at : protocol_at + 2]),
        )

    def swaps(self, zero_for_one: NDArray[np.bool_], amounts: Words, limits: Words) -> SwapColumns:
        """Swap after swap in compiled code; amounts and limits ``(n, 4)``, amounts in two's complement."""
        self._require_price()
        count = len(zero_for_one)
        if amounts.shape != (count, 4) or limits.shape != (count, 4):
            raise ValueError(f"{count} swaps need amounts and limits of the shape ({count}, 4)")
        paid = np.zeros((2, count, 4), dtype=np.uint64)
        after = np.zeros((count, 6), dtype=np.uint64)
        ticks, statuses = np.zeros(count, dtype=np.int32), np.zeros(count, dtype=np.int8)
        exact_swap.swap_many(
            self._pool,
            np.ascontiguousarray(zero_for_one, dtype=np.bool_),
            np.ascontiguousarray(amounts, dtype=np.uint64),
            np.ascontiguousarray(limits, dtype=np.uint64),
            paid[0],
            paid[1],
            after,
            ticks,
            statuses,
        )
        return SwapColumns(paid[0], paid[1], after[:, :4], after[:, 4:], ticks, statuses)

    def flash(self, amount_0: int, amount_1: int, paid_0: int, paid_1: int) -> None:
        """Lend both tokens within a transaction; what was paid above the loan is fee. MathError where it reverts."""
        self._require_price()
        active = self.liquidity
        if not active:
            raise MathError("flash: there is no liquidity")
        growths, protocols = [], []
        for token, (amount, paid) in enumerate(((amount_0, paid_0), (amount_1, paid_1))):
            if paid < mul_div_rounding_up(amount, self.fee_pips, PIPS):
                raise MathError("flash: less was paid than the fee")
            share = paid // self.fee_protocol[token] if self.fee_protocol[token] else 0
            growths.append(mul_div(paid - share, Q128, active))
            protocols.append(share)
        for token in (0, 1):
            self._put(GROWTH + 4 * token, self.fee_growth_global_x128[token] + growths[token], 4)
            self._put(PROTOCOL_FEES + 2 * token, self.protocol_fees[token] + protocols[token], 2)

    def set_fee_protocol(self, fee_protocol_0: int, fee_protocol_1: int) -> None:
        """The share of the fees that goes to the protocol: 0 (none) or one part in 4 to 10, of each token's."""
        self._require_price()
        if not all(part == 0 or 4 <= part <= 10 for part in (fee_protocol_0, fee_protocol_1)):
            raise MathError("set_fee_protocol: a part must be 0 or 4 to 10")
        self._pool.numbers[FEE_PROTOCOL : FEE_PROTOCOL + 2] = (fee_protocol_0, fee_protocol_1)

    def collect_protocol(self, max_0: int = MAX_UINT128, max_1: int = MAX_UINT128) -> tuple[int, int]:
        """Pay out the protocol's fees, at most so much of each; a last unit stays, as the contract leaves it."""
        self._require_price()
        paid = []
        for token, most in enumerate((max_0, max_1)):
            held = self.protocol_fees[token]
            amount = min(most, held)
            paid.append(amount - 1 if amount and amount == held else amount)
            self._put(PROTOCOL_FEES + 2 * token, held - paid[-1], 2)
        return paid[0], paid[1]

    @property
    def sqrt_price_x96(self) -> int:
        return self._get(PRICE, 4)

    @property
    def tick(self) -> int:
        return int(self._pool.numbers[TICK])

    @property
    def liquidity(self) -> int:
        return self._get(LIQUIDITY, 2)

    @property
    def fee_growth_global_x128(self) -> tuple[int, int]:
        return self._get(GROWTH, 4), self._get(GROWTH + 4, 4)

    @property
    def protocol_fees(self) -> tuple[int, int]:
        return self._get(PROTOCOL_FEES, 2), self._get(PROTOCOL_FEES + 2, 2)

    @property
    def fee_protocol(self) -> tuple[int, int]:
        return int(self._pool.numbers[FEE_PROTOCOL]), int(self._pool.numbers[FEE_PROTOCOL + 1])

    def initialized_ticks(self) -> tuple[int, ...]:
        """In rising order."""
        return tuple(self._pool.order_tick[: self._pool.numbers[COUNT]].tolist())

    def tick_info(self, tick: int) -> TickInfo:
        """What the pool's ``ticks`` tells of a tick; zeros if it is not initialized."""
        count = int(self._pool.numbers[COUNT])
        place = int(np.searchsorted(self._pool.order_tick[:count], tick))
        if place == count or self._pool.order_tick[place] != tick:
            return TickInfo(0, 0, (0, 0))
        row = self._pool.records[self._pool.order_row[place]]
        outside = unsigned(row[OUTSIDE : OUTSIDE + 4]), unsigned(row[OUTSIDE + 4 : OUTSIDE + 8])
        return TickInfo(unsigned(row[GROSS : GROSS + 2]), signed(row[NET : NET + 2]), outside)

    def position(self, owner: Hashable, lower_tick: int, upper_tick: int) -> PositionInfo:
        """What the pool's ``positions`` tells of one; zeros if there is none."""
        words = self._positions.get((owner, lower_tick, upper_tick), np.zeros(POSITION, dtype=np.uint64))
        inside = unsigned(words[INSIDE : INSIDE + 4]), unsigned(words[INSIDE + 4 : INSIDE + 8])
        owed = unsigned(words[OWED : OWED + 2]), unsigned(words[OWED + 2 : OWED + 4])
        return PositionInfo(unsigned(words[HELD : HELD + 2]), inside, owed)

    def _modify(self, owner: Hashable, lower_tick: int, upper_tick: int, change: int) -> tuple[int, int]:
        self._require_price()
        if not MIN_TICK <= lower_tick < upper_tick <= MAX_TICK:
            raise MathError(f"liquidity: ticks {lower_tick} and {upper_tick} are not in order or out of bounds")
        key = (owner, lower_tick, upper_tick)
        position = self._positions.get(key, np.zeros(POSITION, dtype=np.uint64))
        bounds = limbs([change, self.max_liquidity_per_tick], 2).reshape(4)
        outcome = np.zeros(8, dtype=np.uint64)
        _refuse(exact_liquidity.modify_position(self._pool, position, lower_tick, upper_tick, bounds, outcome))
        self._positions[key] = position
        return unsigned(outcome[:4]), unsigned(outcome[4:])

    def _require_price(self) -> None:
        if not self._pool.words[PRICE : PRICE + 4].any():
            raise MathError("the pool has no price yet")

    def _get(self, at: int, count: int) -> int:
        return unsigned(self._pool.words[at : at + count])

    def _put(self, at: int, value: int, count: int) -> None:
        """A figure into its words, modulo their size, as the contract's unchecked sums."""
        self._pool.words[at : at + count] = limbs([value % (1 << 64 * count)], count)[0]


def _refuse(status: int) -> None:
    if status != exact_swap.DONE:
        raise MathError(_REFUSALS[status])
