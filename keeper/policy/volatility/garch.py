"""GARCH(1,1), GJR(1,1,1) and EGARCH(1,1,1) with zero mean: fitted as `arch` does, filtered by a recursion of our own.

Bollerslev 1986; Glosten, Jagannathan & Runkle 1993; Nelson 1991. The filter starts as `arch` does, with a weighted
variance of the first 75 returns, so its path is that of the fit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import numpy as np

from keeper.policy.volatility.garch_fit import Climbed, climb

Model = Literal["garch", "gjr", "egarch"]
Distribution = Literal["t", "normal"]
_ROOT_2_OVER_PI = math.sqrt(2 / math.pi)
_BACKCAST_RETURNS, _BACKCAST_DECAY = 75, 0.94
_DERIVATIVE_STEP = 1e-4
_EGARCH_STARTS, _START_DEGREES = ((0.1, 0.95), (0.2, 0.9), (0.05, 0.99)), 5.0
_FEWEST_DEGREES = 2.1
_LOWEST_LOG, _HIGHEST_LOG = -60.0, 60.0


@dataclass(frozen=True, slots=True)
class GarchFit:
    """Parameters for returns divided by ``scale``. ``gamma`` is zero in plain GARCH; ``degrees_of_freedom`` infinite
    for the normal. ``relative_error``: standard error of the forecast volatility over itself, at the end of the fit.
    """

    model: Model
    omega: float
    alpha: float
    gamma: float
    beta: float
    degrees_of_freedom: float
    backcast: float
    scale: float
    relative_error: float
    observations: int

    @property
    def persistence(self) -> float:
        """What is left of a deviation of the variance (of its logarithm in EGARCH) one step later."""
        return self.beta if self.model == "egarch" else self.alpha + self.gamma / 2 + self.beta


@lru_cache(maxsize=64)
def fit_garch(returns: tuple[float, ...], model: Model, distribution: Distribution, steps: int) -> GarchFit | str:
    """Maximum likelihood; or one sentence why there is no fit. ``steps`` ahead is where the error is taken.

    Kept by content: the same window is fitted once.
    """
    values = np.array(returns)
    scale = float(values.std())
    if not (math.isfinite(scale) and scale > 0):
        return "the returns have no variance to fit"
    scaled = values / scale
    result = _likeliest(scaled, model, distribution)
    if result is None:
        return f"the fit of {model} did not converge"
    found = result.params
    fit = GarchFit(
        model=model,
        omega=found["omega"],
        alpha=found["alpha[1]"],
        gamma=found.get("gamma[1]", 0.0),
        beta=found["beta[1]"],
        degrees_of_freedom=found.get("nu", math.inf),
        backcast=_backcast(scaled),
        scale=scale,
        relative_error=math.nan,
        observations=len(returns),
    )
    if model == "egarch" and abs(fit.beta) >= 1:
        return "the fit of egarch is not stationary"
    try:
        error = _relative_error(fit, returns, steps, list(found), result.covariance())
    except (ArithmeticError, np.linalg.LinAlgError):
        error = math.nan
    if not math.isfinite(error):
        return f"the fit of {model} has no standard errors"
    return replace(fit, relative_error=error)


def _likeliest(scaled: np.ndarray, model: Model, distribution: Distribution) -> Climbed | None:
    """The end of highest likelihood among those that converged; None when none did.

    The likelihood of EGARCH has false peaks: it is climbed from places of our own too.
    """
    from arch import arch_model

    described = arch_model(
        scaled, mean="Zero", vol="EGARCH" if model == "egarch" else "GARCH", p=1, o=0 if model == "garch" else 1, q=1,
        dist="t" if distribution == "t" else "normal", rescale=False,
    )  # fmt: skip
    starts: list[list[float] | None] = [None]
    if model == "egarch":
        tail = [_START_DEGREES] if distribution == "t" else []
        starts += [[0.0, alpha, 0.0, beta, *tail] for alpha, beta in _EGARCH_STARTS]
    results = [climb(described, start) for start in starts]
    return max((each for each in results if _is_sound(each)), key=lambda each: each.log_likelihood, default=None)


def _is_sound(result: Climbed) -> bool:
    """Converged; tails with a variance (at the bound of 2 degrees of freedom the scale means nothing); and a large
    return does not calm the market: on short windows EGARCH has likely fits with α < 0 that forecast absurdly."""
    found = result.params
    if not result.converged or not all(map(math.isfinite, found.values())):
        return False
    return found.get("nu", math.inf) > _FEWEST_DEGREES and found["alpha[1]"] >= 0


def variances(fit: GarchFit, returns: Sequence[float]) -> list[float]:
    """Conditional variance before each return, and last the one of the return to come."""
    scale = fit.scale
    if fit.model == "egarch":
        return [value * scale * scale for value in _log_path(fit, [value / scale for value in returns])]
    path: list[float] = (_path(fit, np.array(returns, dtype=float) / scale) * scale * scale).tolist()
    return path


def next_variance(fit: GarchFit, returns: np.ndarray) -> float:
    """The last of ``variances``."""
    if fit.model == "egarch":
        return variances(fit, returns.tolist())[-1]
    return float(_path(fit, returns / fit.scale)[-1]) * fit.scale * fit.scale


def mean_variance(fit: GarchFit, next_variance: float, steps: int) -> float:
    """Mean of the expected variances of the next ``steps`` returns, from that of the first.

    EGARCH has no expectation of the variance under a Student-t; there it is that of the log-normal with the mean and
    variance that the logarithm has.
    """
    if fit.model == "egarch":
        return _mean_log_variance(fit, next_variance, steps)
    persistence = fit.persistence
    intercept = fit.omega * fit.scale * fit.scale
    total, variance = 0.0, next_variance
    for _ in range(steps):
        total += variance
        variance = intercept + persistence * variance
    return total / steps


def _path(fit: GarchFit, scaled: np.ndarray) -> np.ndarray:
    from keeper.policy.volatility.garch_kernel import filtered

    omega, alpha, gamma, beta = fit.omega, fit.alpha, fit.gamma, fit.beta
    variance = omega + (alpha + gamma / 2 + beta) * fit.backcast
    path: np.ndarray = filtered(scaled, omega, alpha, alpha + gamma, beta, variance)
    return path


def _log_path(fit: GarchFit, scaled: Sequence[float]) -> list[float]:
    omega, alpha, gamma, beta = fit.omega, fit.alpha, fit.gamma, fit.beta
    logarithm = omega + beta * math.log(fit.backcast)
    path = [math.exp(logarithm)]
    for value in scaled:
        shock = value * math.exp(-logarithm / 2)
        logarithm = omega + alpha * (abs(shock) - _ROOT_2_OVER_PI) + gamma * shock + beta * logarithm
        logarithm = min(max(logarithm, _LOWEST_LOG), _HIGHEST_LOG)
        path.append(math.exp(logarithm))
    return path


def _mean_log_variance(fit: GarchFit, next_variance: float, steps: int) -> float:
    size = mean_absolute(fit.degrees_of_freedom)
    drift = fit.omega + fit.alpha * (size - _ROOT_2_OVER_PI)
    noise = fit.alpha**2 * (1 - size * size) + fit.gamma**2
    mean, spread = math.log(next_variance / fit.scale**2), 0.0
    total = 0.0
    for _ in range(steps):
        total += math.exp(mean + spread / 2)
        mean, spread = drift + fit.beta * mean, fit.beta**2 * spread + noise
    return total / steps * fit.scale**2


def mean_absolute(degrees_of_freedom: float) -> float:
    """E|z| of a Student-t scaled to unit variance; √(2/π) for the normal."""
    if math.isinf(degrees_of_freedom):
        return _ROOT_2_OVER_PI
    nu = degrees_of_freedom
    return math.sqrt((nu - 2) / math.pi) * math.exp(math.lgamma((nu - 1) / 2) - math.lgamma(nu / 2))


def _backcast(scaled: np.ndarray) -> float:
    tau = min(_BACKCAST_RETURNS, len(scaled))
    weights = _BACKCAST_DECAY ** np.arange(tau)
    return float(np.sum(scaled[:tau] ** 2 * (weights / weights.sum())))


def _relative_error(
    fit: GarchFit, returns: Sequence[float], steps: int, names: Sequence[str], covariance: np.ndarray
) -> float:
    """Delta method: ½·√(∇ln v' Σ ∇ln v) of the forecast variance v at the end of the window."""
    fields = {"omega": "omega", "alpha[1]": "alpha", "gamma[1]": "gamma", "beta[1]": "beta"}
    gradient, values = np.zeros(len(names)), np.array(returns, dtype=float)
    for place, name in enumerate(names):
        if name in fields:
            value = getattr(fit, fields[name])
            step = _DERIVATIVE_STEP * max(abs(value), 1e-2)
            ends = []
            for shifted in (value - step, value + step):
                other = replace(fit, **{fields[name]: shifted})
                ends.append(math.log(mean_variance(other, next_variance(other, values), steps)))
            gradient[place] = (ends[1] - ends[0]) / (2 * step)
    return math.sqrt(max(float(gradient @ covariance @ gradient), 0.0)) / 2
