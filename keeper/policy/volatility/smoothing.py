"""Exponentially weighted variance (RiskMetrics 1996, with the half-life as the parameter)."""

from __future__ import annotations

import math
from collections.abc import Sequence


def decayed_variance(
    ages_seconds: Sequence[float], seconds: Sequence[float], squares: Sequence[float], half_life_seconds: float
) -> tuple[float, float]:
    """Variance per second Σwr²/Σw·dt with w = ½^(age/half-life), and the effective number of observations.

    Not the mean of r²/dt: a gap counts by its length, so one long gap cannot shout.
    """
    weights = [0.5 ** (age / half_life_seconds) for age in ages_seconds]
    time_weight = math.fsum(w * dt for w, dt in zip(weights, seconds, strict=True))
    variance = math.fsum(w * square for w, square in zip(weights, squares, strict=True)) / time_weight
    return variance, math.fsum(weights) ** 2 / math.fsum(w * w for w in weights)
