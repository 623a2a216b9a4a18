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
from keeper.backtest.result import BacktestResult, FillModel
from keeper.backtest.run import run_backtest
from keeper.backtest.settings import BacktestSettings
from keeper.backtest.telling import held_reasons, last_word, warm_up_seconds

__all__ = [
    "BENCHMARK",
    "BacktestResult",
    "BacktestSettings",
    "FillModel",
    "ForecastStudy",
    "HorizonScores",
    "ImpliedDays",
    "ModelScores",
    "PriceBars",
    "held_reasons",
    "last_word",
    "read_implied",
    "read_price_bars",
    "run_backtest",
    "run_forecast_study",
    "study_mapping",
    "warm_up_seconds",
]
