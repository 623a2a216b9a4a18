"""The heterogeneous autoregression of realized variance (Corsi 2009), in levels or in logarithms."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from keeper.policy.volatility.realized import Array, following_means, trailing_means
from keeper.policy.volatility.scores import newey_west


@dataclass(frozen=True, slots=True)
class HarFit:
    """Coefficients of 1 and of the mean variance over each of ``lags_days``; HAC covariance of them, flattened.

    ``residual_variance`` is s², of the logarithm where ``log``; ``lowest`` and ``highest`` bound the targets seen.
    """

    lags_days: tuple[int, ...]
    horizon_days: int
    log: bool
    coefficients: tuple[float, ...]
    covariance: tuple[float, ...]
    residual_variance: float
    lowest: float
    highest: float
    rows: int


def fit_har(daily: Array, horizon_days: int, *, log: bool, lags_days: tuple[int, ...] = (1, 7, 30)) -> HarFit:
    """Least squares of the mean variance of the next days on that of the last 1, 7 and 30, over all of ``daily``.

    ValueError: too few rows, or one that has no logarithm. Overlapping targets: HAC errors with max(5, horizon) lags.
    """
    targets = following_means(daily, horizon_days)
    means = np.column_stack([trailing_means(daily, days) for days in lags_days])
    rows = np.isfinite(targets) & np.isfinite(means).all(axis=1)
    y, x = targets[rows], means[rows]
    if len(y) < 2 * (len(lags_days) + 1):
        raise ValueError(f"{len(y)} days to learn from, {2 * (len(lags_days) + 1)} needed")
    if log:
        if min(y.min(), x.min()) <= 0:
            raise ValueError("a day without any movement of the price has no logarithm; set log: false")
        y, x = np.log(y), np.log(x)
    x = np.column_stack([np.ones(len(y)), x])
    if np.linalg.matrix_rank(x) < x.shape[1]:
        raise ValueError("the days are too much alike to tell the effect of one from another")
    coefficients, *_ = np.linalg.lstsq(x, y, rcond=None)
    residuals = y - x @ coefficients
    bread = np.linalg.inv(x.T @ x)
    covariance = bread @ newey_west(x * residuals[:, None], max(5, horizon_days)) @ bread
    return HarFit(
        lags_days=lags_days,
        horizon_days=horizon_days,
        log=log,
        coefficients=tuple(float(value) for value in coefficients),
        covariance=tuple(float(value) for value in covariance.ravel()),
        residual_variance=float(residuals @ residuals / (len(y) - x.shape[1])),
        lowest=float(np.min(targets[rows])),
        highest=float(np.max(targets[rows])),
        rows=len(y),
    )


def forecast_har(fit: HarFit, daily: Array) -> tuple[float, float]:
    """Mean variance per day over the horizon that follows ``daily``, and its relative standard error.

    In logarithms exp(fit + s²/2). In levels a forecast is kept within the targets ever seen, since a line may give
    a negative variance. ValueError: the newest days are not known.
    """
    means = np.array([trailing_means(daily[-days:], days)[-1] if len(daily) >= days else np.nan
                      for days in fit.lags_days])  # fmt: skip
    if not np.isfinite(means).all():
        raise ValueError(f"the price was not seen on enough of the last {max(fit.lags_days)} days")
    if fit.log and means.min() <= 0:
        raise ValueError("a day without any movement of the price has no logarithm; set log: false")
    row = np.concatenate(([1.0], np.log(means) if fit.log else means))
    line = float(row @ np.array(fit.coefficients))
    size = len(row)
    error = math.sqrt(max(float(row @ np.array(fit.covariance).reshape(size, size) @ row), 0.0))
    if fit.log:
        return math.exp(line + fit.residual_variance / 2), error
    variance = min(max(line, fit.lowest), fit.highest)
    return variance, error / variance if variance > 0 else math.inf
