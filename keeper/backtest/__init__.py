"""Studies of the past: how well volatility could have been forecast. The room's front door."""

from __future__ import annotations

from keeper.backtest.forecasting import (
    BENCHMARK,
    ForecastStudy,
    HorizonScores,
    ModelScores,
    run_forecast_study,
    study_mapping,
)
from keeper.backtest.price_bars import ImpliedDays, PriceBars, read_implied, read_price_bars

__all__ = [
    "BENCHMARK",
    "ForecastStudy",
    "HorizonScores",
    "ImpliedDays",
    "ModelScores",
    "PriceBars",
    "read_implied",
    "read_price_bars",
    "run_forecast_study",
    "study_mapping",
]
