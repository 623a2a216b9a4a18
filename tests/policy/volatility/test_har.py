"""HAR against statsmodels, and what it does with data that no regression can bear."""

from __future__ import annotations

import math

import numpy as np
import pytest
import statsmodels.api as sm

from keeper.policy.volatility.har import fit_har, forecast_har
from keeper.policy.volatility.realized import Array
from keeper.policy.volatility.scores import newey_west


def daily(days: int = 200, seed: int = 2) -> Array:
    chance = np.random.default_rng(seed)
    logs = np.zeros(days)
    for day in range(1, days):
        logs[day] = 0.8 * logs[day - 1] + 0.4 * chance.normal()
    return np.asarray(1e-3 * np.exp(logs))


@pytest.mark.parametrize("log", [True, False])
@pytest.mark.parametrize("horizon", [1, 7])
def test_coefficients_errors_and_forecast_are_those_of_statsmodels(log: bool, horizon: int) -> None:
    values = daily()
    shape = np.log if log else lambda x: x
    rows = range(29, len(values) - horizon)
    x = np.array([[shape(values[t - n + 1 : t + 1].mean()) for n in (1, 7, 30)] for t in rows])
    y = np.array([shape(values[t + 1 : t + 1 + horizon].mean()) for t in rows])
    right = sm.OLS(y, sm.add_constant(x)).fit(
        cov_type="HAC", cov_kwds={"maxlags": max(5, horizon), "use_correction": False}
    )
    fit = fit_har(values, horizon, log=log)
    assert fit.rows == len(y)
    assert fit.coefficients == pytest.approx(right.params, rel=1e-8)
    assert np.array(fit.covariance).reshape(4, 4) == pytest.approx(right.cov_params(), rel=1e-6)
    assert fit.residual_variance == pytest.approx(right.scale, rel=1e-9)
    row = np.array([1.0, *(shape(values[-n:].mean()) for n in (1, 7, 30))])
    variance, error = forecast_har(fit, values)
    assert variance == pytest.approx(math.exp(row @ right.params + right.scale / 2) if log else row @ right.params)
    spread = math.sqrt(row @ right.cov_params() @ row)
    assert error == pytest.approx(spread if log else spread / variance, rel=1e-6)


def test_levels_stay_within_what_was_ever_seen() -> None:
    values = daily()
    fit = fit_har(values, 1, log=False)
    shocked = np.append(values, 50.0)
    assert forecast_har(fit, shocked)[0] == fit.highest
    assert forecast_har(fit, np.append(values, -50.0))[0] == fit.lowest


def test_missing_days_take_no_part() -> None:
    values = daily()
    holed = values.copy()
    holed[50] = np.nan
    assert fit_har(holed, 1, log=True).rows == fit_har(values, 1, log=True).rows - 2  # as target and as last day
    with pytest.raises(ValueError, match="not seen"):
        forecast_har(fit_har(values, 1, log=True), np.append(values, np.nan))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (daily(36), "days to learn from"),
        (np.append(daily(100), 0.0), "no logarithm"),
        (np.full(100, 1e-3), "too much alike"),
    ],
)
def test_what_cannot_be_fitted_says_so(values: Array, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        fit_har(values, 1, log=True)


def test_newey_west_by_hand() -> None:
    scores = np.array([[1.0], [2.0], [-1.0]])
    # 6 + 2·(⅔·(2 − 2) + ⅓·(−1))
    assert newey_west(scores, 2)[0, 0] == pytest.approx(6 - 2 / 3)
    assert newey_west(scores, 50)[0, 0] == newey_west(scores, 50)[0, 0]
