"""Markov switching: hourly returns come from hidden states; those with a drift that counts are trends."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Literal, Self

from pydantic import Field, model_validator

from keeper.model.decision import Figure, Forecast, Regime
from keeper.model.memory import RegimeLabel, RegimeMemory
from keeper.model.observation import History
from keeper.policy.learning.switching import Switching, filtered, fit
from keeper.policy.signals.candles import Candles, candles
from keeper.policy.signals.hysteresis import MOST_CONFIRM_BARS, HysteresisSettings, answer, no_opinion, probabilities

# The base token up or down depends on which token is the quote: assembly passes `quote_is_token0` to `build`.
ORIENTED = True
HOUR_SECONDS = 3_600
HOURS_PER_YEAR = 365 * 24


class Settings(HysteresisSettings):
    """``regime: {kind: markov}``."""

    kind: Literal["markov"] = "markov"
    states: int = Field(default=2, ge=2, le=3)
    window_hours: int = Field(default=600, ge=120, le=24 * 365)
    min_window_hours: int = Field(default=240, ge=60, le=24 * 365)
    refit_hours: int = Field(default=24, ge=1, le=24 * 30)
    min_t_statistic: float = Field(default=2.0, ge=0, le=20)
    min_duration_hours: float = Field(default=12.0, ge=1, le=24 * 30)

    @model_validator(mode="after")
    def _can_be_reached(self) -> Self:
        if self.min_window_hours > self.window_hours:
            raise ValueError("min_window_hours must not be above window_hours: nothing would ever be fitted")
        return self


@dataclass(frozen=True, slots=True)
class Markov:
    """Fitted on the window that ends at the last multiple of ``refit_hours`` (UTC), filtered from there to now.

    A state is a trend where its mean return is ``min_t_statistic`` standard errors from zero and it lasts
    ``min_duration_hours`` on average; every other state is neutral, whatever its mean.
    """

    settings: Settings
    quote_is_token0: bool

    def detect(self, history: History, forecast: Forecast, memory: RegimeMemory | None, now_timestamp: int) -> Regime:
        most = self.settings.window_hours + self.settings.refit_hours + 1
        seen = candles(history, now_timestamp, quote_is_token0=self.quote_is_token0, most=most)
        if isinstance(seen, str):
            return no_opinion("markov", seen, memory, now_timestamp)
        window = self._window(seen, now_timestamp)
        if isinstance(window, str):
            return no_opinion("markov", window, memory, now_timestamp)
        known, later = window
        try:
            model, rows = _model(known, self.settings.states)
        except ValueError as error:
            return no_opinion("markov", str(error), memory, now_timestamp)
        labels = [self._label(model, state) for state in range(self.settings.states)]
        newest = [*rows, *filtered(model, later, rows[-1])][-self.settings.confirm_bars :]
        recent = [probabilities(_sum(row, labels, "positive"), _sum(row, labels, "negative")) for row in newest]
        return answer(
            "markov", recent, memory, now_timestamp, self.settings, _words(model, labels), _figures(model, known)
        )

    def _window(self, seen: Candles, now_timestamp: int) -> tuple[tuple[float, ...], tuple[float, ...]] | str:
        """The returns to fit, and those that came after them.

        Both ends stand at multiples of ``refit_hours``: an hour that passes moves neither, so one fit serves them all.
        """
        step = self.settings.refit_hours * HOUR_SECONDS
        end = now_timestamp // step * step
        start = max(end - self.settings.window_hours * HOUR_SECONDS, -(-seen.hours[0] // step) * step)
        first = max(0, (start - seen.hours[0]) // HOUR_SECONDS)
        prices = seen.close[first:]
        returns = tuple(math.log(after / before) for before, after in pairwise(prices))
        count = max(0, min((end - start) // HOUR_SECONDS, len(returns)))
        if count < max(self.settings.min_window_hours, self.settings.confirm_bars):
            needed = self.settings.min_window_hours
            return f"{count} hours of returns without a hole up to the last refit, {needed} needed"
        if not any(returns[:count]):
            return f"the price has not moved in {count} hours"
        return returns[:count], returns[count:]

    def _label(self, model: Switching, state: int) -> RegimeLabel:
        lasts = model.expected_steps(state) >= self.settings.min_duration_hours
        if not lasts or abs(model.t_statistic(state)) < self.settings.min_t_statistic:
            return "neutral"
        return "positive" if model.means[state] > 0 else "negative"


@lru_cache(maxsize=64)
def _model(returns: tuple[float, ...], states: int) -> tuple[Switching, tuple[tuple[float, ...], ...]]:
    """The fit, and the filter's rows at the newest of its returns. Kept by the content of the returns: a day's
    decisions share one fit."""
    model = fit(returns, states)
    return model, tuple(tuple(row) for row in filtered(model, returns)[-MOST_CONFIRM_BARS:])


def _sum(row: Sequence[float], labels: list[RegimeLabel], wanted: RegimeLabel) -> float:
    return min(1.0, math.fsum(p for p, label in zip(row, labels, strict=True) if label == wanted))


def _words(model: Switching, labels: list[RegimeLabel]) -> str:
    parts = [
        f"{label} (drift {model.means[k] * HOURS_PER_YEAR:+.0%} a year, t {model.t_statistic(k):+.1f}, "
        f"σ {math.sqrt(model.variances[k] * HOURS_PER_YEAR):.0%}, lasts {min(model.expected_steps(k), 9_999):.0f} h)"
        for k, label in enumerate(labels)
    ]
    return f"states: {', '.join(parts)}"


def _figures(model: Switching, known: tuple[float, ...]) -> tuple[Figure, ...]:
    figures = [Figure("fitted_hours", len(known))]
    for k in range(len(model.means)):
        figures += [
            Figure(f"state_{k}_drift_annual", round(model.means[k] * HOURS_PER_YEAR, 6)),
            Figure(f"state_{k}_sigma_annual", round(math.sqrt(model.variances[k] * HOURS_PER_YEAR), 6)),
            Figure(f"state_{k}_t_statistic", round(model.t_statistic(k), 4)),
            Figure(f"state_{k}_expected_hours", round(min(model.expected_steps(k), 1e6), 3)),
        ]
    return tuple(figures)


def build(settings: Settings, *, quote_is_token0: bool) -> Markov:
    return Markov(settings, quote_is_token0)
