"""Fees of any number of ranges on a recorded price path, in floating point: for sweeps, not for what is signed.

Within constant liquidity a swap that moves √P up by d pays L·d of token1 besides its fee, one that moves it down pays
L·d(1/√P) of token0, and the fee is f/(1−f) of that (``SwapMath.computeSwapStep``; whitepaper eq. 6.13 to 6.16). A range
has its share of the part of the move that lies in it: liquidity cancels, and only the price path is needed.

How exact: the sums lose less than 1e-9 of a figure over ten million moves. What the contract rounds is not here: about
one raw unit for each step of a swap, and swaps too small to move the price at all. A path in double precision knows √P
to 1e-16, so moves below 1e-9 of the price are known less well than 1e-7 of themselves; their fees are dust.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from keeper.model.ticks import sqrt_price_at_tick
from keeper.world.tape.events import EventBatch, EventKind

if TYPE_CHECKING:
    from types import ModuleType

_Number = TypeVar("_Number", bound=np.generic)

PIPS: Final = 1_000_000
_Q96: Final = 1 << 96
# Below so many ranges, summing for each range apart is faster than cutting the prices into cells.
_FEW_RANGES: Final = 3


@dataclass(frozen=True, slots=True)
class PricePath:
    """The points of a pool's price path: the price before the first move, then after each move.

    ``sqrt_price`` is √(token1 per token0) in raw units; ``seconds`` UNIX time, never falling; ``liquidity`` the active
    liquidity (of others) after each point, for diluted figures. Arrays of equal length.

    Raises:
        ValueError: no point, a price that is not positive and finite, columns of different lengths, time that falls,
            liquidity that is negative or not finite.
    """

    sqrt_price: NDArray[np.float64]
    seconds: NDArray[np.int64] | None = None
    liquidity: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        if self.sqrt_price.ndim != 1 or not len(self.sqrt_price):
            raise ValueError("a price path needs at least one point")
        if not (np.isfinite(self.sqrt_price).all() and (self.sqrt_price > 0).all()):
            raise ValueError("a price of the path is not positive and finite")
        for name, column in (("seconds", self.seconds), ("liquidity", self.liquidity)):
            if column is not None and column.shape != self.sqrt_price.shape:
                raise ValueError(f"the path has {len(self.sqrt_price)} prices and {len(column)} {name}")
        if self.seconds is not None and (np.diff(self.seconds) < 0).any():
            raise ValueError(f"time falls at point {int(np.argmax(np.diff(self.seconds) < 0)) + 1} of the path")
        if self.liquidity is not None and not (np.isfinite(self.liquidity).all() and (self.liquidity >= 0).all()):
            raise ValueError("a liquidity of the path is negative or not finite")

    def __len__(self) -> int:
        return len(self.sqrt_price)

    @property
    def moves(self) -> int:
        """How many moves the path has: one less than its points."""
        return len(self.sqrt_price) - 1

    @classmethod
    def of_x96(
        cls,
        sqrt_prices_x96: Iterable[int],
        seconds: Iterable[int] | None = None,
        liquidity: Iterable[int] | None = None,
    ) -> PricePath:
        """From Python integers, each rounded once, to the nearest float."""
        return cls(
            np.array([price / _Q96 for price in sqrt_prices_x96], dtype=np.float64),
            None if seconds is None else np.array(list(seconds), dtype=np.int64),
            None if liquidity is None else np.array([float(each) for each in liquidity], dtype=np.float64),
        )

    @classmethod
    def of_events(cls, batch: EventBatch, *, after: PricePath | None = None) -> PricePath:
        """The points after each Swap (and Initialize) of a batch; with ``after``, the path so far, its last point comes
        first, so that the batches of a tape make paths whose fees add up.

        Raises:
            ValueError: nothing in the batch says a price, and no path went before.
        """
        rows = np.flatnonzero((batch.kind == EventKind.SWAP) | (batch.kind == EventKind.INITIALIZE))
        price = floats_of_limbs(batch.sqrt_price_x96[rows]) / 2.0**96
        seconds, liquidity = batch.timestamp[rows], floats_of_limbs(batch.liquidity[rows])
        if after is not None:
            price = np.concatenate((after.sqrt_price[-1:], price))
            seconds = np.concatenate((seconds[:1] if after.seconds is None else after.seconds[-1:], seconds))
            liquidity = np.concatenate((liquidity[:1] if after.liquidity is None else after.liquidity[-1:], liquidity))
        return cls(price, seconds, liquidity)


def floats_of_limbs(limbs: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Unsigned integers in little-endian limbs (rows) as floats, within one unit in the last place."""
    total = np.zeros(len(limbs), dtype=np.float64)
    for place in range(limbs.shape[1]):
        total += limbs[:, place].astype(np.float64) * 2.0 ** (64 * place)
    return total


def lp_fee_factors(fee_pips: int, fee_protocol: tuple[int, int] = (0, 0)) -> tuple[float, float]:
    """What providers are paid per unit that a swap moves, for token0 and token1: f/(1−f), less the protocol's 1/n.

    Raises:
        ValueError: a fee outside [0, 1e6) pips, or a protocol denominator that is neither 0 nor 4 to 10.
    """
    if not 0 <= fee_pips < PIPS:
        raise ValueError(f"fee of {fee_pips} pips is outside [0, {PIPS})")
    if any(each != 0 and not 4 <= each <= 10 for each in fee_protocol):
        raise ValueError(f"protocol fee denominators {fee_protocol} are not each 0 or 4 to 10")
    rate = fee_pips / (PIPS - fee_pips)
    kept0, kept1 = ((each - 1) / each if each else 1.0 for each in fee_protocol)
    return rate * kept0, rate * kept1


def fees_per_liquidity(
    path: PricePath,
    lower_ticks: Sequence[int] | NDArray[np.integer],
    upper_ticks: Sequence[int] | NDArray[np.integer],
    fee_pips: int,
    *,
    from_index: ArrayLike = 0,
    to_index: ArrayLike | None = None,
    fee_protocol: tuple[int, int] = (0, 0),
    own_liquidity: ArrayLike | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fees of each range, ``(token0, token1)`` in raw units per unit of liquidity: times a position's liquidity, what
    it would have been paid.

    Args:
        path: the price path.
        lower_ticks, upper_ticks: the ranges, equally many.
        fee_pips: the pool's fee in 1e-6.
        from_index, to_index: points of the path between which the range stood (one for all, or one for each);
            to_index defaults to the last point.
        fee_protocol: the pool's protocol fee denominators for token0 and token1 (0 off, else 4 to 10).
        own_liquidity: liquidity of our own (one for all, or one for each) that stands beside the recorded: each move
            pays L/(L+own) of the figure, L the path's liquidity after the move, and nothing where L is 0.

    Raises:
        ValueError: ranges of unequal number, upper not above lower, indexes outside the path or out of order, a fee
            that no pool has, or own liquidity where the path has no liquidity.
        MathError: a tick outside the domain.
    """
    from keeper.world.tape import paths_kernel as kernel  # numba

    factor0, factor1 = lp_fee_factors(fee_pips, fee_protocol)
    lower, upper = _sqrt_prices(lower_ticks), _sqrt_prices(upper_ticks)
    if lower.shape != upper.shape or not (lower < upper).all():
        raise ValueError("each range needs a lower tick and an upper tick above it")
    starts = _spread(from_index, len(lower), np.int64)
    stops = _spread(path.moves if to_index is None else to_index, len(lower), np.int64)
    if not ((starts >= 0) & (starts <= stops) & (stops < len(path))).all():
        raise ValueError(f"from_index and to_index must rise within the path's points 0 to {path.moves}")
    price = np.require(path.sqrt_price, np.float64, ["C", "W"])
    up, down = np.zeros(len(lower)), np.zeros(len(lower))
    if own_liquidity is not None:
        own = _spread(own_liquidity, len(lower), np.float64)
        if path.liquidity is None or not (own >= 0).all():
            raise ValueError("own liquidity must not be negative and needs a path with liquidity")
        others = np.require(path.liquidity, np.float64, ["C", "W"])
        kernel.each_diluted(price, others, lower, upper, own, starts, stops, up, down)
    elif len(lower) < _FEW_RANGES or (starts != starts[0]).any() or (stops != stops[0]).any():
        kernel.each_range(price, lower, upper, starts, stops, up, down)
    else:
        _by_cells(kernel, price, lower, upper, int(starts[0]), int(stops[0]), up, down)
    return factor0 * down, factor1 * up


def _by_cells(
    kernel: ModuleType,
    price: NDArray[np.float64],
    lower: NDArray[np.float64],
    upper: NDArray[np.float64],
    start: int,
    stop: int,
    up: NDArray[np.float64],
    down: NDArray[np.float64],
) -> None:
    ends = np.unique(np.concatenate((lower, upper)))
    rises, falls = np.zeros(len(ends) + 1), np.zeros(len(ends) + 1)
    kernel.by_cell(price, ends, start, stop, rises, falls)
    first, last = np.searchsorted(ends, lower) + 1, np.searchsorted(ends, upper) + 1
    kernel.add_cells(rises, first, last, up)
    kernel.add_cells(falls, first, last, down)


def _sqrt_prices(ticks: Sequence[int] | NDArray[np.integer]) -> NDArray[np.float64]:
    distinct, place = np.unique(np.asarray(ticks, dtype=np.int64), return_inverse=True)
    exact = np.array([sqrt_price_at_tick(int(tick)) / _Q96 for tick in distinct], dtype=np.float64)
    return exact[place].reshape(-1)


def _spread(value: ArrayLike, count: int, dtype: type[_Number]) -> NDArray[_Number]:
    return np.array(np.broadcast_to(np.asarray(value, dtype=dtype), (count,)), order="C")
