"""The words of a tape of bars: what a pool's swaps did in each step of time, where single events are not at hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class BarColumns:
    """Bars in the order of time, as columns of equal length; a step without a bar had no swap or is missing.

    ``timestamp`` opens the bar (UNIX seconds). Ticks are the pool's. ``in_0/1`` is what was paid into the pool
    (gross, fee included), ``net_0/1`` what the pool gained or lost of each token (signed), raw units; ``liquidity`` is
    the active liquidity after the bar. Limbs as in ``events``: ``(n, 4)`` signed, ``liquidity`` ``(n, 2)``.
    """

    timestamp: NDArray[np.int64]
    open_tick: NDArray[np.int32]
    close_tick: NDArray[np.int32]
    low_tick: NDArray[np.int32]
    high_tick: NDArray[np.int32]
    in_0: NDArray[np.uint64]
    in_1: NDArray[np.uint64]
    net_0: NDArray[np.uint64]
    net_1: NDArray[np.uint64]
    liquidity: NDArray[np.uint64]

    def __len__(self) -> int:
        return len(self.timestamp)
