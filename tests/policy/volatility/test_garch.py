"""Our filter and forecasts against arch's own, and fits that must be refused."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from arch import arch_model
from scipy import stats

from keeper.policy.volatility.garch import (
    Distribution,
    GarchFit,
    Model,
    fit_garch,
    mean_absolute,
    mean_variance,
    variances,
)


def simulated(model: Model, seed: int = 1, size: int = 1_500) -> tuple[float, ...]:
    """Returns of about 1 % with α 0.08, γ 0.06, β 0.88."""
    described = arch_model(None, mean="Zero", vol="EGARCH" if model == "egarch" else "GARCH",
                           p=1, o=0 if model == "garch" else 1, q=1, dist="normal")  # fmt: skip
    described.distribution._generator = np.random.default_rng(seed)
    parameters = {"garch": [0.04, 0.08, 0.88], "gjr": [0.04, 0.05, 0.06, 0.88], "egarch": [0.0, 0.15, -0.06, 0.97]}
    data = described.simulate(parameters[model], size)["data"].to_numpy()
    return tuple(float(value) / 100 for value in data)


def fitted(returns: tuple[float, ...], model: Model, distribution: Distribution = "t", steps: int = 24) -> GarchFit:
    fit = fit_garch(returns, model, distribution, steps)
    assert isinstance(fit, GarchFit), fit
    return fit


@pytest.mark.parametrize("model", ["garch", "gjr", "egarch"])
def test_the_filter_is_that_of_arch(model: Model) -> None:
    returns = simulated(model)
    fit = fitted(returns, model)
    scaled = np.array(returns) / fit.scale
    own = arch_model(scaled, mean="Zero", vol="EGARCH" if model == "egarch" else "GARCH", p=1,
                     o=0 if model == "garch" else 1, q=1, dist="t", rescale=False)  # fmt: skip
    names = ["omega", "alpha"] + (["gamma"] if model != "garch" else []) + ["beta"]
    fixed = own.fix([*(getattr(fit, name) for name in names), fit.degrees_of_freedom])
    path = variances(fit, returns)
    assert len(path) == len(returns) + 1
    assert np.array(path[:-1]) == pytest.approx(fixed.conditional_volatility**2 * fit.scale**2, rel=1e-9)
    ahead = fixed.forecast(horizon=1).variance.iloc[-1, 0] * fit.scale**2
    assert path[-1] == pytest.approx(ahead, rel=1e-9)
    if model != "egarch":
        mean = fixed.forecast(horizon=24).variance.iloc[-1].mean() * fit.scale**2
        assert mean_variance(fit, path[-1], 24) == pytest.approx(mean, rel=1e-9)


def test_egarch_ahead_is_near_what_simulation_gives() -> None:
    returns = simulated("egarch")
    fit = fitted(returns, "egarch", "normal")
    start, steps, chance = variances(fit, returns)[-1], 24, np.random.default_rng(8)
    logs = np.full(40_000, math.log(start / fit.scale**2))
    total = 0.0
    for _ in range(steps):
        total += float(np.exp(logs).mean())
        shocks = chance.normal(size=len(logs))
        logs = fit.omega + fit.alpha * (abs(shocks) - math.sqrt(2 / math.pi)) + fit.gamma * shocks + fit.beta * logs
    assert mean_variance(fit, start, steps) == pytest.approx(total / steps * fit.scale**2, rel=0.01)


def test_known_parameters_come_back() -> None:
    fit = fitted(simulated("garch", size=8_000), "garch", "normal")
    assert fit.alpha == pytest.approx(0.08, abs=0.02)
    assert fit.persistence == pytest.approx(0.96, abs=0.02)
    assert fit.gamma == 0 and math.isinf(fit.degrees_of_freedom)
    assert 0 < fit.relative_error < 0.1


def test_the_relative_error_is_how_far_fits_scatter() -> None:
    """So far ahead that the forecast is the long-run volatility, which depends on the parameters alone."""
    steps = 3_000
    fits = [fitted(simulated("garch", seed=seed, size=2_000), "garch", "normal", steps) for seed in range(40)]
    found = [math.log(mean_variance(fit, fit.scale**2, steps)) / 2 for fit in fits]
    assert np.median([fit.relative_error for fit in fits]) == pytest.approx(np.std(found), rel=0.4)


def test_mean_absolute_of_student_t() -> None:
    for nu in (3.0, 8.0):
        scaled = stats.t(nu, scale=math.sqrt((nu - 2) / nu))
        assert mean_absolute(nu) == pytest.approx(2 * scaled.expect(lambda z: z, lb=0), rel=1e-6)
    assert mean_absolute(math.inf) == pytest.approx(math.sqrt(2 / math.pi))


def test_persistence_pulls_toward_the_long_run() -> None:
    fit = GarchFit("garch", 0.1, 0.1, 0.0, 0.8, math.inf, 1.0, 1.0, 0.1, 500)
    # 0.1 + 0.9·4 = 3.7: (4 + 3.7)/2; far ahead ω/(1 − 0.9) = 1.
    assert mean_variance(fit, 4.0, 2) == pytest.approx(3.85)
    assert mean_variance(fit, 4.0, 100_000) == pytest.approx(1.0, abs=1e-3)
    assert mean_variance(replace(fit, scale=0.1), 0.04, 2) == pytest.approx(0.0385)


def test_no_variance_is_no_fit() -> None:
    assert "no variance" in str(fit_garch((0.0,) * 300, "garch", "t", 1))


def test_a_shock_never_calms_the_market() -> None:
    """Returns whose size falls after a large one: likely with α < 0, and refused where it is."""
    chance = np.random.default_rng(4)
    values, last = [], 0.0
    for _ in range(600):
        last = float(chance.normal()) * (0.2 if abs(last) > 1 else 1.5)
        values.append(last / 100)
    fit = fit_garch(tuple(values), "egarch", "normal", 1)
    assert isinstance(fit, str) or fit.alpha >= 0


def test_a_fit_is_kept_by_its_content() -> None:
    returns = simulated("garch")
    first = fit_garch(returns, "garch", "t", 24)
    assert fit_garch((*returns,), "garch", "t", 24) is first
    assert fit_garch((*returns[:-1], 0.5), "garch", "t", 24) is not first


FIT = """
import random
from keeper.policy.volatility.garch import fit_garch
draw = random.Random(3)
print(fit_garch(tuple(draw.gauss(0, 0.01) * (1 + i % 50 / 50) for i in range(1_000)), "gjr", "t", 24))
"""


def test_a_fit_does_not_depend_on_the_number_of_cores() -> None:
    """Each in a process of its own: the libraries ask for the number of threads when they are loaded."""
    said = {
        subprocess.run(
            [sys.executable, "-c", FIT], env={**os.environ, "OPENBLAS_NUM_THREADS": threads}, capture_output=True,
            text=True, check=True, timeout=120,
        ).stdout
        for threads in ("1", "2")
    }  # fmt: skip
    assert len(said) == 1 and "GarchFit" in said.pop()
