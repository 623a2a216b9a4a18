"""How far chance alone would move the figures: a stationary block bootstrap of daily series.

Politis & Romano (1994): a resampled month is made of blocks of consecutive days, of random (geometric) length, so that
what hangs together from day to day stays together; the days lie on a circle. The same days are drawn for every method,
so that a difference between two of them is not blurred by what both went through. Bounds are percentiles.

It cannot know days unlike those it was given: of 35 days in one market it says how well *these* tell methods apart.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from keeper.backtest.metrics import DAYS_PER_YEAR, TRADING_DAYS, Daily

Floats = NDArray[np.float64]
Places = NDArray[np.intp]

LEVEL, DRAWS, SEED = 0.9, 2_000, 20_220_719
# Blocks of fewer days than this are no sample of anything.
LEAST_DAYS = 14


@dataclass(frozen=True, slots=True)
class Scheme:
    """``block_days``: mean length of a block; left out: 2·n^(1/3) of n days, rounded."""

    draws: int = DRAWS
    seed: int = SEED
    block_days: float | None = None
    level: float = LEVEL

    def mean_block_days(self, days: int) -> float:
        block = max(1, round(2 * days ** (1 / 3))) if self.block_days is None else self.block_days
        return float(min(max(block, 1.0), days))


@dataclass(frozen=True, slots=True)
class Interval:
    """Per cent a year, or of a ratio: where the figure would lie in ``level`` of the resampled periods."""

    lower: float
    upper: float

    @property
    def excludes_zero(self) -> bool:
        return self.lower > 0 or self.upper < 0

    def overlaps(self, other: Interval) -> bool:
        return self.lower <= other.upper and other.lower <= self.upper


@dataclass(frozen=True, slots=True)
class Intervals:
    """Of one method, or of one less another. ``sharpe`` None: the worth never moved, or hardly."""

    total_apr_pct: Interval
    alpha_apr_pct: Interval
    sharpe: Interval | None


def resampled_days(days: int, scheme: Scheme) -> Places:
    """One row of ``days`` places for each draw. The same arguments give the same rows."""
    random = np.random.default_rng(scheme.seed)
    fresh = random.random((scheme.draws, days)) < 1 / scheme.mean_block_days(days)
    starts = random.integers(0, days, size=(scheme.draws, days))
    places = np.empty((scheme.draws, days), dtype=np.intp)
    places[:, 0] = starts[:, 0]
    for day in range(1, days):
        places[:, day] = np.where(fresh[:, day], starts[:, day], (places[:, day - 1] + 1) % days)
    return places


def intervals(method: Daily, scheme: Scheme) -> Intervals | None:
    """None where there are fewer than ``LEAST_DAYS`` whole days."""
    if len(method) < LEAST_DAYS:
        return None
    places = resampled_days(len(method), scheme)
    return _bounds(_statistics(method, places), scheme)


def differences(method: Daily, other: Daily, scheme: Scheme) -> Intervals | None:
    """Of the method less the other, day paired with day. ValueError where they are not of the same days."""
    if len(method) != len(other):
        raise ValueError(f"{len(method)} days cannot be paired with {len(other)}")
    if len(method) < LEAST_DAYS:
        return None
    places = resampled_days(len(method), scheme)
    pairs = zip(_statistics(method, places), _statistics(other, places), strict=True)
    total, alpha, sharpe = (mine - theirs for mine, theirs in pairs)
    return _bounds((total, alpha, sharpe), scheme)


def interval_of_sum(values: Floats, scheme: Scheme) -> Interval:
    """Of the sum over all periods (not annualised)."""
    places = resampled_days(len(values), scheme)
    return _interval(values[places].sum(axis=1), scheme.level)


def _statistics(method: Daily, places: Places) -> tuple[Floats, Floats, Floats]:
    """Total APR and alpha in per cent a year, and Sharpe, for each draw."""
    days = len(method)
    logs, alphas = np.asarray(method.log_returns)[places], np.asarray(method.alphas)[places]
    years = days / DAYS_PER_YEAR
    deviations = logs.std(axis=1, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        sharpe = np.where(deviations > 1e-12, logs.mean(axis=1) / deviations * math.sqrt(TRADING_DAYS), np.nan)
    return 100 * np.expm1(logs.sum(axis=1)) / years, 100 * alphas.sum(axis=1) / years, sharpe


def _bounds(statistics: tuple[Floats, Floats, Floats], scheme: Scheme) -> Intervals:
    total, alpha, sharpe = statistics
    known = sharpe[np.isfinite(sharpe)]
    return Intervals(
        _interval(total, scheme.level),
        _interval(alpha, scheme.level),
        _interval(known, scheme.level) if len(known) >= 0.9 * len(sharpe) else None,
    )


def _interval(values: Floats, level: float) -> Interval:
    lower, upper = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(lower), float(upper))
