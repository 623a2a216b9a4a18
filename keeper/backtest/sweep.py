"""A map of width against trigger: what re-centring ranges would have earned on a tape, by the float engine.

It looks over hundreds of pairs in a second, on the price path alone (``world.tape.sweeps`` has the model): a picture of
where to search, never a figure to expect. What counts is a backtest.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from keeper.errors import ConfigError
from keeper.world.tape.paths import PricePath
from keeper.world.tape.sweeps import Recentring, sweep
from keeper.world.tape.tape import BarTape, EventTape

SECONDS_PER_YEAR: Final = 365.25 * 86_400
WIDTHS_PCT: Final = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0, 48.0)
# In half-widths: within the range, at its end, beyond.
TRIGGERS: Final = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0)
_PIPS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class MapCosts:
    """``reset_share``: the gas of one reset as a share of the capital; ``cooldown_seconds`` between two."""

    reset_share: float
    cooldown_seconds: int


@dataclass(frozen=True, slots=True)
class WidthMap:
    """Rows are half-widths (per cent of the price on either side), columns triggers (multiples of the half-width).

    ``alpha_apr_pct``: fees less LVR less costs, per cent of the value put in, a year, linear; ``fees_apr_pct`` and
    ``resets_per_week`` beside it. ``caveat`` says what the path was made of.
    """

    half_widths_pct: tuple[float, ...]
    triggers: tuple[float, ...]
    alpha_apr_pct: NDArray[np.float64]
    fees_apr_pct: NDArray[np.float64]
    resets_per_week: NDArray[np.float64]
    days: float
    caveat: str


def width_map(
    tape: EventTape | BarTape,
    fee_pips: int,
    tick_spacing: int,
    costs: MapCosts,
    *,
    quote_is_token0: bool,
    half_widths_pct: Sequence[float] = WIDTHS_PCT,
    triggers: Sequence[float] = TRIGGERS,
    threads: int = 1,
) -> WidthMap:
    """Every pair on the whole tape. ConfigError where the tape has too few prices for it."""
    path, fee_scale, caveat = _path(tape)
    pairs = [(width, trigger) for width in half_widths_pct for trigger in triggers]
    rows = [_strategy(width, trigger, fee_pips, costs) for width, trigger in pairs]
    found = sweep(path, rows, fee_pips, quote_is_token0=quote_is_token0, tick_spacing=tick_spacing, threads=threads)
    assert path.seconds is not None
    seconds = float(path.seconds[-1] - path.seconds[0])
    shape, to_year = (len(half_widths_pct), len(triggers)), 100 * SECONDS_PER_YEAR / seconds
    fees = found.fees * fee_scale
    return WidthMap(
        half_widths_pct=tuple(half_widths_pct),
        triggers=tuple(triggers),
        alpha_apr_pct=((fees - found.lvr - found.costs) * to_year).reshape(shape),
        fees_apr_pct=(fees * to_year).reshape(shape),
        resets_per_week=(found.resets * 7 * 86_400 / seconds).reshape(shape),
        days=seconds / 86_400,
        caveat=caveat,
    )


def _strategy(width_pct: float, trigger: float, fee_pips: int, costs: MapCosts) -> Recentring:
    half = math.log1p(width_pct / 100)
    edge = half * trigger
    return Recentring(half, half, edge, edge, costs.reset_share, fee_pips / _PIPS, costs.cooldown_seconds)


def _path(tape: EventTape | BarTape) -> tuple[PricePath, float, str]:
    """The path, what its fees are to be multiplied by, and what to say of it."""
    if tape.kind == "events":
        path: PricePath | None = None
        for batch in tape.batches():
            path = PricePath.of_events(batch) if path is None else _joined(path, PricePath.of_events(batch, after=path))
        if path is None or path.moves < 1:
            raise ConfigError("there is no swap in it to make a price path of", path=str(tape.path))
        return path, 1.0, "Fees follow the path of every swap; own liquidity dilutes nothing."
    path = _bar_path(tape)
    scale = _recorded_over_path(tape, path)
    caveat = (
        "The path goes through each bar's extremes, which shows less movement than there was: its fees are multiplied "
        f"by {scale:.2f}, so that all of them together are what the bars say was paid. LVR stays that of the path."
    )
    return path, scale, caveat


def _joined(path: PricePath, more: PricePath) -> PricePath:
    """``more`` begins with the last point of ``path``."""
    assert path.seconds is not None and more.seconds is not None
    return PricePath(
        np.concatenate((path.sqrt_price, more.sqrt_price[1:])), np.concatenate((path.seconds, more.seconds[1:]))
    )


def _bar_path(tape: BarTape) -> PricePath:
    bars = tape.columns
    rose = bars.close_tick >= bars.open_tick
    first, second = np.where(rose, bars.low_tick, bars.high_tick), np.where(rose, bars.high_tick, bars.low_tick)
    ticks = np.stack((bars.open_tick, first, second, bars.close_tick), axis=1).ravel()
    quarter = tape.step_seconds // 4
    seconds = (bars.timestamp[:, None] + np.arange(4) * quarter).ravel()
    return PricePath(np.exp(ticks * (math.log(1.0001) / 2)), seconds.astype(np.int64))


def _recorded_over_path(tape: BarTape, path: PricePath) -> float:
    """All that was paid in over what the path's moves ask at the recorded liquidity, both counted in token1."""
    bars = tape.columns
    liquidity = np.repeat(_floats(bars.liquidity), 4)[1:]
    root = path.sqrt_price
    up, down = np.maximum(np.diff(root), 0), np.maximum(np.diff(1 / root), 0)
    asked = float((liquidity * (up + down * root[1:] ** 2)).sum())
    closes = root[3::4] ** 2
    paid = float((_floats(bars.in_1) + _floats(bars.in_0) * closes).sum())
    return paid / asked if asked > 0 else 1.0


def _floats(limbs: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Unsigned rows of limbs as floats."""
    weights = np.power(2.0, 64 * np.arange(limbs.shape[1]))
    values: NDArray[np.float64] = limbs.astype(np.float64) @ weights
    return values
