"""Studies of the past: how well volatility could have been forecast. The room's front door."""

from __future__ import annotations

from keeper.backtest.evaluate import OBJECTIVES, Evaluator
from keeper.backtest.forecasting import (
    BENCHMARK,
    ForecastStudy,
    HorizonScores,
    ModelScores,
    run_forecast_study,
    study_mapping,
)
from keeper.backtest.judging import Judged, judged_search, plan_search
from keeper.backtest.lookahead import Cut, LookaheadCheck, check_lookahead
from keeper.backtest.price_bars import ImpliedDays, PriceBars, read_implied, read_price_bars
from keeper.backtest.result import BacktestResult, FillModel
from keeper.backtest.run import run_backtest
from keeper.backtest.search_space import Dimension, parse_dimension
from keeper.backtest.settings import BacktestSettings
from keeper.backtest.telling import held_reasons, last_word, warm_up_seconds
from keeper.backtest.trials import TrialLog
from keeper.backtest.workers import Workers, dask_cluster, processes

__all__ = [
    "BENCHMARK",
    "OBJECTIVES",
    "BacktestResult",
    "BacktestSettings",
    "Cut",
    "Dimension",
    "Evaluator",
    "FillModel",
    "ForecastStudy",
    "HorizonScores",
    "ImpliedDays",
    "Judged",
    "LookaheadCheck",
    "ModelScores",
    "PriceBars",
    "TrialLog",
    "Workers",
    "check_lookahead",
    "dask_cluster",
    "held_reasons",
    "judged_search",
    "last_word",
    "parse_dimension",
    "plan_search",
    "processes",
    "read_implied",
    "read_price_bars",
    "run_backtest",
    "run_forecast_study",
    "study_mapping",
    "warm_up_seconds",
]
