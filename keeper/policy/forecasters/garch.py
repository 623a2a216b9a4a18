"""GARCH, GJR or EGARCH of the pool's returns, refitted at calendar boundaries and filtered in between."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from keeper.model.decision import Figure, Forecast
from keeper.model.observation import History, ImpliedQuote
from keeper.policy.settings import FORECAST_HORIZON, Section
from keeper.policy.volatility.past import (
    HOUR_SECONDS,
    Past,
    annual_sigma,
    concluded,
    fit_window,
    refused,
    usable_past,
)

# With more of its bars missing than this, a window is no evenly spaced series.
_LEAST_COVERED = 0.8


class Settings(Section):
    """``forecaster: {kind: garch}``."""

    kind: Literal["garch"] = "garch"
    horizon_hours: float = FORECAST_HORIZON
    model: Literal["garch", "gjr", "egarch"] = "garch"
    dist: Literal["t", "normal"] = "t"
    bar_hours: int = Field(default=1, ge=1, le=24)
    refit_hours: int = Field(default=24, ge=1, le=24 * 31)
    min_returns: int = Field(default=300, ge=100, le=100_000)


@dataclass(frozen=True, slots=True)
class Garch:
    """The mean of the variances expected over the horizon."""

    settings: Settings

    def forecast(self, history: History, implied: Sequence[ImpliedQuote], now_timestamp: int) -> Forecast:
        horizon_seconds = round(self.settings.horizon_hours * HOUR_SECONDS)
        past = usable_past(history, now_timestamp, self.settings.min_returns)
        if isinstance(past, str):
            return refused("garch", horizon_seconds, len(history.samples), past)
        try:
            return self._fitted(past, horizon_seconds)
        except (ArithmeticError, ValueError) as error:
            return refused("garch", horizon_seconds, len(past.returns), f"the fit failed: {error}")

    def _fitted(self, past: Past, horizon_seconds: int) -> Forecast:
        import numpy as np

        from keeper.policy.volatility.bars import bar_returns
        from keeper.policy.volatility.garch import fit_garch, mean_variance, next_variance

        asked = self.settings
        bar_seconds = asked.bar_hours * HOUR_SECONDS
        steps = max(1, math.ceil(horizon_seconds / bar_seconds))
        after, until = fit_window(past, asked.refit_hours * HOUR_SECONDS)
        closes = bar_returns(past, bar_seconds)
        window = closes.between(after, until)
        if len(window) < asked.min_returns:
            reason = f"{len(window)} bars of {asked.bar_hours} h to fit to, {asked.min_returns} needed"
            return refused("garch", horizon_seconds, len(window), reason)
        if len(window) < _LEAST_COVERED * (until - after) / bar_seconds:
            reason = f"only {len(window)} of {(until - after) // bar_seconds} bars were seen"
            return refused("garch", horizon_seconds, len(window), reason)
        fit = fit_garch(window, asked.model, asked.dist, steps)
        if isinstance(fit, str):
            return refused("garch", horizon_seconds, len(window), fit)
        newer = closes.between(after, closes.ends[-1])
        sigma = annual_sigma(mean_variance(fit, next_variance(fit, np.array(newer)), steps), bar_seconds)
        figures = [
            Figure("model", asked.model),
            Figure("fitted_timestamp", until),
            Figure("alpha", fit.alpha),
            Figure("gamma", fit.gamma),
            Figure("beta", fit.beta),
            Figure("persistence", fit.persistence),
        ]
        if asked.dist == "t":
            figures.append(Figure("degrees_of_freedom", fit.degrees_of_freedom))
        return concluded("garch", sigma, sigma * fit.relative_error, horizon_seconds, len(newer), figures)


def build(settings: Settings) -> Garch:
    return Garch(settings)
