"""What an option chain implies at the money, by tenor: pure arithmetic on what an exchange publishes.

At each expiry the implied volatility at the forward price is interpolated between the two nearest strikes, in total
variance and log-moneyness; between expiries total variance is interpolated in time, which keeps the forward variance
between them constant. Nothing is extrapolated: a tenor before the first expiry or after the last gets no figure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

DAY_SECONDS: Final = 86_400
YEAR_SECONDS: Final = 365 * DAY_SECONDS
TENORS_SECONDS: Final = tuple(days * DAY_SECONDS for days in (1, 2, 3, 7, 14, 30, 60, 90))
_SHORTEST_SECONDS: Final = 3 * 3_600  # an expiry in the next hours is all gamma and no information
_LOWEST_MONEYNESS: Final = 1e-6
_LOWEST_SIGMA: Final = 0.02
_HIGHEST_SIGMA: Final = 10.0


@dataclass(frozen=True, slots=True)
class OptionMark:
    """One option: its expiry (UNIX seconds), strike, the forward price of its expiry, mark volatility per year."""

    expiry_timestamp: int
    strike: float
    forward: float
    sigma_annual: float

    @property
    def is_usable(self) -> bool:
        """Whether every figure is one that a market can have."""
        figures = self.strike, self.forward, self.sigma_annual
        return (
            all(math.isfinite(figure) and figure > 0 for figure in figures)
            and _LOWEST_MONEYNESS <= self.strike / self.forward <= 1 / _LOWEST_MONEYNESS
            and _LOWEST_SIGMA <= self.sigma_annual <= _HIGHEST_SIGMA
        )


def at_the_money(
    marks: Sequence[OptionMark], now_timestamp: int, tenors_seconds: Sequence[int] = TENORS_SECONDS
) -> dict[int, float]:
    """Volatility per year by tenor, for the tenors that lie between two expiries of the chain."""
    variances = _variance_by_expiry(marks, now_timestamp)
    times = sorted(variances)
    found: dict[int, float] = {}
    for tenor in tenors_seconds:
        after = next((time for time in times if time >= tenor), None)
        before = next((time for time in reversed(times) if time <= tenor), None)
        if after is None or before is None:
            continue
        part = 0.0 if after == before else (tenor - before) / (after - before)
        variance = variances[before] + part * (variances[after] - variances[before])
        found[tenor] = math.sqrt(variance * YEAR_SECONDS / tenor)
    return found


def _variance_by_expiry(marks: Sequence[OptionMark], now_timestamp: int) -> Mapping[int, float]:
    """Total variance to each expiry, by seconds from now."""
    by_expiry: dict[int, list[OptionMark]] = {}
    for mark in marks:
        left = mark.expiry_timestamp - now_timestamp
        if mark.is_usable and left >= _SHORTEST_SECONDS:
            by_expiry.setdefault(left, []).append(mark)
    found = {left: _variance_at_the_money(each) * left / YEAR_SECONDS for left, each in by_expiry.items()}
    return {left: variance for left, variance in found.items() if variance > 0}


def _variance_at_the_money(marks: Sequence[OptionMark]) -> float:
    """Variance per year at the forward; 0 where the strikes do not enclose it."""
    by_moneyness: dict[float, list[float]] = {}
    for mark in marks:
        by_moneyness.setdefault(math.log(mark.strike / mark.forward), []).append(mark.sigma_annual**2)
    points = {moneyness: sum(each) / len(each) for moneyness, each in by_moneyness.items()}  # calls and puts
    below = max((moneyness for moneyness in points if moneyness <= 0), default=None)
    above = min((moneyness for moneyness in points if moneyness >= 0), default=None)
    if below is None or above is None:
        return 0.0
    if above == below:
        return points[above]
    return points[below] + (points[above] - points[below]) * -below / (above - below)
