"""Parkinson, Garman-Klass, Rogers-Satchell or Yang-Zhang: volatility from the highs and lows of the pool's bars."""

from __future__ import annotations

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
    no_bars,
    refused,
    usable_past,
)


class Settings(Section):
    """``forecaster: {kind: range_based}``."""

    kind: Literal["range_based"] = "range_based"
    horizon_hours: float = FORECAST_HORIZON
    estimator: Literal["parkinson", "garman_klass", "rogers_satchell", "yang_zhang"] = "garman_klass"
    bar_hours: int = Field(default=1, ge=1, le=24)
    window_bars: int = Field(default=72, ge=4, le=10_000)
    min_bars: int = Field(default=24, ge=4, le=10_000)


@dataclass(frozen=True, slots=True)
class RangeBased:
    """The mean over the newest bars. Needs the tape of swaps: highest and lowest tick of each hour."""

    settings: Settings

    def forecast(self, history: History, implied: Sequence[ImpliedQuote], now_timestamp: int) -> Forecast:
        horizon_seconds = round(self.settings.horizon_hours * HOUR_SECONDS)
        past = usable_past(history, now_timestamp, self.settings.min_bars)
        if isinstance(past, str):
            return refused("range_based", horizon_seconds, len(history.samples), past)
        try:
            return self._measured(past, horizon_seconds)
        except (ArithmeticError, ValueError) as error:
            return refused("range_based", horizon_seconds, len(past.returns), str(error))

    def _measured(self, past: Past, horizon_seconds: int) -> Forecast:
        from keeper.policy.volatility.bars import newest_bars
        from keeper.policy.volatility.range_based import range_variance, relative_error

        asked = self.settings
        bar_seconds = asked.bar_hours * HOUR_SECONDS
        seen = newest_bars(past, bar_seconds, max(asked.window_bars, asked.min_bars))
        reason = no_bars(past, None if seen is None else (len(seen[0]), seen[1]), bar_seconds, asked.min_bars)
        if seen is None or reason is not None:
            return refused("range_based", horizon_seconds, 0 if seen is None else len(seen[0]), str(reason))
        bars = seen[0]
        variance = range_variance(bars, asked.estimator)
        if variance <= 0:
            return refused("range_based", horizon_seconds, len(bars), "the price has not moved within the bars")
        sigma = annual_sigma(variance, bar_seconds)
        figures = (Figure("estimator", asked.estimator), Figure("bar_hours", asked.bar_hours))
        error = sigma * relative_error(len(bars), asked.estimator)
        return concluded("range_based", sigma, error, horizon_seconds, len(bars), figures)


def build(settings: Settings) -> RangeBased:
    return RangeBased(settings)
