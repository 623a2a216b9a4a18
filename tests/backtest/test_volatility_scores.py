"""Regressions and tests of forecasts against statsmodels, by hand, and on losses whose order is known."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from keeper.backtest.volatility_scores import diebold_mariano, mincer_zarnowitz, model_confidence_set


def test_mincer_zarnowitz_is_that_of_statsmodels() -> None:
    chance = np.random.default_rng(1)
    said = chance.gamma(3, size=300)
    came = 0.3 + 0.8 * said + np.convolve(chance.normal(size=304), np.ones(5), "valid") * 0.2
    right = sm.OLS(came, sm.add_constant(said)).fit(cov_type="HAC", cov_kwds={"maxlags": 7, "use_correction": False})
    found = mincer_zarnowitz(came, said, 7)
    assert (found.alpha, found.beta) == pytest.approx(tuple(right.params))
    assert (found.alpha_error, found.beta_error) == pytest.approx(tuple(right.bse))
    assert found.r_squared == pytest.approx(right.rsquared)


def test_diebold_mariano_is_the_t_of_a_mean() -> None:
    chance = np.random.default_rng(2)
    one, other = chance.normal(size=(2, 400))
    one = one - 0.2
    right = sm.OLS(one - other, np.ones(400)).fit(cov_type="HAC", cov_kwds={"maxlags": 5, "use_correction": False})
    found = diebold_mariano(one, other, 5)
    assert found == pytest.approx(right.tvalues[0])
    assert found < -1  # a smaller loss is better
    assert diebold_mariano(one, one, 5) == 0


def test_the_confidence_set_holds_the_best_and_not_the_worst() -> None:
    chance = np.random.default_rng(3)
    noise = chance.normal(size=500)
    losses = {"bad": noise + 1 + chance.normal(size=500), "best": noise, "twin": noise + 0.3 * chance.normal(size=500)}
    found = model_confidence_set(losses, 1)
    assert found["best"] >= 0.1 and found["twin"] >= 0.1 and found["bad"] < 0.1
    assert model_confidence_set(losses, 1) == found
