"""What providing pays: fee intensity against the loss to arbitrage, as the pool's own past shows it.

N = φ + φ_r − σ²/4 per unit of depth. Today's N is pulled toward the pool's long-run value, as far as a day's N has told
little of the next day's: N_used = k·[N̄ + B·(N − N̄) + φ_r]. Rewards are known, so they are not shrunk.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np

from keeper.model.decision import Figure, Forecast, Objection
from keeper.model.observation import History, Sample
from keeper.policy.activity import DAY_SECONDS, SECONDS_PER_YEAR, fee_intensity, intensities
from keeper.policy.dates import end_of_day_timestamp
from keeper.policy.identity import ByIdentity
from keeper.policy.rolling import Neighbours
from keeper.policy.scene import Carry
from keeper.policy.settings import Reward, StrategySettings

# A pool's long-run N is believed after so many days; before, it is taken to be nothing.
LONG_RUN_DAYS = 30
# The mean that decisions rest on is of five days; its error needs a few more of them to be seen at all.
MEAN_DAYS = 5
FEWEST_DAYS_FOR_ERROR = 8
FEWEST_DAYS_FOR_SHRINKAGE = 5
# A day counts when fees and prices of so much of it are known.
DAY_COVERED = 0.8
MOST_SIGMA_ANNUAL, LEAST_SIGMA_ANNUAL = 5.0, 0.0005
# Fee growth that ran backwards in one wrong answer wraps around to 10³⁸; the busiest pools are seen below 10 a year.
MOST_PHI_ANNUAL = 1_000.0


def carry(history: History, forecast: Forecast, settings: StrategySettings, now_timestamp: int) -> Carry | Objection:
    """The carry at this moment; an objection where volatility or fees are not known well enough."""
    sigma = forecast.sigma_annual
    if sigma is None:
        return Objection("no_forecast", f"no volatility forecast: {forecast.refusal}")
    if not LEAST_SIGMA_ANNUAL <= sigma < MOST_SIGMA_ANNUAL:
        bounds = (
            Figure("sigma_annual", sigma),
            Figure("least", LEAST_SIGMA_ANNUAL),
            Figure("most", MOST_SIGMA_ANNUAL),
        )
        return Objection("sigma_implausible", f"a volatility of {sigma:.2%} a year is not to be believed", bounds)
    profit = settings.profit
    activity = fee_intensity(history)
    hours = 0.0 if activity is None else activity.hours
    if activity is None or hours < profit.min_fee_history_hours:
        figures = (Figure("hours", hours), Figure("needed_hours", profit.min_fee_history_hours))
        return Objection("no_fee_history", "the pool's fees have not been seen long enough", figures)
    if activity.phi_annual > MOST_PHI_ANNUAL:
        figures = (Figure("phi_annual", activity.phi_annual), Figure("most", MOST_PHI_ANNUAL))
        return Objection("fees_implausible", "the fees in the pool's history are not to be believed", figures)
    rewards = reward_intensity(settings.rewards, now_timestamp, profit.horizon_days)
    days = daily_net(history)
    mean = math.fsum(days) / len(days) if len(days) >= LONG_RUN_DAYS else 0.0
    shrinkage = persistence(days, mean)
    fees_only = activity.phi_annual - sigma * sigma / 4
    error = mean_error(days)
    if error is None:
        error = math.hypot(activity.standard_error, sigma * (forecast.standard_error or 0.0) / 2)
    return Carry(
        sigma_annual=sigma,
        phi_annual=activity.phi_annual,
        reward_phi_annual=rewards,
        net_now_annual=fees_only + rewards,
        net_mean_annual=mean,
        shrinkage=shrinkage,
        net_used_annual=profit.haircut * (mean + shrinkage * (fees_only - mean) + rewards),
        net_standard_error=error,
        hours=hours,
        days=len(days),
    )


def reward_intensity(rewards: Iterable[Reward], now_timestamp: int, horizon_days: float) -> float:
    """φ_r: a full range is worth 2·L·√S, so an APR on it is twice that per unit of depth. What ends within the horizon
    counts for the part of it that is left."""
    total = 0.0
    for reward in rewards:
        left = (end_of_day_timestamp(reward.until) - now_timestamp) / (horizon_days * DAY_SECONDS)
        total += 2 * reward.apr_pct_full_range / 100 * min(max(left, 0.0), 1.0)
    return total


def daily_net(history: History) -> list[float]:
    """N = φ − σ²/4 of each day that is known well enough, oldest first; days are counted back from the last sample."""
    return list(_daily_net(ByIdentity(history.samples)))


@lru_cache(maxsize=64)
def _daily_net(kept: ByIdentity[tuple[Sample, ...]]) -> tuple[float, ...]:
    samples = kept.value
    if not samples:
        return ()
    last = samples[-1].timestamp
    fees = _by_day([(end, seconds, rate * seconds) for end, seconds, rate in intensities(samples)], last)
    moves = _by_day(_SQUARES.values(samples), last)
    known = DAY_COVERED * DAY_SECONDS
    return tuple(
        earned / fees_known - moved / moves_known * SECONDS_PER_YEAR / 4
        for (fees_known, earned), (moves_known, moved) in reversed(list(zip(fees, moves, strict=False)))
        if fees_known >= known and moves_known >= known
    )


def _by_day(steps: Sequence[tuple[int, int, float]], last: int) -> list[tuple[float, float]]:
    """For each day counted back from the last moment: seconds known, and the sum of the values, in the order of time.
    A step is its end, its seconds and its value."""
    if not steps:
        return []
    ends, seconds, values = zip(*steps, strict=True)
    days = (last - np.array(ends, dtype=np.int64)) // DAY_SECONDS
    sums = np.bincount(days, weights=seconds), np.bincount(days, weights=values)  # adds one after the other
    return list(zip(sums[0].tolist(), sums[1].tolist(), strict=True))


def persistence(days: list[float], mean: float) -> float:
    """B: how much of a day's distance from the mean is still there the next day, lag-1 covariance over variance, in
    [0, 1]. One where there are too few days to see."""
    if len(days) < FEWEST_DAYS_FOR_SHRINKAGE:
        return 1.0
    away = [each - mean for each in days]
    variance = math.fsum(each * each for each in away) / len(away)
    if variance == 0.0:
        return 1.0
    covariance = math.fsum(a * b for a, b in pairwise(away)) / (len(away) - 1)
    return min(max(covariance / variance, 0.0), 1.0)


def mean_error(days: list[float]) -> float | None:
    """Standard error of the mean of five daily N, whose autocovariances (Bartlett weights) are those of all the days.
    None for fewer days than it takes to see them."""
    count = len(days)
    if count < FEWEST_DAYS_FOR_ERROR:
        return None
    mean = math.fsum(days) / count
    away = [each - mean for each in days]
    total = math.fsum(each * each for each in away) / (count - 1)
    for lag in range(1, MEAN_DAYS):
        covariance = math.fsum(a * b for a, b in zip(away, away[lag:], strict=False)) / (count - 1)
        total += 2 * (1 - lag / MEAN_DAYS) * covariance
    return math.sqrt(max(total, 0.0) / MEAN_DAYS)


def _square(before: Sample, after: Sample) -> tuple[int, int, float]:
    change = 2 * math.log(after.sqrt_price_x96 / before.sqrt_price_x96)
    return after.timestamp, after.timestamp - before.timestamp, change**2


_SQUARES = Neighbours(_square)
