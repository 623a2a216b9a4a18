"""What every model would have said on each day, knowing that day and those before it only.

The fits and recursions are those of the forecasters in ``keeper.policy``; here they run over days of a price file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from keeper.backtest.price_days import PriceDays
from keeper.policy.volatility.combination import fit_weights
from keeper.policy.volatility.garch import GarchFit, Model, fit_garch, mean_variance, variances
from keeper.policy.volatility.har import HarFit, fit_har, forecast_har
from keeper.policy.volatility.range_based import Estimator, average_true_range, range_variance, sigma_of_range
from keeper.policy.volatility.realized import Array, following_means
from keeper.policy.volatility.smoothing import decayed_variance
from keeper.policy.volatility.training import SHRINK_DAYS

TRAINING_DAYS = 365
FIRST_DAY = 95  # forecasts before the first judged one train the blend; the calendars meet at TRAINING_DAYS
HAR_REFIT_DAYS, GARCH_REFIT_DAYS, REWEIGH_DAYS = 7, 30, 30
EWMA_HALF_LIFE_DAYS = 3.0
EWMA_MEMORY_DAYS = 180  # 60 half-lives: what is older weighs 1e-18
RANGE_HOURS, WILDER_HOURS, WILDER_PERIODS = 72, 24, 6
MEMBERS = ("log-HAR", "EWMA3", "GARCH-t")
BLEND_EQUAL, BLEND_FITTED = "blend, equal", "blend, fitted"
GARCH_NAMES: dict[str, Model] = {"GARCH-t": "garch", "GJR-t": "gjr", "EGARCH-t": "egarch"}
RANGE_NAMES: dict[str, Estimator] = {
    "Parkinson": "parkinson",
    "Garman-Klass": "garman_klass",
    "Yang-Zhang": "yang_zhang",
}

Progress = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class Walk:
    """Mean variance per day over the next ``horizon_days``, by model and day; NaN where a model had nothing to say."""

    horizon_days: int
    targets: Array
    forecasts: Mapping[str, Array]


def walk_forward(past: PriceDays, horizons: tuple[int, ...], progress: Progress) -> tuple[Walk, ...]:
    """Forecasts of every model at every horizon."""
    size = len(past)
    plain: dict[str, Array] = {"last RV": past.variances.copy(), "EWMA3": _ewma(past.variances)}
    if past.bars is not None:
        progress(0.05, "highs and lows")
        plain |= {name: _ranges(past, estimator) for name, estimator in RANGE_NAMES.items()}
        plain["true range"] = _true_range(past)
    if past.implied is not None:
        plain["implied"] = past.implied**2 / 365
    garch: dict[str, tuple[Array, ...]] = {}
    for place, (name, model) in enumerate(GARCH_NAMES.items()):
        progress(0.1 + 0.25 * place, f"fitting {name}")
        garch[name] = _garch(past.returns, model, horizons)
    walks = []
    for place, horizon in enumerate(horizons):
        progress(0.85 + 0.1 * place / len(horizons), f"HAR and blends, {horizon} d")
        targets = following_means(past.variances, horizon)
        forecasts = {
            **plain,
            "HAR": _har(past.variances, horizon, log=False),
            "log-HAR": _har(past.variances, horizon, log=True),
            **{name: paths[place] for name, paths in garch.items()},
        }
        members = np.column_stack([forecasts[name] for name in MEMBERS])
        forecasts[BLEND_EQUAL] = members.mean(axis=1)
        forecasts[BLEND_FITTED] = _fitted_blend(members, targets, horizon)
        walks.append(Walk(horizon, targets, {name: _from_first(values, size) for name, values in forecasts.items()}))
    return tuple(walks)


def _from_first(values: Array, size: int) -> Array:
    return np.where(np.arange(size) >= FIRST_DAY, values, np.nan)


def _ewma(daily: Array) -> Array:
    found = np.full(len(daily), np.nan)
    for day in range(FIRST_DAY, len(daily)):
        known = daily[max(0, day + 1 - EWMA_MEMORY_DAYS) : day + 1]
        ages = range(len(known) - 1, -1, -1)
        found[day], _ = decayed_variance(ages, [1.0] * len(known), known.tolist(), EWMA_HALF_LIFE_DAYS)
    return found


def _har(daily: Array, horizon: int, *, log: bool) -> Array:
    found = np.full(len(daily), np.nan)
    fit: HarFit | None = None
    for day in range(FIRST_DAY, len(daily)):
        if fit is None or (day - TRAINING_DAYS) % HAR_REFIT_DAYS == 0:
            fit = fit_har(daily[: day + 1], horizon, log=log)
        found[day], _ = forecast_har(fit, daily[: day + 1])
    return found


def _garch(returns: Array, model: Model, horizons: tuple[int, ...]) -> tuple[Array, ...]:
    """For each horizon. A fit that fails leaves the one before in use."""
    size = len(returns)
    found = tuple(np.full(size, np.nan) for _ in horizons)
    known = tuple(float(value) for value in returns)
    fit: GarchFit | None = None
    for start in range(FIRST_DAY, size, GARCH_REFIT_DAYS):
        fresh = fit_garch(known[: start + 1], model, "t", 1)
        fit = fit if isinstance(fresh, str) else fresh
        if fit is None:
            continue
        stop = min(start + GARCH_REFIT_DAYS, size)
        path = variances(fit, known[:stop])
        for day in range(start, stop):
            for values, horizon in zip(found, horizons, strict=True):
                values[day] = mean_variance(fit, path[day + 1], horizon)
    return found


def _ranges(past: PriceDays, estimator: Estimator) -> Array:
    found = np.full(len(past), np.nan)
    window = RANGE_HOURS * past.bars_per_day // 24
    for day in range(FIRST_DAY, len(past)):
        assert past.bars is not None
        bars = past.bars.until(int(past.bar_ends[day])).last(window)
        found[day] = max(range_variance(bars, estimator), 1e-12) * past.bars_per_day
    return found


def _true_range(past: PriceDays) -> Array:
    found = np.full(len(past), np.nan)
    period = max(WILDER_HOURS * past.bars_per_day // 24, 2)
    for day in range(FIRST_DAY, len(past)):
        assert past.bars is not None
        bars = past.bars.until(int(past.bar_ends[day])).last(WILDER_PERIODS * period)
        found[day] = sigma_of_range(average_true_range(bars, period)) ** 2 * past.bars_per_day
    return found


def _fitted_blend(members: Array, targets: Array, horizon: int) -> Array:
    """Weights from every day whose target was known when they were fitted."""
    found = np.full(len(members), np.nan)
    for start in range(TRAINING_DAYS, len(members), REWEIGH_DAYS):
        known = np.arange(FIRST_DAY, start - horizon + 1)
        known = known[np.isfinite(members[known]).all(axis=1)]
        weights = fit_weights(members[known], targets[known], SHRINK_DAYS * horizon)
        stop = min(start + REWEIGH_DAYS, len(members))
        found[start:stop] = members[start:stop] @ weights
    return found
