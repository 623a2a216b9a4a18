"""Exponentially weighted volatility of the pool's own prices (RiskMetrics, with the half-life as the setting)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from keeper.model.decision import Figure, Forecast
from keeper.model.observation import History, ImpliedQuote
from keeper.policy.settings import FORECAST_HORIZON, Section
from keeper.policy.volatility.past import HOUR_SECONDS, SECONDS_PER_YEAR, concluded, refused, usable_past
from keeper.policy.volatility.smoothing import decayed_variance


class Settings(Section):
    """``forecaster: {kind: ewma}``."""

    kind: Literal["ewma"] = "ewma"
    horizon_hours: float = FORECAST_HORIZON
    # Below an hour, which is the distance of the samples, the weights of all but the newest vanish.
    half_life_hours: float = Field(default=72.0, ge=1, le=24 * 365)
    min_samples: int = Field(default=24, ge=2, le=10_000)


@dataclass(frozen=True, slots=True)
class Ewma:
    """Variance per second as a weighted mean of squared log returns over their time, newest weighted most."""

    settings: Settings

    def forecast(self, history: History, implied: Sequence[ImpliedQuote], now_timestamp: int) -> Forecast:
        horizon_seconds = round(self.settings.horizon_hours * HOUR_SECONDS)
        past = usable_past(history, now_timestamp, self.settings.min_samples)
        if isinstance(past, str):
            return refused("ewma", horizon_seconds, len(history.samples), past)
        ages = [now_timestamp - end for end in past.ends]
        squares = [change * change for change in past.returns]
        half_life_seconds = self.settings.half_life_hours * HOUR_SECONDS
        variance, effective = decayed_variance(ages, past.seconds, squares, half_life_seconds)
        sigma = math.sqrt(variance * SECONDS_PER_YEAR)
        return concluded(
            "ewma",
            sigma,
            # A Gaussian sample standard deviation has standard error sigma / sqrt(2n).
            sigma / math.sqrt(2 * effective),
            horizon_seconds,
            len(past.returns),
            (Figure("half_life_hours", self.settings.half_life_hours), Figure("effective_samples", effective)),
        )


def build(settings: Settings) -> Ewma:
    return Ewma(settings)
