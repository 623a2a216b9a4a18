"""Exponentially weighted volatility of the pool's own prices (RiskMetrics, with the half-life as the setting)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from pydantic import Field

from keeper.model.decision import Figure, Forecast
from keeper.model.observation import History, ImpliedQuote
from keeper.policy.settings import FORECAST_HORIZON, Section

SECONDS_PER_YEAR = 365 * 86_400


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
        horizon_seconds = round(self.settings.horizon_hours * 3_600)
        refusal = self._refusal(history, now_timestamp)
        if refusal is not None:
            return Forecast("ewma", None, None, horizon_seconds, len(history.samples), refusal)
        returns = log_returns(history)
        half_life_seconds = self.settings.half_life_hours * 3_600
        weights = [0.5 ** ((now_timestamp - end) / half_life_seconds) for end, _, _ in returns]
        # Σwr²/Σw·dt, not the mean of r²/dt: a gap counts by its length, so one long gap cannot shout.
        time_weight = math.fsum(w * dt for w, (_, dt, _) in zip(weights, returns, strict=True))
        variance = math.fsum(w * r * r for w, (_, _, r) in zip(weights, returns, strict=True)) / time_weight
        effective = math.fsum(weights) ** 2 / math.fsum(w * w for w in weights)
        sigma = math.sqrt(variance * SECONDS_PER_YEAR)
        return Forecast(
            kind="ewma",
            sigma_annual=sigma,
            # A Gaussian sample standard deviation has standard error sigma / sqrt(2n).
            standard_error=sigma / math.sqrt(2 * effective),
            horizon_seconds=horizon_seconds,
            samples=len(returns),
            refusal=None,
            figures=(Figure("half_life_hours", self.settings.half_life_hours), Figure("effective_samples", effective)),
        )

    def _refusal(self, history: History, now_timestamp: int) -> str | None:
        if len(history.samples) < self.settings.min_samples + 1:
            return f"{len(history.samples)} price samples, {self.settings.min_samples + 1} needed"
        age_seconds = now_timestamp - history.samples[-1].timestamp
        if age_seconds > 3 * history.sample_seconds:
            return f"the newest price sample is {age_seconds} s old"
        if all(s.sqrt_price_x96 == history.samples[0].sqrt_price_x96 for s in history.samples):
            return "the price has not moved in the whole history"
        return None


def log_returns(history: History) -> list[tuple[int, int, float]]:
    """(end timestamp, seconds, log return of the price) for each pair of neighbouring samples."""
    samples = history.samples
    return [
        (
            after.timestamp,
            after.timestamp - before.timestamp,
            2 * math.log(after.sqrt_price_x96 / before.sqrt_price_x96),
        )
        for before, after in pairwise(samples)
    ]


def build(settings: Settings) -> Ewma:
    return Ewma(settings)
