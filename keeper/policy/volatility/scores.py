"""How a volatility forecast is judged, and the long-run covariance that honest errors need."""

from __future__ import annotations

import numpy as np

from keeper.policy.volatility.realized import Array


def qlike(realized: Array, forecast: Array) -> Array:
    """RV/f − ln(RV/f) − 1 for variances over the same time: zero where right, robust to a noisy RV (Patton 2011)."""
    ratio = realized / forecast
    return np.asarray(ratio - np.log(ratio) - 1)


def newey_west(scores: Array, lags: int) -> Array:
    """Sum of the autocovariances of the rows of ``scores`` with Bartlett weights (Newey & West 1987): T × T, unscaled.

    At most as many lags as there are rows less one.
    """
    total = scores.T @ scores
    for lag in range(1, min(lags, len(scores) - 1) + 1):
        neighbours = scores[lag:].T @ scores[:-lag]
        total = total + (1 - lag / (lags + 1)) * (neighbours + neighbours.T)
    return np.asarray(total)
