"""The weights of a blend, from what its members would have said on past days and what then came."""

from __future__ import annotations

import math
import operator
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from keeper.model.observation import History, Sample
from keeper.policy.identity import ByIdentity
from keeper.policy.strategy import Forecaster
from keeper.policy.volatility.combination import fit_weights
from keeper.policy.volatility.past import HOUR_SECONDS, SECONDS_PER_DAY, SECONDS_PER_YEAR, Past, fit_window, log_returns

# Fewer past forecasts than this say nothing; and so many days of fit weigh as much as the belief in equal weights.
FEWEST_FORECASTS = 10
SHRINK_DAYS = 60.0
_LEAST_COVERED = 0.75
_MOST_WINDOWS = 16

Members = tuple[Forecaster, ...]


@lru_cache(maxsize=16)
def trained_weights(
    members: Members, past: Past, horizon_seconds: int, refit_seconds: int, training_days: int
) -> tuple[tuple[float, ...], int]:
    """Weights of the members, non-negative and summing to one, and on how many past forecasts they rest.

    The training window ends at the last multiple of ``refit_seconds``. A member that gave no forecasts in it (quotes
    of options are not kept) has the weight of an equal one; the others share the rest as they did.
    """
    after, until = fit_window(past, refit_seconds)
    # A sample stands for the point of the grid at or after it.
    step, when = past.sample_seconds, operator.attrgetter("timestamp")
    begin = bisect_left(past.samples, -(-after // step) * step - step + 1, key=when)
    window = _same(past.samples[begin : bisect_right(past.samples, until // step * step, key=when)])
    return _trained(members, ByIdentity(window), step, until, horizon_seconds, training_days)


_WINDOWS: list[tuple[Sample, ...]] = []


def _same(window: tuple[Sample, ...]) -> tuple[Sample, ...]:
    """The same window as before, where it is: it lasts from one multiple to the next, and is known by its identity."""
    for known in _WINDOWS:
        # Of tuples that hold the same objects the comparison never looks into them.
        if len(known) == len(window) and known[:1] == window[:1] and known == window:
            return known
    _WINDOWS[:] = [window, *_WINDOWS][:_MOST_WINDOWS]
    return window


@lru_cache(maxsize=16)
def _trained(
    members: Members,
    held: ByIdentity[tuple[Sample, ...]],
    sample_seconds: int,
    until: int,
    horizon_seconds: int,
    training_days: int,
) -> tuple[tuple[float, ...], int]:
    window = held.value
    equal = 1.0 / len(members)
    origins = [until - horizon_seconds - day * SECONDS_PER_DAY for day in range(training_days)]
    realized = [realized_variance(window, origin, origin + horizon_seconds) for origin in origins]
    said = np.array([_said(members, window, sample_seconds, origin) for origin in origins])
    scored = np.isfinite(said).sum(axis=0) >= FEWEST_FORECASTS
    usable = np.isfinite(said[:, scored]).all(axis=1) & np.isfinite(realized) & (np.array(realized) > 0)
    if scored.sum() < 2 or usable.sum() < FEWEST_FORECASTS:
        return (equal,) * len(members), 0
    # One forecast a day over a longer horizon tells the same days several times.
    shrink_days = SHRINK_DAYS * max(1.0, horizon_seconds / SECONDS_PER_DAY)
    fitted = fit_weights(said[usable][:, scored], np.array(realized)[usable], shrink_days)
    weights = np.full(len(members), equal)
    weights[scored] = fitted * equal * scored.sum()
    return tuple(float(weight) for weight in weights), int(usable.sum())


def _said(members: Members, window: Sequence[Sample], sample_seconds: int, origin: int) -> list[float]:
    """Annual variance by each member at the origin, seeing no later sample; NaN where it refuses."""
    known = History(
        "", sample_seconds, tuple(window[: bisect_right(window, origin, key=operator.attrgetter("timestamp"))])
    )
    said = []
    for member in members:
        try:
            sigma = member.forecast(known, (), origin).sigma_annual
        except Exception:  # noqa: BLE001 - as in the blend: a member that throws has given nothing
            sigma = None
        said.append(math.nan if sigma is None else sigma * sigma)
    return said


def realized_variance(window: Sequence[Sample], after: int, until: int) -> float:
    """Annual variance of the returns in the span; NaN where its beginning or over a quarter of it was not seen."""
    when = operator.attrgetter("timestamp")
    first = bisect_right(window, after, key=when)
    start = window[first - 1].timestamp if first else until
    if start <= after - HOUR_SECONDS:  # nothing was seen in the hour before
        return math.nan
    inside = log_returns(window[first - 1 : bisect_right(window, until, key=when)])
    covered = sum(seconds for _, seconds, _ in inside)
    if covered < _LEAST_COVERED * (until - after):
        return math.nan
    return math.fsum(change * change for _, _, change in inside) * SECONDS_PER_YEAR / covered
