"""Realized variance per UTC day: the sum of squared log returns within it (Andersen & Bollerslev 1998)."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from keeper.policy.volatility.past import HOUR_SECONDS, SECONDS_PER_DAY, Past

Array = NDArray[np.float64]

# A return over a longer gap tells nothing of the day it lies in, and a day needs this much of its time covered.
LONGEST_STEP_SECONDS = 6 * HOUR_SECONDS
LEAST_COVERED_SECONDS = 18 * HOUR_SECONDS


@lru_cache(maxsize=4)
def daily_variances(past: Past) -> tuple[int, tuple[float, ...]]:
    """The first whole UTC day (days since 1970) and the variance of each whole day from it on.

    A day with less than 18 hours of samples is NaN; one with more is scaled up to 24 hours. A return that crosses
    midnight counts on both sides by its time.
    """
    first = -(-past.grid(past.samples[0].timestamp) // SECONDS_PER_DAY)
    last = past.grid(past.samples[-1].timestamp) // SECONDS_PER_DAY
    days = max(last - first, 0)
    squares, covered = [0.0] * days, [0] * days
    before = past.grid(past.samples[0].timestamp)
    for end, change in zip(past.ends, past.returns, strict=True):
        start, before = before, past.grid(end)
        length = before - start
        if 0 < length <= LONGEST_STEP_SECONDS:
            for day in {start // SECONDS_PER_DAY, (before - 1) // SECONDS_PER_DAY}:
                index = day - first
                if 0 <= index < days:
                    opens = day * SECONDS_PER_DAY
                    inside = min(before, opens + SECONDS_PER_DAY) - max(start, opens)
                    squares[index] += change * change * (inside / length)
                    covered[index] += inside
    return first, tuple(
        square * SECONDS_PER_DAY / seconds if seconds >= LEAST_COVERED_SECONDS else math.nan
        for square, seconds in zip(squares, covered, strict=True)
    )


def trailing_means(daily: Array, days: int) -> Array:
    """Mean of the last ``days`` values at each day; NaN where less than two thirds of them are known."""
    known = np.isfinite(daily)
    sums = np.concatenate(([0.0], np.cumsum(np.where(known, daily, 0.0))))
    counts = np.concatenate(([0], np.cumsum(known)))
    means = np.full(len(daily), np.nan)
    if len(daily) >= days:
        total, number = sums[days:] - sums[:-days], counts[days:] - counts[:-days]
        enough = 3 * number >= 2 * days
        means[days - 1 :] = np.where(enough, total / np.maximum(number, 1), np.nan)
    return means


def following_means(daily: Array, days: int) -> Array:
    """Mean of the ``days`` values that follow each day: what a forecast of that day is judged by. NaN at the end."""
    means = np.full(len(daily), np.nan)
    if len(daily) > days:
        means[:-days] = trailing_means(daily, days)[days:]
    return means
