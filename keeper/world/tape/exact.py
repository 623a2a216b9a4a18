"""A Uniswap v3 pool in exact integers: every amount, tick and fee as the contract's, at machine speed.

:class:`ExactPool` holds all that the pool's storage holds but the oracle's observations: price, liquidity, ticks, fee
growth, positions, protocol fees. Its operations are the contract's, with Python integers at the edge; each refuses
where the contract reverts and then leaves the state as it was. ``swaps`` runs a whole batch in compiled code.
Importing this imports numba (about half a second); the first call of each operation loads compiled code, or compiles
it (seconds, once).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Iterable, Mapping

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
    ORDER,
    OUTSIDE,
    PRICE,
    PROTOCOL_FEES,
    RECORD,
    TICK,
    lay_book,
    new_pool,
    with_room,
)
from keeper.world.tape.exact_swap import (
    AMOUNT_0,
    AMOUNT_1,
    FEE_PAID,
    OUTCOME,
    PROTOCOL_FEE,
    STATUS,
)
from keeper.world.tape.exact_words import PositionInfo, SwapColumns, TickInfo, refuse
from keeper.world.tape.limbs_memory import Words


class ExactPool:
    """One pool. Amounts and liquidity are raw units, sqrt prices Q64.96, the fee in pips."""

    def __init__(self, fee_pips: int, tick_spacing: int) -> None:
        if not 0 <= fee_pips < 1_000_000 or not 0 < tick_spacing <= MAX_TICK:
            raise ValueError(f"no pool has a fee of {fee_pips} pips and a tick spacing of {tick_spacing}")
        self.fee_pips, self.tick_spacing = fee_pips, tick_spacing
        self.max_liquidity_per_tick = max_liquidity_per_tick(tick_spacing)
        self._pool: Words = new_pool(fee_pips, tick_spacing)
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
        pool._pool = words = with_room(pool._pool, len(book))
        lay_book(words, tick, book, fee_growth_outside_x128 or {})
        words[FEE_PROTOCOL : FEE_PROTOCOL + 2] = fee_protocol
        pool._put(PRICE, sqrt_price_x96, 4)
        pool._put(LIQUIDITY, active, 2)
        for token, growth_x128 in enumerate(fee_growth_global_x128):
            pool._put(GROWTH + 4 * token, growth_x128, 4)
        return pool

    def copy(self) -> ExactPool:
        """A pool that lives on by itself."""
        twin = ExactPool(self.fee_pips, self.tick_spacing)
        twin._pool = self._pool.copy()
        twin._positions = {key: words.copy() for key, words in self._positions.items()}
        return twin

    def initialize(self, sqrt_price_x96: int) -> int:
        """Give the pool its first price; the tick of it. MathError where it has one, or the price is out of bounds."""
        if self.sqrt_price_x96:
            raise MathError("initialize: the pool has a price already")
        tick = tick_at_sqrt_price(sqrt_price_x96)
        self._put(PRICE, sqrt_price_x96, 4)
        self._put(TICK, tick, 1)
        return tick

    def mint(self, owner: Hashable, lower_tick: int, upper_tick: int, liquidity: int) -> tuple[int, int]:
        """Add liquidity; what it costs of token0 and token1. MathError where the contract reverts."""
        if not 0 < liquidity <= MAX_INT128:
            raise MathError("mint: liquidity must be above zero and below 2**127")
        self.words_with_room(2)
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
        """Pay out what is owed of both tokens, at most so much. Fees since the last mint or burn are not owed yet."""
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
        side, cursor = (0 if zero_for_one else 1), int(self._pool[CURSOR])
        before, found = self.fee_growth_global_x128[side], np.zeros(OUTCOME, dtype=np.uint64)
        amount, limit = limbs([amount_specified], 4)[0], limbs([sqrt_price_limit_x96], 4)[0]
        exact_swap.swap_many(self._pool, np.array([bool(zero_for_one)]), amount, limit, found)
        refuse(int(found[STATUS]))
        reached = int(self._pool[CURSOR])
        crossed = self.initialized_ticks()[min(cursor, reached) : max(cursor, reached)]
        return SwapResult(
            amount0=signed(found[AMOUNT_0 : AMOUNT_0 + 4]),
            amount1=signed(found[AMOUNT_1 : AMOUNT_1 + 4]),
            sqrt_price_x96=self.sqrt_price_x96,
            tick=self.tick,
            liquidity=self.liquidity,
            fee_paid=unsigned(found[FEE_PAID : FEE_PAID + 4]),
            crossed_ticks=crossed[::-1] if zero_for_one else crossed,
            fee_growth_global_delta_x128=(self.fee_growth_global_x128[side] - before) & MAX_UINT256,
            protocol_fee=unsigned(found[PROTOCOL_FEE : PROTOCOL_FEE + 2]),
        )

    def swaps(self, zero_for_one: NDArray[np.bool_], amounts: Words, limits: Words) -> SwapColumns:
        """Swap after swap in compiled code; amounts and limits ``(n, 4)``, amounts in two's complement."""
        self._require_price()
        count = len(zero_for_one)
        if amounts.shape != (count, 4) or limits.shape != (count, 4):
            raise ValueError(f"{count} swaps need amounts and limits of the shape ({count}, 4)")
        amounts, limits = (np.ascontiguousarray(column, dtype=np.uint64).reshape(-1) for column in (amounts, limits))
        found = np.zeros((count, OUTCOME), dtype=np.uint64)
        exact_swap.swap_many(self._pool, np.ascontiguousarray(zero_for_one), amounts, limits, found.reshape(-1))
        return SwapColumns.of(found)

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
        self._pool[FEE_PROTOCOL : FEE_PROTOCOL + 2] = (fee_protocol_0, fee_protocol_1)

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
        return int(self._pool[TICK].astype(np.int64))

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
        return int(self._pool[FEE_PROTOCOL]), int(self._pool[FEE_PROTOCOL + 1])

    def initialized_ticks(self) -> tuple[int, ...]:
        """In rising order."""
        end = ORDER + 2 * int(self._pool[COUNT])
        return tuple(self._pool[ORDER:end:2].astype(np.int64).tolist())

    def tick_info(self, tick: int) -> TickInfo:
        """What the pool's ``ticks`` tells of a tick; zeros if it is not initialized."""
        ticks = self.initialized_ticks()
        place = bisect_left(ticks, tick)
        if place == len(ticks) or ticks[place] != tick:
            return TickInfo(0, 0, (0, 0))
        record = int(self._pool[ORDER + 2 * place + 1])
        row = self._pool[record : record + RECORD]
        outside = unsigned(row[OUTSIDE : OUTSIDE + 4]), unsigned(row[OUTSIDE + 4 : OUTSIDE + 8])
        return TickInfo(unsigned(row[GROSS : GROSS + 2]), signed(row[NET : NET + 2]), outside)

    def position(self, owner: Hashable, lower_tick: int, upper_tick: int) -> PositionInfo:
        """What the pool's ``positions`` tells of one; zeros if there is none."""
        words = self._positions.get((owner, lower_tick, upper_tick), np.zeros(POSITION, dtype=np.uint64))
        inside = unsigned(words[INSIDE : INSIDE + 4]), unsigned(words[INSIDE + 4 : INSIDE + 8])
        owed = unsigned(words[OWED : OWED + 2]), unsigned(words[OWED + 2 : OWED + 4])
        return PositionInfo(unsigned(words[HELD : HELD + 2]), inside, owed)

    def words_with_room(self, ticks: int) -> Words:
        """The state itself, with room for so many more initialized ticks: for compiled code alone."""
        self._pool = with_room(self._pool, ticks)
        return self._pool

    def _modify(self, owner: Hashable, lower_tick: int, upper_tick: int, change: int) -> tuple[int, int]:
        self._require_price()
        if not MIN_TICK <= lower_tick < upper_tick <= MAX_TICK:
            raise MathError(f"liquidity: ticks {lower_tick} and {upper_tick} are not in order or out of bounds")
        key = (owner, lower_tick, upper_tick)
        position = self._positions.get(key, np.zeros(POSITION, dtype=np.uint64))
        bounds = limbs([change, self.max_liquidity_per_tick], 2).reshape(4)
        outcome = np.zeros(8, dtype=np.uint64)
        refuse(exact_liquidity.modify_position(self._pool, position, lower_tick, upper_tick, bounds, outcome))
        self._positions[key] = position
        return unsigned(outcome[:4]), unsigned(outcome[4:])

    def _require_price(self) -> None:
        if not self._pool[PRICE : PRICE + 4].any():
            raise MathError("the pool has no price yet")

    def _get(self, at: int, count: int) -> int:
        return unsigned(self._pool[at : at + count])

    def _put(self, at: int, value: int, count: int) -> None:
        """A figure into its words, modulo their size, as the contract's unchecked sums."""
        self._pool[at : at + count] = limbs([value % (1 << 64 * count)], count)[0]
