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
    bars, per_bar, padded = _hourly(prices)
    return PriceDays(
        days=days,
        variances=variances,
        returns=np.diff(logs[ends - 1]),
        bars=bars,
        bar_ends=(ends[1:] + padded) // per_bar,
        bars_per_day=DAY_SECONDS // (prices.step_seconds * per_bar),
        implied=None if implied is None else np.array([implied.sigma_by_day.get(int(day), np.nan) for day in days]),
    )


def _hourly(prices: PriceBars) -> tuple[Bars | None, int, int]:
    """Bars of an hour, how many of the file's make one, and how many of those the first hour lacks.

    A file that begins within an hour: its first price stands for what is missing, long before any forecast.
    """
    step = prices.step_seconds
    per_bar = max(1, HOUR_SECONDS // step) if HOUR_SECONDS % step == 0 else 1
    padded = int(prices.timestamps[0]) // step % per_bar
    if prices.opens is None or prices.highs is None or prices.lows is None:
        return None, per_bar, padded
    shape = ((len(prices.closes) + padded) // per_bar, per_bar)
    opens, highs, lows, closes = (
        np.log(np.concatenate((np.full(padded, prices.opens[0]), values))[: shape[0] * per_bar].reshape(shape))
        for values in (prices.opens, prices.highs, prices.lows, prices.closes)
    )
    return Bars(opens[:, 0], highs.max(axis=1), lows.min(axis=1), closes[:, -1]), per_bar, padded
