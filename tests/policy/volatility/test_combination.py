"""Weights on the simplex by QLIKE."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from keeper.policy.volatility.combination import fit_weights
from keeper.policy.volatility.scores import qlike


def test_qlike_by_hand() -> None:
    assert qlike(np.array([1.0, 2.0]), np.array([1.0, 1.0])) == pytest.approx([0, 1 - np.log(2)])


def made(days: int = 300, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    chance = np.random.default_rng(seed)
    truth = np.exp(chance.normal(size=days) * 0.5)
    noise = chance.normal(size=(days, 3)) * np.array([0.1, 0.4, 0.9])
    return truth[:, None] * np.exp(noise), truth * chance.chisquare(40, size=days) / 40


def test_the_weights_are_those_of_least_loss() -> None:
    said, came = made()
    found = fit_weights(said, came, 0.0)
    best = minimize(
        lambda w: float(np.mean(qlike(came, said @ w))), np.full(3, 1 / 3), bounds=[(0, 1)] * 3,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1}, tol=1e-12,
    )  # fmt: skip
    assert found.sum() == pytest.approx(1) and (found >= 0).all()
    assert np.mean(qlike(came, said @ found)) <= best.fun + 1e-5
    assert found == pytest.approx(best.x, abs=0.02)
    assert found[0] > found[1] > found[2]


def test_a_short_window_is_drawn_to_equal_weights() -> None:
    said, came = made()
    free, drawn = fit_weights(said, came, 0.0), fit_weights(said, came, 300.0)
    assert drawn == pytest.approx(free / 2 + 1 / 6)


def test_the_scale_of_the_variances_does_not_matter() -> None:
    said, came = made()
    assert fit_weights(said * 1e-6, came * 1e-6, 10.0) == pytest.approx(fit_weights(said, came, 10.0), abs=1e-9)
