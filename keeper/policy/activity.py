"""Fee intensity: what the pool has been paying its liquidity, free of any one range."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from keeper.model.observation import History, Observation, Sample
from keeper.policy.columns import Columns
from keeper.policy.identity import ByIdentity

DAY_SECONDS = 86_400
SECONDS_PER_YEAR = 365 * DAY_SECONDS
HALF_LIFE_SECONDS = 5 * DAY_SECONDS
UINT256 = 1 << 256
Q96 = float(1 << 96)
Q128 = float(1 << 128)


@dataclass(frozen=True, slots=True)
class Activity:
    """``phi_annual`` = F/(L·√S) in 1/year: fees F per year to liquidity L at price S. After the protocol's cut.

    ``deviations``: each step's weighted distance from the mean; they sum to nothing.
    """

    phi_annual: float
    hours: float
    deviations: tuple[float, ...]

    @property
    def standard_error(self) -> float:
        """Newey–West, of the weighted mean. Worked out when asked for: with days enough nobody does."""
        return math.sqrt(_newey_west(self.deviations))


def fee_intensity(history: History) -> Activity | None:
    """Exponentially weighted mean (half-life five days) of fee growth per √price.

    Fee growth per unit of liquidity is g0 and g1 in token units; F/(L·√S) = g0·√P + g1/√P whichever token is the
    quote. None where fewer than two samples carry fee growth. The newest sample weighs most, whatever the time is:
    whether it is fresh enough is the forecaster's question.
    """
    return _fee_intensity(ByIdentity(history.samples))


@lru_cache(maxsize=64)
def _fee_intensity(samples: ByIdentity[tuple[Sample, ...]]) -> Activity | None:
    rates = rate_rows(samples.value)
    if len(rates) < 2:
        return None
    ends, seconds, rate = rates.T
    weights = _fading(ends[-1] - ends) * seconds
    total = math.fsum(weights.tolist())
    mean = math.fsum((weights * rate).tolist()) / total
    deviations = tuple((weights * (rate - mean) / total).tolist())
    return Activity(mean, sum(map(int, seconds.tolist())) / 3_600, deviations)


def _fading(ages_seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Halved every half-life. Hour after hour the ages are the same: then they are not worked out again."""
    global _FADED
    known, faded = _FADED
    if not np.array_equal(known, ages_seconds):
        faded = np.array([0.5 ** (age / HALF_LIFE_SECONDS) for age in ages_seconds.tolist()])
        _FADED = ages_seconds, faded
    return faded


_FADED: tuple[NDArray[np.float64], NDArray[np.float64]] = np.empty(0), np.empty(0)


def intensities(samples: tuple[Sample, ...]) -> tuple[tuple[int, int, float], ...]:
    """(end timestamp, seconds, intensity per year) between neighbouring samples which both carry fee growth."""
    return tuple((int(end), int(seconds), rate) for end, seconds, rate in rate_rows(samples).tolist())


def rate_rows(samples: tuple[Sample, ...]) -> NDArray[np.float64]:
    """``intensities`` as rows of an array."""
    rows = _RATES.rows(samples)
    return rows[~np.isnan(rows[:, 2])]


def _rate(before: Sample, after: Sample) -> tuple[float, float, float]:
    """NaN where one of them carries no fee growth."""
    if before.fee_growth_global_0_x128 is None or after.fee_growth_global_0_x128 is None:
        return after.timestamp, 0, math.nan
    if before.fee_growth_global_1_x128 is None or after.fee_growth_global_1_x128 is None:
        return after.timestamp, 0, math.nan
    growth_0 = (after.fee_growth_global_0_x128 - before.fee_growth_global_0_x128) % UINT256 / Q128
    growth_1 = (after.fee_growth_global_1_x128 - before.fee_growth_global_1_x128) % UINT256 / Q128
    root_price = after.sqrt_price_x96 / Q96
    seconds = after.timestamp - before.timestamp
    intensity = (growth_0 * root_price + growth_1 / root_price) * SECONDS_PER_YEAR / seconds
    return after.timestamp, seconds, intensity


_RATES = Columns(_rate)


def _newey_west(deviations: Sequence[float]) -> float:
    """Variance of the sum of autocorrelated terms: Bartlett weights, lag a quarter of them, at most 24."""
    count = len(deviations)
    lags = min(24, count // 4)
    variance = math.fsum(d * d for d in deviations)
    for lag in range(1, lags + 1):
        covariance = math.fsum(a * b for a, b in zip(deviations, deviations[lag:], strict=False))
        variance += 2 * (1 - lag / (lags + 1)) * covariance
    return max(variance, 0.0)


def day_volume_quote(observation: Observation) -> int | None:
    """Worth of what went through the pool in the last day, raw quote units at today's price, each swap counted once
    (by the token that is the quote). None where the tape does not cover the day."""
    bars = [sample.bar for sample in observation.history.samples[-24:]]
    if len(bars) < 24 or any(bar is None for bar in bars):
        return None
    return sum(bar.volume_0 if observation.quote_is_token0 else bar.volume_1 for bar in bars if bar is not None)
