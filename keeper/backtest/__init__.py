"""Studies of the past: how well volatility could have been forecast. The room's front door."""

from __future__ import annotations

from keeper.backtest.bootstrap import Scheme
from keeper.backtest.compare import Comparison, Contender, compare
from keeper.backtest.compare_page import write_comparison_page
from keeper.backtest.compare_table import comparison_mapping, csv_rows, table_lines
from keeper.backtest.compare_words import bootstrap_words, caveats, sentences
from keeper.backtest.forecasting import (
    BENCHMARK,
    ForecastStudy,
    HorizonScores,
    ModelScores,
    run_forecast_study,
    study_mapping,
)
from keeper.backtest.hourly_prices import hourly_prices
from keeper.backtest.methods import chosen
from keeper.backtest.metrics import DEFINITIONS
from keeper.backtest.price_bars import ImpliedDays, PriceBars, read_implied, read_price_bars
from keeper.backtest.regime_study import RegimeStudy, run_regime_study
from keeper.backtest.regime_study_tape import run_tape_study
from keeper.backtest.regime_words import regime_lines, regime_mapping
from keeper.backtest.result import BacktestResult, FillModel
from keeper.backtest.run import run_backtest
from keeper.backtest.settings import BacktestSettings
from keeper.backtest.telling import held_reasons, last_word, warm_up_seconds

__all__ = [
    "BENCHMARK",
    "DEFINITIONS",
    "BacktestResult",
    "BacktestSettings",
    "Comparison",
    "Contender",
    "FillModel",
    "ForecastStudy",
    "HorizonScores",
    "ImpliedDays",
    "ModelScores",
    "PriceBars",
    "RegimeStudy",
    "Scheme",
    "bootstrap_words",
    "caveats",
    "chosen",
    "compare",
    "comparison_mapping",
    "csv_rows",
    "held_reasons",
    "hourly_prices",
    "last_word",
    "read_implied",
    "read_price_bars",
    "regime_lines",
    "regime_mapping",
    "run_backtest",
    "run_forecast_study",
    "run_regime_study",
    "run_tape_study",
    "sentences",
    "study_mapping",
    "table_lines",
    "warm_up_seconds",
    "write_comparison_page",
]
