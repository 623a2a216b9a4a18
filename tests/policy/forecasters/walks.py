"""Made-up pasts of a pool: walks of known volatility on the hourly grid, with bars and quotes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from keeper.model.observation import Bar, History, ImpliedQuote, Sample

HOUR, DAY = 3_600, 86_400
NOW = 1_800_000_000 // DAY * DAY + 7 * HOUR
LOG_TICK = math.log(1.0001)


def from_logs(logs: Sequence[float], bars: Sequence[Bar | None] | None = None, now: int = NOW) -> History:
    """Hourly samples of the given log prices, the last one at ``now``."""
    first = now - (len(logs) - 1) * HOUR
    rows = bars if bars is not None else [None] * len(logs)
    samples = tuple(
        Sample(first + index * HOUR, round(math.exp(log / 2) * 2**96), None, None, bar)
        for index, (log, bar) in enumerate(zip(logs, rows, strict=True))
    )
    return History("walk", HOUR, samples)


def walk(
    sigma_annual: float = 0.6, hours: int = 1_000, seed: int = 1, steps: int = 60, now: int = NOW, wobble: float = 0.0
) -> History:
    """A Gaussian walk seen hourly, its bars from ``steps`` moves an hour. ``wobble``: swing of ln σ, a week long."""
    chance = np.random.default_rng(seed)
    swing = np.exp(wobble * np.sin(2 * np.pi * np.arange(hours) / (24 * 7)))
    step = sigma_annual * math.sqrt(1 / (365 * 24 * steps))
    moves = chance.normal(size=(hours, steps)) * step * swing[:, None]
    path = np.cumsum(moves.ravel()).reshape(hours, steps)
    closes = np.concatenate(([0.0], path[:, -1]))
    highs = np.maximum(path.max(axis=1), closes[:-1])
    lows = np.minimum(path.min(axis=1), closes[:-1])
    bars: list[Bar | None] = [None]
    bars += [
        Bar(math.floor(low / LOG_TICK), math.floor(high / LOG_TICK), 1, 1, steps)
        for low, high in zip(lows, highs, strict=True)
    ]
    return from_logs([float(value) for value in closes], bars, now)


def quote(sigma_annual: float = 0.6, tenor_days: float = 30, age_seconds: int = 60, now: int = NOW) -> ImpliedQuote:
    return ImpliedQuote("dvol", sigma_annual, round(tenor_days * DAY), now - age_seconds)
