"""HAR: realized variance per UTC day, regressed on that of the last day, week and month."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from keeper.model.decision import Figure, Forecast
from keeper.model.observation import History, ImpliedQuote
from keeper.policy.settings import FORECAST_HORIZON, Section
from keeper.policy.volatility.past import (
    HOUR_SECONDS,
    SECONDS_PER_DAY,
    Past,
    annual_sigma,
    concluded,
    fit_window,
    refused,
    usable_past,
)

if TYPE_CHECKING:
    from keeper.policy.volatility.har import HarFit


class Settings(Section):
    """``forecaster: {kind: har}``."""

    kind: Literal["har"] = "har"
    horizon_hours: float = FORECAST_HORIZON
    log: bool = True
    week_days: int = Field(default=7, ge=2, le=30)
    month_days: int = Field(default=30, ge=3, le=365)
    min_days: int = Field(default=30, ge=10, le=3_650)

    @model_validator(mode="after")
    def _in_order(self) -> Settings:
        if self.month_days <= self.week_days:
            raise ValueError("month_days must be longer than week_days")
        return self


@dataclass(frozen=True, slots=True)
class Har:
    """Fitted anew when a UTC day has ended, to every day that the history holds whole."""

    settings: Settings

    def forecast(self, history: History, implied: Sequence[ImpliedQuote], now_timestamp: int) -> Forecast:
        horizon_seconds = round(self.settings.horizon_hours * HOUR_SECONDS)
        past = usable_past(history, now_timestamp, 24)
        if isinstance(past, str):
            return refused("har", horizon_seconds, len(history.samples), past)
        try:
            return self._fitted(past, horizon_seconds)
        except (ArithmeticError, ValueError) as error:
            return refused("har", horizon_seconds, len(past.returns), str(error))

    def _fitted(self, past: Past, horizon_seconds: int) -> Forecast:
        from keeper.policy.volatility.realized import daily_variances

        asked = self.settings
        horizon_days = max(1, math.ceil(horizon_seconds / SECONDS_PER_DAY))
        first, daily = daily_variances(past)
        after, until = fit_window(past, SECONDS_PER_DAY)
        end = first + len(daily)
        daily = daily[len(daily) - (until - after) // SECONDS_PER_DAY :]
        needed = asked.month_days + asked.min_days + horizon_days - 1
        if len(daily) < needed:
            reason = f"{len(daily)} whole days of prices, {needed} needed"
            return refused("har", horizon_seconds, len(daily), reason)
        fit, variance, relative_error = _fit(daily, horizon_days, asked.log, (1, asked.week_days, asked.month_days))
        sigma = annual_sigma(variance, SECONDS_PER_DAY)
        figures = (
            Figure("last_day_timestamp", end * SECONDS_PER_DAY),
            Figure("rows", fit.rows),
            Figure("weight_day", fit.coefficients[1]),
            Figure("weight_week", fit.coefficients[2]),
            Figure("weight_month", fit.coefficients[3]),
            Figure("residual_standard_deviation", math.sqrt(fit.residual_variance)),
        )
        return concluded("har", sigma, sigma * relative_error / 2, horizon_seconds, len(daily), figures)


@lru_cache(maxsize=16)
def _fit(
    daily: tuple[float, ...], horizon_days: int, log: bool, lags_days: tuple[int, ...]
) -> tuple[HarFit, float, float]:
    import numpy as np

    from keeper.policy.volatility.har import fit_har, forecast_har

    values = np.array(daily)
    fit = fit_har(values, horizon_days, log=log, lags_days=lags_days)
    return fit, *forecast_har(fit, values)


def build(settings: Settings) -> Har:
    return Har(settings)
