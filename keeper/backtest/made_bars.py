"""Minute bars of a pool that never was, for trying a backtest without data and for measuring how fast one runs.

Volatility wanders (a log Ornstein–Uhlenbeck path), the price is a geometric Brownian motion under it, volume follows
volatility, and liquidity wobbles around its mean: the shapes of a busy pool, not the returns of any. The same seed
gives the same bars; integers are exact. What a strategy earns on them says nothing of what it would earn.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MINUTES_A_DAY: Final = 1_440
STEP_SECONDS: Final = 60
_POINTS: Final = 8  # prices looked at within a minute, for its lowest and highest
_LOG_TICK: Final = math.log(1.0001)


@dataclass(frozen=True, slots=True)
class MadeMarket:
    """What the bars are drawn from. ``price`` is token1 per token0 in raw units; ``daily_volume_1`` raw units of token1
    paid in on a mean day, both ways; ``liquidity`` the pool's mean. Defaults: about Polygon's USDC/WETH in 2022."""

    start_timestamp: int = 1_640_995_200
    price: float = 5.5e8
    sigma_annual: float = 0.8
    daily_volume_1: float = 1.5e22
    liquidity: float = 1e18
    fee_pips: int = 500


def generate_bars(days: int, seed: int, market: MadeMarket | None = None) -> dict[str, list[Any]]:
    """The columns of minute bars as files of them have: ``timestamp`` (UNIX seconds), ticks as integers, amounts and
    liquidity as decimal strings. ValueError for no days."""
    if days < 1:
        raise ValueError("a tape needs a day at least")
    of = market or MadeMarket()
    chance = np.random.default_rng(seed)
    minutes = days * MINUTES_A_DAY
    sigma = of.sigma_annual * np.exp(_wandering(chance, minutes, hours=36.0, deviation=0.45))
    ticks = _ticks(chance, of, sigma)
    busy = sigma / of.sigma_annual * np.exp(0.6 * chance.standard_normal(minutes) - 0.18)
    liquidity = of.liquidity * np.exp(_wandering(chance, minutes, hours=48.0, deviation=0.25))
    opened, closed = ticks[:, 0], ticks[:, -1]
    net_0, net_1 = _net(opened, closed, liquidity)
    # Noise pays both ways alike; what moved the price comes on top.
    noise_1 = of.daily_volume_1 / MINUTES_A_DAY / 2 * busy
    noise_0 = noise_1 / np.exp(closed * _LOG_TICK)
    return {
        "timestamp": [of.start_timestamp + STEP_SECONDS * index for index in range(minutes)],
        "netAmount0": _text(net_0),
        "netAmount1": _text(net_1),
        "closeTick": closed.tolist(),
        "openTick": opened.tolist(),
        "lowestTick": ticks.min(axis=1).tolist(),
        "highestTick": ticks.max(axis=1).tolist(),
        "inAmount0": _text(np.maximum(net_0, 0.0) + noise_0),
        "inAmount1": _text(np.maximum(net_1, 0.0) + noise_1),
        "currentLiquidity": _text(liquidity),
    }


def write_bars(columns: Mapping[str, list[Any]], path: Path) -> None:
    """Parquet, as ``open_tape`` reads it; times as UTC timestamps."""
    arrow: Any = import_module("pyarrow")
    times = arrow.array([each * 1_000_000 for each in columns["timestamp"]], arrow.int64())
    table = {"timestamp": times.cast(arrow.timestamp("us", tz="UTC"))}
    table |= {name: arrow.array(values) for name, values in columns.items() if name != "timestamp"}
    import_module("pyarrow.parquet").write_table(arrow.table(table), path, compression="zstd")


def _wandering(chance: np.random.Generator, minutes: int, *, hours: float, deviation: float) -> Array:
    """An Ornstein–Uhlenbeck path of this standard deviation whose memory fades by e in so many hours, by the hour and
    straight between."""
    count = -(-minutes // 60) + 1
    keep = math.exp(-1 / hours)
    shocks = chance.standard_normal(count) * deviation * math.sqrt(1 - keep * keep)
    path = np.empty(count)
    path[0] = deviation * chance.standard_normal()
    for index in range(1, count):
        path[index] = keep * path[index - 1] + shocks[index]
    return np.interp(np.arange(minutes) / 60.0, np.arange(count), path)


def _ticks(chance: np.random.Generator, of: MadeMarket, sigma: Array) -> NDArray[np.int64]:
    """Ticks at ``_POINTS`` moments of each minute, the last of one being the first of the next."""
    step = 1.0 / (365 * MINUTES_A_DAY * (_POINTS - 1))
    spread = np.repeat(sigma, _POINTS - 1) * math.sqrt(step)
    moves = spread * chance.standard_normal(len(spread)) - spread**2 / 2
    path = np.concatenate(([0.0], np.cumsum(moves))) + math.log(of.price)
    ticks = np.floor(path / _LOG_TICK).astype(np.int64)
    starts = np.arange(len(sigma)) * (_POINTS - 1)
    found: NDArray[np.int64] = ticks[starts[:, None] + np.arange(_POINTS)]
    return found


def _net(opened: NDArray[np.int64], closed: NDArray[np.int64], liquidity: Array) -> tuple[Array, Array]:
    """What the move of a minute takes in (positive) and pays out at its liquidity."""
    before, after = np.exp(opened * (_LOG_TICK / 2)), np.exp(closed * (_LOG_TICK / 2))
    return liquidity * (1 / after - 1 / before), liquidity * (after - before)


def _text(values: Array) -> list[str]:
    """Whole numbers as decimal text; the float's own value, so nothing is lost on the way."""
    return [str(int(value)) for value in values.tolist()]
