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
    if not days:
        return first, ()
    step = past.sample_seconds
    moments = np.array((past.samples[0].timestamp, *past.ends), dtype=np.int64)
    moments = -(-moments // step) * step
    starts, ends, changes = moments[:-1], moments[1:], np.array(past.returns)
    lengths = ends - starts
    # Two places for each return, its first day and its last: nothing goes to the second where that is the same day.
    on = np.stack((starts // SECONDS_PER_DAY, (ends - 1) // SECONDS_PER_DAY), axis=1)
    opens = on * SECONDS_PER_DAY
    inside = np.minimum(ends[:, None], opens + SECONDS_PER_DAY) - np.maximum(starts[:, None], opens)
    counts = ((lengths > 0) & (lengths <= LONGEST_STEP_SECONDS))[:, None] & (on >= first) & (on < last)
    counts[:, 1] &= on[:, 1] != on[:, 0]
    parts = (changes * changes)[:, None] * (inside / np.maximum(lengths, 1)[:, None])
    places = (on - first)[counts]
    squares = np.bincount(places, weights=parts[counts], minlength=days)  # adds in the order of time
    covered = np.bincount(places, weights=inside[counts], minlength=days)
    return first, tuple(
        square * SECONDS_PER_DAY / seconds if seconds >= LEAST_COVERED_SECONDS else math.nan
        for square, seconds in zip(squares.tolist(), covered.tolist(), strict=True)
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
