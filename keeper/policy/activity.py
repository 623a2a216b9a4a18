"""Fee intensity: what the pool has been paying its liquidity, free of any one range."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from keeper.model.observation import History, Observation, Sample
from keeper.policy.identity import ByIdentity
from keeper.policy.rolling import Neighbours

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
    rates = intensities(samples.value)
    if len(rates) < 2:
        return None
    newest = rates[-1][0]
    weights = [0.5 ** ((newest - end) / HALF_LIFE_SECONDS) * seconds for end, seconds, _ in rates]
    total = math.fsum(weights)
    mean = math.fsum(w * rate for w, (_, _, rate) in zip(weights, rates, strict=True)) / total
    deviations = tuple(w * (rate - mean) / total for w, (_, _, rate) in zip(weights, rates, strict=True))
    return Activity(mean, sum(seconds for _, seconds, _ in rates) / 3_600, deviations)


def intensities(samples: tuple[Sample, ...]) -> tuple[tuple[int, int, float], ...]:
    """(end timestamp, seconds, intensity per year) between neighbouring samples which both carry fee growth."""
    return _intensities(ByIdentity(samples))


@lru_cache(maxsize=64)
def _intensities(samples: ByIdentity[tuple[Sample, ...]]) -> tuple[tuple[int, int, float], ...]:
    return tuple(each for each in _RATES.values(samples.value) if each is not None)


def _rate(before: Sample, after: Sample) -> tuple[int, int, float] | None:
    if before.fee_growth_global_0_x128 is None or after.fee_growth_global_0_x128 is None:
        return None
    if before.fee_growth_global_1_x128 is None or after.fee_growth_global_1_x128 is None:
        return None
    growth_0 = (after.fee_growth_global_0_x128 - before.fee_growth_global_0_x128) % UINT256 / Q128
    growth_1 = (after.fee_growth_global_1_x128 - before.fee_growth_global_1_x128) % UINT256 / Q128
    root_price = after.sqrt_price_x96 / Q96
    seconds = after.timestamp - before.timestamp
    intensity = (growth_0 * root_price + growth_1 / root_price) * SECONDS_PER_YEAR / seconds
    return after.timestamp, seconds, intensity


_RATES = Neighbours(_rate)


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
