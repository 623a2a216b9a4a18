"""Volatility from the highs and lows of bars, all in logarithms of the price.

Parkinson 1980; Garman & Klass 1980; Rogers & Satchell 1991; Yang & Zhang 2000; Wilder 1978 for the true range.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from keeper.policy.volatility.realized import Array

Estimator = Literal["parkinson", "garman_klass", "rogers_satchell", "yang_zhang"]

# Var/mean² of each variance estimate per bar over that of a squared close-to-close return (2): published efficiencies.
EFFICIENCY = {"parkinson": 5.2, "garman_klass": 7.4, "rogers_satchell": 6.0, "yang_zhang": 7.4}
# Squared coefficient of variation of the range of a driftless walk: E[R²] = 4·ln2·σ²t over E[R]² = (8/π)·σ²t, less 1.
_RANGE_VARIATION = 4 * math.log(2) * math.pi / 8 - 1


@dataclass(frozen=True, slots=True)
class Bars:
    """Logarithms of open, high, low and close of bars of equal length, oldest first, without holes."""

    opens: Array
    highs: Array
    lows: Array
    closes: Array

    def __len__(self) -> int:
        return len(self.closes)

    def last(self, number: int) -> Bars:
        return Bars(self.opens[-number:], self.highs[-number:], self.lows[-number:], self.closes[-number:])

    def until(self, number: int) -> Bars:
        return Bars(self.opens[:number], self.highs[:number], self.lows[:number], self.closes[:number])


def range_variance(bars: Bars, estimator: Estimator) -> float:
    """Variance of the log price per bar, the mean over the bars."""
    up, down, inside = bars.highs - bars.opens, bars.lows - bars.opens, bars.closes - bars.opens
    if estimator == "parkinson":
        return float(np.mean((bars.highs - bars.lows) ** 2)) / (4 * math.log(2))
    if estimator == "garman_klass":
        return float(np.mean(0.5 * (up - down) ** 2 - (2 * math.log(2) - 1) * inside**2))
    if estimator == "rogers_satchell":
        return float(np.mean(up * (up - inside) + down * (down - inside)))
    return _yang_zhang(bars)


def _yang_zhang(bars: Bars) -> float:
    """Jump at the open + k·open-to-close + (1 − k)·Rogers–Satchell. A pool never closes: its jumps are zero."""
    number = len(bars) - 1
    if number < 2:
        raise ValueError("Yang-Zhang needs three bars")
    tail = bars.last(number)
    jumps = tail.opens - bars.closes[:-1]
    inside = tail.closes - tail.opens
    within = range_variance(tail, "rogers_satchell")
    share = 0.34 / (1.34 + (number + 1) / (number - 1))
    return float(np.var(jumps, ddof=1) + share * np.var(inside, ddof=1) + (1 - share) * within)


def relative_error(bars: int, estimator: Estimator) -> float:
    """Standard error of the volatility over itself: a squared return has variance 2, the estimator's is smaller."""
    return 0.5 * math.sqrt(2 / (EFFICIENCY[estimator] * bars))


def average_true_range(bars: Bars, period: int) -> float:
    """Wilder's average: the mean of the first ``period`` true ranges, then (previous·(n − 1) + new)/n."""
    before = np.concatenate(([bars.opens[0]], bars.closes[:-1]))
    ranges = np.maximum(bars.highs, before) - np.minimum(bars.lows, before)
    average = float(np.mean(ranges[:period]))
    for value in ranges[period:].tolist():
        average += (value - average) / period
    return average


def sigma_of_range(mean_range: float) -> float:
    """σ per bar of a driftless walk with this mean range: E[R] = √(8/π)·σ·√t (Feller 1951)."""
    return mean_range / math.sqrt(8 / math.pi)


def true_range_error(bars: int, period: int) -> float:
    """Relative standard error of Wilder's average, which weighs as 2n − 1 bars weighed alike."""
    return math.sqrt(_RANGE_VARIATION / min(bars, 2 * period - 1))
