"""A map of width against trigger: what re-centring ranges would have earned on a tape, by the float engine.

It looks over hundreds of pairs in a second, on the price path alone (``world.tape.sweeps`` has the model): a picture of
where to search, never a figure to expect. What counts is a backtest.

The path is what a strategy sees that looks every so many seconds. Between two looks a price goes to and fro, most of
which costs a provider nothing in the end: LVR of every single swap would be several times that of the looks, which is
how accounts measure it. The fees of all that movement are paid, though: those of the thinned path are multiplied so
that together they are what the tape says was paid.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from keeper.errors import ConfigError
from keeper.world.tape.paths import PricePath, floats_of_limbs
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
    every_seconds: int,
    *,
    quote_is_token0: bool,
    half_widths_pct: Sequence[float] = WIDTHS_PCT,
    triggers: Sequence[float] = TRIGGERS,
) -> WidthMap:
    """Every pair on the whole tape. ConfigError where the tape has too few prices for it."""
    whole, paid = (_event_path(tape), None) if tape.kind == "events" else _bar_path(tape)
    path = _thinned(whole, every_seconds)
    if path.moves < 1 or path.seconds is None or path.seconds[-1] <= path.seconds[0]:
        raise ConfigError("it has too few prices for a map of widths", path=str(tape.path))
    fee_scale = (_movement(whole) if paid is None else paid) / _movement(path)
    pairs = [(width, trigger) for width in half_widths_pct for trigger in triggers]
    rows = [_strategy(width, trigger, fee_pips, costs) for width, trigger in pairs]
    found = sweep(path, rows, fee_pips, quote_is_token0=quote_is_token0, tick_spacing=tick_spacing)
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
        caveat=(
            f"Prices every {every_seconds} s; fees multiplied by {fee_scale:.2f}, so that together they are what was "
            "paid for all movement in between. Own liquidity dilutes nothing."
        ),
    )


def _strategy(width_pct: float, trigger: float, fee_pips: int, costs: MapCosts) -> Recentring:
    half = math.log1p(width_pct / 100)
    edge = half * trigger
    return Recentring(half, half, edge, edge, costs.reset_share, fee_pips / _PIPS, costs.cooldown_seconds)


def _event_path(tape: EventTape) -> PricePath:
    path: PricePath | None = None
    for batch in tape.batches():
        part = PricePath.of_events(batch, after=path)
        path = part if path is None else _joined(path, part)
    if path is None:
        raise ConfigError("there is no swap in it to make a price path of", path=str(tape.path))
    return path


def _joined(path: PricePath, more: PricePath) -> PricePath:
    """``more`` begins with the last point of ``path``."""
    assert path.seconds is not None
    assert more.seconds is not None
    return PricePath(
        np.concatenate((path.sqrt_price, more.sqrt_price[1:])), np.concatenate((path.seconds, more.seconds[1:]))
    )


def _bar_path(tape: BarTape) -> tuple[PricePath, float]:
    """The closes; and what was paid in for each unit of liquidity, as ``_movement`` counts it."""
    bars = tape.columns
    root = np.exp(bars.close_tick * (math.log(1.0001) / 2))
    gross = floats_of_limbs(bars.in_0) * root + floats_of_limbs(bars.in_1) / root
    liquidity = floats_of_limbs(bars.liquidity)
    paid = float((gross[liquidity > 0] / liquidity[liquidity > 0]).sum())
    return PricePath(root, bars.timestamp + tape.step_seconds), paid


def _thinned(path: PricePath, every_seconds: int) -> PricePath:
    """The first point, then the last one at or before each full step of time, then the last of all."""
    assert path.seconds is not None
    steps = np.arange(path.seconds[0] // every_seconds + 1, path.seconds[-1] // every_seconds + 1) * every_seconds
    looks = np.searchsorted(path.seconds, steps, side="right") - 1
    kept = np.unique(np.concatenate(([0], looks, [len(path) - 1])))
    return PricePath(path.sqrt_price[kept], path.seconds[kept])


def _movement(path: PricePath) -> float:
    """What all moves ask to be paid in, for each unit of liquidity, free of the price's own level: the moves of √P over
    √P, whichever way."""
    return float(np.abs(np.diff(np.log(path.sqrt_price))).sum())
