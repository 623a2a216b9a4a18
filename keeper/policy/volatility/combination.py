"""Weights of a blend of variance forecasts, non-negative and summing to one, by QLIKE on a training window."""

from __future__ import annotations

import numpy as np

from keeper.policy.volatility.realized import Array
from keeper.policy.volatility.scores import qlike

_ROUNDS = 300
_SMALLEST_GAIN = 1e-10


def fit_weights(forecasts: Array, realized: Array, shrink_days: float) -> Array:
    """The weights (columns of ``forecasts``) of least mean QLIKE, drawn toward equal ones.

    Exponentiated gradient on the simplex, from equal weights, halving the step where it does not help. A short window
    says little: the fit counts T/(T + ``shrink_days``), equal weights the rest (Timmermann 2006 on why equal wins).
    """
    days, members = forecasts.shape
    unit = float(realized.mean())  # the length of a step is to mean the same for a day's variance and a year's
    forecasts, realized = forecasts / unit, realized / unit
    equal = np.full(members, 1.0 / members)
    weights, step = equal, 1.0
    loss = _loss(weights, forecasts, realized)
    for _ in range(_ROUNDS):
        mixed = forecasts @ weights
        slope = forecasts.T @ ((mixed - realized) / mixed**2) / days
        moved = weights * np.exp(-step * (slope - slope.min()))
        moved /= moved.sum()
        tried = _loss(moved, forecasts, realized)
        if tried < loss:
            gain, weights, loss, step = loss - tried, moved, tried, step * 1.5
            if gain < _SMALLEST_GAIN:
                break
        else:
            step /= 2
            if step < 1e-6:
                break
    trust = days / (days + shrink_days)
    return np.asarray(trust * weights + (1 - trust) * equal)


def _loss(weights: Array, forecasts: Array, realized: Array) -> float:
    return float(np.mean(qlike(realized, forecasts @ weights)))
