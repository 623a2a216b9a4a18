"""How far chance alone would move the figures: a stationary block bootstrap of daily series.

Politis & Romano (1994): a resampled month is made of blocks of consecutive days, of random (geometric) length, so that
what hangs together from day to day stays together; the days lie on a circle. The same days are drawn for every method,
so that a difference between two of them is not blurred by what both went through.

Bounds are percentiles, widened around the figure itself: a month is made of few blocks, and percentiles of so few hold
the truth in 73 to 81 of 100 cases where 90 are claimed (35 days, autocorrelation 0 to 0.5). With k = days / mean block
independent pieces the factor is that of Student's t, t(k − 1)/z · √(k/(k − 1)), which brings it to 87 to 94.

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
_KNOWN_SHARE = 0.9


@dataclass(frozen=True, slots=True)
class Scheme:
    """``block_days``: mean length of a block; left out: 2·n^(1/3) of n days, rounded."""

    draws: int = DRAWS
    seed: int = SEED
    block_days: float | None = None
    level: float = LEVEL

    def widening(self, days: int) -> float:
        """What the distances of the percentiles from the figure are multiplied by; at least two blocks are assumed."""
        from scipy.stats import norm, t

        pieces = max(days / self.mean_block_days(days), 2.0)
        upper = (1 + self.level) / 2
        return float(t.ppf(upper, pieces - 1) / norm.ppf(upper)) * math.sqrt(pieces / (pieces - 1))

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
    return _bounds(_statistics(method, places), _statistics(method, _as_they_were(method)), len(method), scheme)


def differences(method: Daily, other: Daily, scheme: Scheme) -> Intervals | None:
    """Of the method less the other, day paired with day. ValueError where they are not of the same days."""
    if len(method) != len(other):
        raise ValueError(f"{len(method)} days cannot be paired with {len(other)}")
    if len(method) < LEAST_DAYS:
        return None
    drawn, real = (
        tuple(mine - theirs for mine, theirs in zip(_statistics(method, at), _statistics(other, at), strict=True))
        for at in (resampled_days(len(method), scheme), _as_they_were(method))
    )
    return _bounds(drawn, real, len(method), scheme)


def interval_of_sum(values: Floats, scheme: Scheme) -> Interval:
    """Of the sum over all days (not annualised)."""
    drawn = values[resampled_days(len(values), scheme)].sum(axis=1)
    return _interval(drawn, float(values.sum()), len(values), scheme)


def _as_they_were(method: Daily) -> Places:
    return np.arange(len(method), dtype=np.intp)[None, :]


def _statistics(method: Daily, places: Places) -> tuple[Floats, ...]:
    """Total APR and alpha in per cent a year, and Sharpe, for each draw."""
    days = len(method)
    logs, alphas = np.asarray(method.log_returns)[places], np.asarray(method.alphas)[places]
    years = days / DAYS_PER_YEAR
    deviations = logs.std(axis=1, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        sharpe = np.where(deviations > 1e-12, logs.mean(axis=1) / deviations * math.sqrt(TRADING_DAYS), np.nan)
    return 100 * np.expm1(logs.sum(axis=1)) / years, 100 * alphas.sum(axis=1) / years, sharpe


def _bounds(drawn: tuple[Floats, ...], real: tuple[Floats, ...], days: int, scheme: Scheme) -> Intervals:
    total, alpha, sharpe = drawn
    known = sharpe[np.isfinite(sharpe)]
    has_sharpe = len(known) >= _KNOWN_SHARE * len(sharpe) and bool(np.isfinite(real[2][0]))
    return Intervals(
        _interval(total, float(real[0][0]), days, scheme),
        _interval(alpha, float(real[1][0]), days, scheme),
        _interval(known, float(real[2][0]), days, scheme) if has_sharpe else None,
    )


def _interval(drawn: Floats, real: float, days: int, scheme: Scheme) -> Interval:
    bounds = np.quantile(drawn, [(1 - scheme.level) / 2, (1 + scheme.level) / 2])
    lower, upper = (real + scheme.widening(days) * (float(bound) - real) for bound in bounds)
    # A figure may lie beyond its own percentiles; it always lies in its interval.
    return Interval(min(lower, real), max(upper, real))
