"""Wilder's average true range of the pool's own ticks, as the volatility of a walk with such a range."""

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

# After so many periods the first average, which starts the recursion, weighs e^-6 of the whole.
_PERIODS_TO_FORGET = 6


class Settings(Section):
    """``forecaster: {kind: true_range}``."""

    kind: Literal["true_range"] = "true_range"
    horizon_hours: float = FORECAST_HORIZON
    bar_hours: int = Field(default=1, ge=1, le=24)
    period_bars: int = Field(default=24, ge=2, le=1_000)
    min_bars: int = Field(default=24, ge=4, le=10_000)


@dataclass(frozen=True, slots=True)
class TrueRange:
    """Needs the tape of swaps: highest and lowest tick of each hour."""

    settings: Settings

    def forecast(self, history: History, implied: Sequence[ImpliedQuote], now_timestamp: int) -> Forecast:
        horizon_seconds = round(self.settings.horizon_hours * HOUR_SECONDS)
        past = usable_past(history, now_timestamp, self.settings.min_bars)
        if isinstance(past, str):
            return refused("true_range", horizon_seconds, len(history.samples), past)
        try:
            return self._measured(past, horizon_seconds)
        except (ArithmeticError, ValueError) as error:
            return refused("true_range", horizon_seconds, len(past.returns), str(error))

    def _measured(self, past: Past, horizon_seconds: int) -> Forecast:
        from keeper.policy.volatility.bars import newest_bars
        from keeper.policy.volatility.range_based import average_true_range, sigma_of_range, true_range_error

        asked = self.settings
        bar_seconds = asked.bar_hours * HOUR_SECONDS
        most = max(asked.min_bars, _PERIODS_TO_FORGET * asked.period_bars)
        seen = newest_bars(past, bar_seconds, most)
        reason = no_bars(past, None if seen is None else (len(seen[0]), seen[1]), bar_seconds, asked.min_bars)
        if seen is None or reason is not None:
            return refused("true_range", horizon_seconds, 0 if seen is None else len(seen[0]), str(reason))
        bars = seen[0]
        period = min(asked.period_bars, len(bars))
        mean_range = average_true_range(bars, period)
        sigma = annual_sigma(sigma_of_range(mean_range) ** 2, bar_seconds)
        error = sigma * true_range_error(len(bars), period)
        figures = (
            Figure("bar_hours", asked.bar_hours),
            Figure("period_bars", period),
            Figure("average_true_range_pct", 100 * mean_range),
        )
        return concluded("true_range", sigma, error, horizon_seconds, len(bars), figures)


def build(settings: Settings) -> TrueRange:
    return TrueRange(settings)
