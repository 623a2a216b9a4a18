"""Price bars by UTC day: what a walk-forward study may look at on each day."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from keeper.backtest.price_bars import DAY_SECONDS, ImpliedDays, PriceBars
from keeper.errors import ConfigError
from keeper.policy.volatility.range_based import Bars
from keeper.policy.volatility.realized import Array

HOUR_SECONDS = 3_600


@dataclass(frozen=True, slots=True)
class PriceDays:
    """Whole days but the first and the last of the file. Index 0 is the first of them in every field.

    ``variances``: realized, the sum of squared returns of the day's bars. ``returns``: from close to close of the day.
    ``bars``: hourly ones (or the file's, where longer), of which those of day t end at ``bar_ends[t]``; None without
    highs and lows. ``implied``: volatility per year at the day's end, NaN where not known; None without a file.
    """

    days: NDArray[np.int64]
    variances: Array
    returns: Array
    bars: Bars | None
    bar_ends: NDArray[np.int64]
    bars_per_day: int
    implied: Array | None

    def __len__(self) -> int:
        return len(self.days)


def price_days(prices: PriceBars, implied: ImpliedDays | None) -> PriceDays:
    """ConfigError: a day on which the price does not move at all, so that no forecast of it can be scored."""
    day_of = prices.timestamps // DAY_SECONDS
    first, last = int(day_of[0]) + 1, int(day_of[-1])
    days = np.arange(first, last)
    logs = np.log(prices.closes)
    squares = np.concatenate(([0.0], np.diff(logs) ** 2))
    variances: Array = np.bincount(day_of - first + 1, weights=squares)[1 : len(days) + 1].astype(float)
    if (variances <= 0).any():
        day = np.datetime64(int(days[int(np.argmax(variances <= 0))]), "D")
        raise ConfigError(f"the price does not move on {day}, so no forecast can be scored there", path=prices.path)
    ends = np.searchsorted(day_of, np.arange(first - 1, last), side="right")  # after the last bar of each day
    bars, per_bar = _hourly(prices)
    return PriceDays(
        days=days,
        variances=variances,
        returns=np.diff(logs[ends - 1]),
        bars=bars,
        bar_ends=ends[1:] // per_bar,
        bars_per_day=DAY_SECONDS // (prices.step_seconds * per_bar),
        implied=None if implied is None else np.array([implied.sigma_by_day.get(int(day), np.nan) for day in days]),
    )


def _hourly(prices: PriceBars) -> tuple[Bars | None, int]:
    """Bars of an hour, and how many of the file's make one. What comes before the first full hour is left out."""
    per_bar = max(1, HOUR_SECONDS // prices.step_seconds) if HOUR_SECONDS % prices.step_seconds == 0 else 1
    if prices.opens is None or prices.highs is None or prices.lows is None:
        return None, per_bar
    offset = int(prices.timestamps[0]) // prices.step_seconds % per_bar
    # A file that begins within an hour: its first bars are taken as an hour of their own, far before any forecast.
    pad = offset
    count = (len(prices.closes) + pad) // per_bar
    opens, closes = (np.concatenate((np.full(pad, x[0]), x)) for x in (prices.opens, prices.closes))
    highs, lows = (np.concatenate((np.full(pad, x[0]), x)) for x in (prices.highs, prices.lows))
    size = count * per_bar
    shape = (count, per_bar)
    bars = Bars(
        np.log(opens[:size].reshape(shape)[:, 0]),
        np.log(highs[:size].reshape(shape).max(axis=1)),
        np.log(lows[:size].reshape(shape).min(axis=1)),
        np.log(closes[:size].reshape(shape)[:, -1]),
    )
    return bars, per_bar
