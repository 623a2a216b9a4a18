"""What an exact pool tells of itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]


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
    """What a batch of swaps did, limbs as in ``events``: amounts ``(n, 4)`` signed, price ``(n, 4)``, liquidity ``(n, 2)``
    and tick after each. ``status`` is 0 where a swap was carried out; a refused one moved nothing."""

    amount_0: Words
    amount_1: Words
    sqrt_price_x96: Words
    liquidity: Words
    tick: NDArray[np.int32]
    status: NDArray[np.int8]
