"""What a learned detector looks at: one row for each hour, from the closes of a fixed number of hours before it.

Every feature is a ratio in units of the recent volatility, so that a model trained on one market means something on
another. Windows end at the row: nothing of a row lies after it, and a row is the same whatever history is around it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Array = NDArray[np.float64]

NAMES = (
    "return_1h",
    "return_4h",
    "return_24h",
    "return_72h",
    "distance_mean_24h",
    "distance_mean_120h",
    "percent_b_20h",
    "efficiency_24h",
    "volatility_24h_over_168h",
)
# Returns before the first row: the longest window.
WARMUP_HOURS = 168
# Volatility below this (per hour) counts as this: a price that stands still has no direction either.
LEAST_HOURLY_SIGMA = 1e-6


def feature_rows(close: Sequence[float]) -> Array:
    """Rows for the hours from index ``WARMUP_HOURS`` of ``close`` on; columns as ``NAMES``. Finite everywhere.

    ValueError where there is no whole row. Moves over h hours are in units of σ·√h, with σ of the last 168 hours.
    """
    if len(close) <= WARMUP_HOURS:
        raise ValueError(f"{len(close)} hours of prices, {WARMUP_HOURS + 1} needed for a row of features")
    logs = np.log(np.asarray(close, dtype=np.float64))
    moves = np.diff(logs)
    rows = len(close) - WARMUP_HOURS
    long_sigma = _sigma(moves, WARMUP_HOURS)[-rows:]

    def scaled(values: Array, hours: float) -> Array:
        result: Array = values[-rows:] / (long_sigma * np.sqrt(hours))
        return result

    columns = [scaled(logs[hours:] - logs[:-hours], hours) for hours in (1, 4, 24, 72)]
    columns += [scaled(logs[hours - 1 :] - _windows(logs, hours).mean(axis=1), hours) for hours in (24, 120)]
    columns += [_percent_b(logs)[-rows:], _efficiency(logs, moves)[-rows:]]
    columns.append(np.log(_sigma(moves, 24)[-rows:] / long_sigma))
    return np.clip(np.stack(columns, axis=1), -20.0, 20.0)


def hourly_sigma(close: Sequence[float]) -> Array:
    """Root mean square hourly log return of the last 168 hours, at the rows of ``feature_rows``."""
    moves = np.diff(np.log(np.asarray(close, dtype=np.float64)))
    return _sigma(moves, WARMUP_HOURS)


def _windows(values: Array, length: int) -> Array:
    # A copy with rows side by side: the sum of a row then has one order of operations, however many rows there are.
    return np.ascontiguousarray(sliding_window_view(values, length))


def _sigma(moves: Array, hours: int) -> Array:
    result: Array = np.maximum(np.sqrt((_windows(moves, hours) ** 2).mean(axis=1)), LEAST_HOURLY_SIGMA)
    return result


def _percent_b(logs: Array) -> Array:
    """Bollinger's %b over 20 hours and 2 standard deviations, moved to the middle: −½ at the lower band."""
    windows = _windows(logs, 20)
    spread = 2 * np.maximum(windows.std(axis=1), LEAST_HOURLY_SIGMA)
    result: Array = (logs[19:] - windows.mean(axis=1)) / (2 * spread)
    return result


def _efficiency(logs: Array, moves: Array) -> Array:
    """Kaufman's efficiency ratio over 24 hours with its sign: the move over the way."""
    way = np.maximum(np.abs(_windows(moves, 24)).sum(axis=1), LEAST_HOURLY_SIGMA)
    result: Array = (logs[24:] - logs[:-24]) / way
    return result
