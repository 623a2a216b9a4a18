"""What an exact pool tells of itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from keeper.model.full_math import MathError
from keeper.world.tape import exact_liquidity, exact_swap
from keeper.world.tape.limbs_memory import Words

_REFUSALS: Final = {
    exact_swap.AMOUNT_IS_ZERO: "swap: amount is zero",
    exact_swap.LIMIT_IS_WRONG: "swap: the price limit is on the wrong side of the price or out of bounds",
    exact_swap.LIQUIDITY_OVERFLOWS: "swap: crossing a tick takes the liquidity out of 128 bits",
    exact_swap.GROWTH_OVERFLOWS: "swap: the fee growth of one step exceeds 256 bits",
    exact_liquidity.TICK_IS_UNUSABLE: "liquidity: a tick is not a multiple of the tick spacing",
    exact_liquidity.TICK_IS_FULL: "liquidity: more than one tick may carry",
    exact_liquidity.LIQUIDITY_IS_MISSING: "liquidity: more than there is",
}


def refuse(status: int) -> None:
    """MathError for whatever is not done."""
    if status != exact_swap.DONE:
        raise MathError(_REFUSALS[status])


@dataclass(frozen=True, slots=True)
class TickInfo:
    """An initialized tick. Fee growth outside is Q128.128 modulo 2**256."""

    liquidity_gross: int
    liquidity_net: int
    fee_growth_outside_x128: tuple[int, int]


@dataclass(frozen=True, slots=True)
class PositionInfo:
    """A position as the pool's ``positions`` tells it; fees since its last update are not in ``tokens_owed``."""

    liquidity: int
    fee_growth_inside_last_x128: tuple[int, int]
    tokens_owed: tuple[int, int]


@dataclass(frozen=True, slots=True)
class SwapColumns:
    """What a batch of swaps did, limbs as in ``events``: amounts ``(n, 4)`` signed, price ``(n, 4)``, liquidity
    ``(n, 2)`` and tick after each. ``status`` is 0 where a swap was carried out; a refused one moved nothing."""

    amount_0: Words
    amount_1: Words
    sqrt_price_x96: Words
    liquidity: Words
    tick: NDArray[np.int32]
    status: NDArray[np.int8]

    @classmethod
    def of(cls, found: Words) -> SwapColumns:
        """Columns of what compiled code found, OUTCOME words for each swap."""
        return cls(
            amount_0=found[:, exact_swap.AMOUNT_0 :][:, :4],
            amount_1=found[:, exact_swap.AMOUNT_1 :][:, :4],
            sqrt_price_x96=found[:, exact_swap.PRICE_AFTER :][:, :4],
            liquidity=found[:, exact_swap.LIQUIDITY_AFTER :][:, :2],
            tick=found[:, exact_swap.TICK_AFTER].astype(np.int64).astype(np.int32),
            status=found[:, exact_swap.STATUS].astype(np.int8),
        )
