"""How much of the best Sharpe ratio of many trials is luck (Bailey & López de Prado 2014, "The Deflated Sharpe Ratio").

All ratios here are per observation (a day), not annualised.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, pvariance

_EULER_MASCHERONI = 0.5772156649015329
_NORMAL = NormalDist()
FEWEST_OBSERVATIONS = 5


@dataclass(frozen=True, slots=True)
class Deflated:
    """``probability`` that the true Sharpe ratio is above zero, given that the best of ``trials`` was taken;
    ``expected_best``: the ratio that the best of so many worthless ones would show."""

    sharpe: float
    expected_best: float
    probability: float
    trials: int
    observations: int


def sharpe(returns: Sequence[float]) -> float | None:
    """Mean over standard deviation (population); None where there are too few or they do not vary."""
    if len(returns) < FEWEST_OBSERVATIONS:
        return None
    variance = pvariance(returns)
    return fmean(returns) / math.sqrt(variance) if variance > 0 else None


def expected_best(trials: int, variance: float) -> float:
    """Expected maximum of ``trials`` Sharpe ratios whose truth is zero and whose variance across trials is given."""
    if trials < 2 or variance <= 0:
        return 0.0
    upper = _NORMAL.inv_cdf(1 - 1 / trials)
    further = _NORMAL.inv_cdf(1 - 1 / (trials * math.e))
    return math.sqrt(variance) * ((1 - _EULER_MASCHERONI) * upper + _EULER_MASCHERONI * further)


def deflated_sharpe(chosen: Sequence[float], all_sharpes: Sequence[float]) -> Deflated | None:
    """For the daily returns of the trial that was chosen and the Sharpe ratios of every trial that was made (its own
    among them). None where they are too few, or do not vary."""
    ratio = sharpe(chosen)
    if ratio is None or not all_sharpes:
        return None
    hurdle = expected_best(len(all_sharpes), pvariance(all_sharpes) if len(all_sharpes) > 1 else 0.0)
    mean, deviation = fmean(chosen), math.sqrt(pvariance(chosen))
    skew = fmean(((each - mean) / deviation) ** 3 for each in chosen)
    kurtosis = fmean(((each - mean) / deviation) ** 4 for each in chosen)
    chance = probability(ratio, hurdle, len(chosen), skew, kurtosis)
    return None if chance is None else Deflated(ratio, hurdle, chance, len(all_sharpes), len(chosen))


def probability(ratio: float, hurdle: float, observations: int, skew: float, kurtosis: float) -> float | None:
    """That the true Sharpe ratio is above the hurdle (Mertens' variance of the estimate; a normal's kurtosis is 3)."""
    spread = 1 - skew * ratio + (kurtosis - 1) / 4 * ratio * ratio
    if spread <= 0:
        return None
    return _NORMAL.cdf((ratio - hurdle) * math.sqrt(observations - 1) / math.sqrt(spread))
