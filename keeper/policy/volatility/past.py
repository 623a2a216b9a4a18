"""A pool's past made ready for statistics: what was known at a moment, checked once, with its log returns.

Only the standard library: a forecaster's file imports it while a configuration is checked.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from keeper.model.decision import Figure, Forecast
from keeper.model.observation import History, Sample
from keeper.policy.identity import ByIdentity
from keeper.policy.rolling import Neighbours

SECONDS_PER_DAY = 86_400
SECONDS_PER_YEAR = 365 * SECONDS_PER_DAY
HOUR_SECONDS = 3_600
# Outside of these no pool has been seen; a figure there is a defect of the input, not a market.
LOWEST_SIGMA, HIGHEST_SIGMA = 0.001, 20.0
STALE_STEPS = 3
_HIGHEST_SQRT_PRICE_X96 = 1 << 160


@dataclass(frozen=True, slots=True, eq=False)
class Past:
    """Samples known at a moment, oldest first, and between neighbours: end timestamp, seconds and log return.

    Compared by identity, so that what is computed from it can be kept.
    """

    samples: tuple[Sample, ...]
    sample_seconds: int
    ends: tuple[int, ...]
    seconds: tuple[int, ...]
    returns: tuple[float, ...]

    def grid(self, timestamp: int) -> int:
        """The grid point that a sample stands for: samples are the last ones at or before it."""
        return -(-timestamp // self.sample_seconds) * self.sample_seconds


def usable_past(history: History, now_timestamp: int, min_returns: int) -> Past | str:
    """What was known of the pool at ``now_timestamp``; or one sentence why it is no ground for a forecast."""
    # Later moments know no more than the newest sample: what was made ready once serves until there is a new one.
    newest = _newest(ByIdentity(history.samples), now_timestamp)
    past = _past(ByIdentity(history.samples), history.sample_seconds, min(newest, now_timestamp))
    if isinstance(past, str):
        return past
    if len(past.samples) < min_returns + 1:
        return f"{len(past.samples)} price samples, {min_returns + 1} needed"
    age_seconds = now_timestamp - past.samples[-1].timestamp
    if age_seconds > STALE_STEPS * past.sample_seconds:
        return f"the newest price sample is {age_seconds} s old"
    if not any(past.returns):
        return "the price has not moved in the whole history"
    return past


def _newest(held: ByIdentity[tuple[Sample, ...]], now_timestamp: int) -> int:
    found = _newest_of(held)
    return now_timestamp if found is None else found


@lru_cache(maxsize=8)
def _newest_of(held: ByIdentity[tuple[Sample, ...]]) -> int | None:
    return max((sample.timestamp for sample in held.value), default=None)


@lru_cache(maxsize=8)
def _past(held: ByIdentity[tuple[Sample, ...]], sample_seconds: int, now_timestamp: int) -> Past | str:
    newest = _newest_of(held)
    known = held.value
    if newest is not None and newest > now_timestamp:
        known = tuple(sample for sample in known if sample.timestamp <= now_timestamp)
    amiss = _fault(known)
    if amiss is not None:
        return amiss
    steps = _STEPS.values(known)
    ends, seconds, returns = zip(*steps, strict=True) if steps else ((), (), ())
    return Past(samples=known, sample_seconds=sample_seconds, ends=ends, seconds=seconds, returns=returns)


def _fault(known: tuple[Sample, ...]) -> str | None:
    """One sentence on the first thing that is wrong; None where nothing is."""
    if all(_FOLLOWS.values(known)) and all(0 < each.sqrt_price_x96 < _HIGHEST_SQRT_PRICE_X96 for each in known[:1]):
        return None
    for sample in known:
        if not 0 < sample.sqrt_price_x96 < _HIGHEST_SQRT_PRICE_X96:
            return f"the price sample of timestamp {sample.timestamp} is no price"
    for before, after in pairwise(known):
        if after.timestamp <= before.timestamp:
            what = "stands twice" if after.timestamp == before.timestamp else "is out of order"
            return f"the price sample of timestamp {after.timestamp} {what}"
    return None


def _follows(before: Sample, after: Sample) -> bool:
    return 0 < after.sqrt_price_x96 < _HIGHEST_SQRT_PRICE_X96 and after.timestamp > before.timestamp


def _step(before: Sample, after: Sample) -> tuple[int, int, float]:
    return (
        after.timestamp,
        after.timestamp - before.timestamp,
        2 * math.log(after.sqrt_price_x96 / before.sqrt_price_x96),
    )


_FOLLOWS = Neighbours(_follows)
_STEPS = Neighbours(_step)


def log_returns(samples: Sequence[Sample]) -> list[tuple[int, int, float]]:
    """(end timestamp, seconds, log return of the price) for each pair of neighbouring samples."""
    return [_step(before, after) for before, after in pairwise(samples)]


def fit_window(past: Past, refit_seconds: int) -> tuple[int, int]:
    """(after, until) timestamps of what a model is fitted to: it ends at the last multiple of ``refit_seconds``.

    It begins so late that it still lies within a rolling history when the next multiple comes, and in steps of a day:
    between two multiples the window, and so the fit, stays the same.
    """
    newest, oldest = past.grid(past.samples[-1].timestamp), past.grid(past.samples[0].timestamp)
    until = newest // refit_seconds * refit_seconds
    lasting = newest - oldest - refit_seconds + past.sample_seconds
    return until - max(lasting // SECONDS_PER_DAY, 0) * SECONDS_PER_DAY, until


def no_bars(past: Past, seen: tuple[int, int] | None, bar_seconds: int, min_bars: int) -> str | None:
    """Why the bars that were seen (how many, and when the last ended) are no ground for a forecast; None if they are.

    A bar still open leaves the last whole one up to its own length behind.
    """
    count, ended = (0, 0) if seen is None else seen
    if count < min_bars:
        hours = bar_seconds // HOUR_SECONDS
        return f"{count} bars of {hours} h with highs and lows, {min_bars} needed; they come from the tape of swaps"
    age_seconds = past.grid(past.samples[-1].timestamp) - ended
    if age_seconds >= bar_seconds + STALE_STEPS * past.sample_seconds:
        return f"the highs and lows of the newest {age_seconds} s are not known"
    return None


def annual_sigma(variance: float, seconds: float) -> float:
    """Volatility per year (365 days) of a log-price variance over ``seconds``."""
    return math.sqrt(variance * SECONDS_PER_YEAR / seconds)


def refused(kind: str, horizon_seconds: int, samples: int, reason: str, members: Sequence[Forecast] = ()) -> Forecast:
    """No forecast, and why."""
    return Forecast(kind, None, None, horizon_seconds, samples, reason, (), tuple(members))


def concluded(
    kind: str,
    sigma_annual: float,
    standard_error: float,
    horizon_seconds: int,
    samples: int,
    figures: Sequence[Figure] = (),
    members: Sequence[Forecast] = (),
) -> Forecast:
    """The forecast, or a refusal where the figure cannot be one."""
    if not (LOWEST_SIGMA <= sigma_annual <= HIGHEST_SIGMA):
        reason = (
            f"a volatility of {100 * sigma_annual:.4g} % a year came out, outside of "
            f"{100 * LOWEST_SIGMA:g} to {100 * HIGHEST_SIGMA:g} %"
        )
        return refused(kind, horizon_seconds, samples, reason, members)
    if not (math.isfinite(standard_error) and standard_error >= 0):
        return refused(kind, horizon_seconds, samples, "the standard error of the forecast is not a number", members)
    return Forecast(
        kind, float(sigma_annual), float(standard_error), horizon_seconds, samples, None, tuple(figures), tuple(members)
    )
