"""Volatility that options imply: an index of it (DVOL) or an option chain, as the observation brings it."""

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
from keeper.policy.volatility.past import HIGHEST_SIGMA, HOUR_SECONDS, LOWEST_SIGMA, concluded, refused


class Settings(Section):
    """``forecaster: {kind: implied}``."""

    kind: Literal["implied"] = "implied"
    horizon_hours: float = FORECAST_HORIZON
    source: Literal["any", "dvol", "option_chain"] = "any"
    # Options cost more than the volatility that comes: over 547 days of 2023-24 ETH realized 0.90 of its index.
    ratio: float = Field(default=1.0, ge=0.2, le=2)
    # A quote has no sampling error; this is the spread of ln(realized/implied) over 30 days of the same 547.
    relative_error: float = Field(default=0.2, gt=0, le=1)
    max_age_hours: float = Field(default=6.0, gt=0, le=24 * 7)


@dataclass(frozen=True, slots=True)
class Implied:
    """The quote of the horizon, interpolated in total variance between tenors; beyond them the nearest."""

    settings: Settings

    def forecast(self, history: History, implied: Sequence[ImpliedQuote], now_timestamp: int) -> Forecast:
        asked = self.settings
        horizon_seconds = round(asked.horizon_hours * HOUR_SECONDS)
        quotes = self._usable(implied, now_timestamp)
        if isinstance(quotes, str):
            return refused("implied", horizon_seconds, len(implied), quotes)
        sigma = asked.ratio * interpolated(quotes, horizon_seconds)
        figures = (
            Figure("source", ", ".join(sorted({quote.source for quote in quotes}))),
            Figure("shortest_tenor_days", quotes[0].tenor_seconds / 86_400),
            Figure("longest_tenor_days", quotes[-1].tenor_seconds / 86_400),
            Figure("ratio", asked.ratio),
            Figure("age_seconds", now_timestamp - max(quote.observed_timestamp for quote in quotes)),
        )
        return concluded("implied", sigma, sigma * asked.relative_error, horizon_seconds, len(quotes), figures)

    def _usable(self, implied: Sequence[ImpliedQuote], now_timestamp: int) -> list[ImpliedQuote] | str:
        """Fresh quotes, one for each tenor, shortest first; or why there is none."""
        wanted = [quote for quote in implied if self.settings.source in ("any", quote.source)]
        known = [quote for quote in wanted if quote.observed_timestamp <= now_timestamp]
        if not known:
            return "no implied volatility was given"
        newest = max(quote.observed_timestamp for quote in known)
        oldest_allowed = now_timestamp - self.settings.max_age_hours * HOUR_SECONDS
        if newest < oldest_allowed:
            return f"the newest implied volatility is {now_timestamp - newest} s old"
        by_tenor: dict[int, ImpliedQuote] = {}
        for quote in sorted(known, key=lambda each: (each.observed_timestamp, each.source)):
            if quote.observed_timestamp >= oldest_allowed:
                if not (LOWEST_SIGMA <= quote.sigma_annual <= HIGHEST_SIGMA) or quote.tenor_seconds <= 0:
                    return f"{quote.source} gave an implied volatility of {quote.sigma_annual:g}, which cannot be"
                by_tenor[quote.tenor_seconds] = quote
        return [by_tenor[tenor] for tenor in sorted(by_tenor)]


def interpolated(quotes: Sequence[ImpliedQuote], horizon_seconds: int) -> float:
    """Volatility per year for the horizon: σ²·t is linear between tenors, flat volatility beyond them.

    Calendar arbitrage (total variance that falls with the tenor) is taken as quoted.
    """
    if horizon_seconds <= quotes[0].tenor_seconds:
        return quotes[0].sigma_annual
    for near, far in pairwise(quotes):
        if horizon_seconds <= far.tenor_seconds:
            share = (horizon_seconds - near.tenor_seconds) / (far.tenor_seconds - near.tenor_seconds)
            totals = [quote.sigma_annual**2 * quote.tenor_seconds for quote in (near, far)]
            return math.sqrt((totals[0] + share * (totals[1] - totals[0])) / horizon_seconds)
    return quotes[-1].sigma_annual


def build(settings: Settings) -> Implied:
    return Implied(settings)
