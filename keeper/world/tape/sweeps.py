"""Many re-centring strategies over one price path at once, in floating point.

The model, all of it:

- Prices are of the base token in the quote token; the path's points are those of ``PricePath``. One quote token's worth
  is put in at the first point. The provider is small: its liquidity changes neither prices nor others' fees.
- At price P a range [P·e^(−a), P·e^(b)] is set, its ends on the nearest usable ticks where a spacing is given (moved
  out so that P lies between). All value goes in, in the proportion that the range asks; liquidity = value over the
  value of one unit of liquidity.
- Fees: f/(1−f) of what each move swaps within the range (see ``paths``), less the protocol's part. They are taken into
  quote at the price after the move that paid them, wait as quote until the next reset, and then join the value.
- The range is left when the price goes below P·e^(−trigger below) or above P·e^(trigger above), P where it was set
  (not snapped), at the first point that is ``cooldown_seconds`` or more after it was set. It is set anew at the last
  point at or before ``latency_seconds`` later, whatever the price did meanwhile: without latency at the last point of
  that second. Nothing is done at the path's last point.
- A reset costs ``reset_cost`` of the value (gas) and ``swap_cost`` of the value that must change token (pool fee and
  impact): |base wanted − base held|, fees counted as quote held, wanted out of the value before costs.
- Loss to rebalancing (LVR, discrete): for each move, what the range's tokens fell short of a portfolio that kept the
  base tokens it had before the move: (base before − base after)·P after − (quote after − quote before).
- So, exactly: value at the end − 1 = fees − loss − costs + Σ base before each move · change of P; hedged alpha =
  fees − loss − costs.

Known to flatter: the reset trades at the price of a point, with what latency was asked for and no other; own liquidity
dilutes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from keeper.world.tape.paths import PricePath, lp_fee_factors

# Groups of strategies for each thread: lives differ in cost, and who is done early takes the next group.
_GROUPS: Final = 8


@dataclass(frozen=True, slots=True)
class Recentring:
    """One strategy. Widths and triggers are distances in log price (0.05: about 5 %), costs shares of value.

    Raises:
        ValueError: a width or trigger that is not positive (a trigger may be infinite: never reset), a cost outside
            [0, 1), a negative cooldown.
    """

    width_below: float
    width_above: float
    trigger_below: float
    trigger_above: float
    reset_cost: float = 0.0
    swap_cost: float = 0.0
    cooldown_seconds: int = 0

    def __post_init__(self) -> None:
        widths = (self.width_below, self.width_above)
        if not all(0 < width < 80 for width in widths):
            raise ValueError(f"widths {widths} must be above 0 and below 80 in log price")
        if not (self.trigger_below > 0 and self.trigger_above > 0):
            raise ValueError(f"triggers ({self.trigger_below}, {self.trigger_above}) must be above 0")
        if not (0 <= self.reset_cost < 1 and 0 <= self.swap_cost < 1):
            raise ValueError(f"costs ({self.reset_cost}, {self.swap_cost}) must be shares of value in [0, 1)")
        if self.cooldown_seconds < 0:
            raise ValueError(f"a cooldown of {self.cooldown_seconds} seconds is negative")


@dataclass(frozen=True, slots=True)
class Sweep:
    """What became of each strategy, per quote token of value put in; every array has one entry for each strategy.

    ``fees``, ``lvr``, ``costs`` and ``swapped`` (value that changed token at resets) are sums over the life;
    ``in_range_share`` is of the path's time. ``hodl_end`` is the end value of the tokens first put in. ``values`` holds
    a row for each strategy, a column for each point asked for, before a reset at that point.
    """

    fees: NDArray[np.float64]
    lvr: NDArray[np.float64]
    costs: NDArray[np.float64]
    swapped: NDArray[np.float64]
    resets: NDArray[np.int64]
    in_range_share: NDArray[np.float64]
    value_end: NDArray[np.float64]
    hodl_end: NDArray[np.float64]
    values: NDArray[np.float64]

    @property
    def hedged_alpha(self) -> NDArray[np.float64]:
        """Fees less loss to rebalancing less costs: what is left without the price's direction."""
        return self.fees - self.lvr - self.costs


def sweep(
    path: PricePath,
    strategies: Sequence[Recentring],
    fee_pips: int,
    *,
    fee_protocol: tuple[int, int] = (0, 0),
    quote_is_token0: bool = False,
    tick_spacing: int = 0,
    latency_seconds: int = 0,
    value_at: Sequence[int] | NDArray[np.integer] = (),
    threads: int = 1,
) -> Sweep:
    """Run every strategy over the whole path (the model: see the module).

    Args:
        path: without ``seconds``, a point counts as a second.
        fee_pips: the pool's fee in 1e-6; ``fee_protocol``: its protocol denominators, token0 and token1.
        quote_is_token0: value is counted in token0 and the base is token1; "above" is then a dearer token1.
        tick_spacing: 0: ranges end where the widths say; else on multiples of it.
        value_at: points of the path, rising, at which the value is wanted.
        threads: how many to use; the result is the same.

    Raises:
        ValueError: fewer than two points, points of ``value_at`` that do not rise or are not of the path, a negative
            latency or spacing, no thread, or a fee that no pool has.
    """
    from keeper.world.tape import sweeps_kernel as kernel  # numba

    samples = np.array(value_at, dtype=np.int64)
    if path.moves < 1:
        raise ValueError("a sweep needs a path of at least two points")
    if len(samples) and (samples[0] < 0 or samples[-1] > path.moves or (np.diff(samples) <= 0).any()):
        raise ValueError(f"value_at must rise within the path's points 0 to {path.moves}")
    if tick_spacing < 0 or latency_seconds < 0 or threads < 1:
        raise ValueError("tick spacing and latency must not be negative, and at least one thread is needed")
    factors = lp_fee_factors(fee_pips, fee_protocol)
    base_factor, quote_factor = factors[::-1] if quote_is_token0 else factors
    tables = _tables(path, quote_is_token0, base_factor, quote_factor)
    rows = np.array([astuple(strategy) for strategy in strategies], dtype=np.float64).reshape(len(strategies), 7)
    found, values = np.zeros((len(rows), 8)), np.zeros((len(rows), len(samples)))
    settings = (base_factor, quote_factor, float(tick_spacing), latency_seconds, samples)

    def run(part: slice) -> None:
        kernel.live_all(tables, *settings, rows[part], found[part], values[part])

    size = max(1, -(-len(rows) // (_GROUPS * threads)))
    if threads == 1:
        run(slice(None))
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(run, (slice(start, start + size) for start in range(0, len(rows), size))))
    return _sweep(found, values, float(tables[1][-1] - tables[1][0]))


def _tables(
    path: PricePath, quote_is_token0: bool, base_factor: float, quote_factor: float
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """What the kernel reads of a path, in the orientation quote per base."""
    from keeper.world.tape import sweeps_kernel as kernel  # numba

    price = np.array(1.0 / path.sqrt_price if quote_is_token0 else path.sqrt_price, dtype=np.float64, order="C")
    seconds = np.array(np.arange(len(path)) if path.seconds is None else path.seconds, dtype=np.int64, order="C")
    sums = np.zeros((len(price), 2))
    kernel.running_sums(price, base_factor, quote_factor, sums)
    counts = [-(-len(price) // 16**level) for level in range(1, kernel.LEVELS + 1)]
    offsets = np.array([0, *np.cumsum(counts)], dtype=np.int64)
    blocks = np.empty((int(offsets[-1]), 2))
    kernel.extremes(price, offsets, blocks)
    return price, seconds, sums, blocks, offsets


def _sweep(found: NDArray[np.float64], values: NDArray[np.float64], lasted_seconds: float) -> Sweep:
    fees, lvr, costs, resets, inside, value_end, hodl_end, swapped = found.T.copy()
    return Sweep(
        fees=fees,
        lvr=lvr,
        costs=costs,
        swapped=swapped,
        resets=resets.astype(np.int64),
        in_range_share=inside / lasted_seconds if lasted_seconds else np.zeros(len(found)),
        value_end=value_end,
        hodl_end=hodl_end,
        values=values,
    )
