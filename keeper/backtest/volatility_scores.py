"""Tests of forecasts against what came: Mincer-Zarnowitz, Diebold-Mariano, and the model confidence set."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from keeper.policy.volatility.realized import Array
from keeper.policy.volatility.scores import newey_west

CONFIDENCE, REPETITIONS, SEED = 0.9, 1_000, 20_230_101


@dataclass(frozen=True, slots=True)
class MincerZarnowitz:
    """Realized = α + β·forecast + e: a forecast is unbiased where α = 0 and β = 1. Errors are HAC."""

    alpha: float
    alpha_error: float
    beta: float
    beta_error: float
    r_squared: float


def hac_lags(horizon_days: int) -> int:
    return max(5, horizon_days)


def mincer_zarnowitz(realized: Array, forecast: Array, lags: int) -> MincerZarnowitz:
    """Mincer & Zarnowitz 1969, by least squares with Newey-West errors of so many lags."""
    design = np.column_stack([np.ones(len(forecast)), forecast])
    bread = np.linalg.inv(design.T @ design)
    coefficients = bread @ design.T @ realized
    residuals = realized - design @ coefficients
    covariance = bread @ newey_west(design * residuals[:, None], lags) @ bread
    total = float(np.sum((realized - realized.mean()) ** 2))
    return MincerZarnowitz(
        alpha=float(coefficients[0]),
        alpha_error=math.sqrt(float(covariance[0, 0])),
        beta=float(coefficients[1]),
        beta_error=math.sqrt(float(covariance[1, 1])),
        r_squared=1 - float(residuals @ residuals) / total,
    )


def diebold_mariano(loss: Array, benchmark_loss: Array, lags: int) -> float:
    """t statistic of the mean difference of losses (Diebold & Mariano 1995); below zero: better than the benchmark.

    Zero where the two are the same.
    """
    differences = loss - benchmark_loss
    centred = (differences - differences.mean())[:, None]
    variance = float(newey_west(centred, lags)[0, 0]) / len(differences) ** 2
    return float(differences.mean()) / math.sqrt(variance) if variance > 0 else 0.0


def model_confidence_set(losses: Mapping[str, Array], horizon_days: int) -> dict[str, float]:
    """p value of each model: it belongs to the set at 90 % where that is at least 0.1 (Hansen, Lunde & Nason 2011).

    A stationary bootstrap of 1,000 repetitions with blocks of max(10, 2·horizon) days and a fixed seed.
    """
    from arch.bootstrap import MCS

    test = MCS(
        np.column_stack(list(losses.values())),
        size=1 - CONFIDENCE,
        reps=REPETITIONS,
        block_size=max(10, 2 * horizon_days),
        seed=SEED,
    )
    test.compute()
    chances = test.pvalues["Pvalue"]
    return {name: float(chances[place]) for place, name in enumerate(losses)}
