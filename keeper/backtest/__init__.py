"""Studies of the past: how well volatility could have been forecast. The room's front door.

What is asked for is imported when it is asked for: a backtest need not wait for the studies beside it.
(So nothing here may bear the name of a module of this room.)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keeper.backtest.bootstrap import Scheme
    from keeper.backtest.compare import Comparison, Contender
    from keeper.backtest.compare_page import comparison_page
    from keeper.backtest.compare_table import comparison_mapping, csv_rows, table_lines
    from keeper.backtest.compare_words import bootstrap_words, caveats, sentences
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
    from keeper.backtest.methods import chosen
    from keeper.backtest.metrics import DEFINITIONS, Metrics
    from keeper.backtest.price_bars import ImpliedDays, PriceBars, read_implied, read_price_bars
    from keeper.backtest.regime_study import RegimeStudy, run_regime_study
    from keeper.backtest.regime_study_tape import run_tape_study
    from keeper.backtest.regime_words import regime_lines, regime_mapping
    from keeper.backtest.result import BacktestResult, FillModel
    from keeper.backtest.result_page import backtest_page
    from keeper.backtest.run import run_backtest
    from keeper.backtest.search_page import search_page
    from keeper.backtest.search_space import Dimension, parse_dimension
    from keeper.backtest.settings import BacktestSettings
    from keeper.backtest.telling import held_reasons, last_word, metrics_of, warm_up_seconds
    from keeper.backtest.trials import TrialLog
    from keeper.backtest.workers import Workers, dask_cluster, processes

_PLACES = {
    "bootstrap": ("Scheme",),
    "compare": ("Comparison", "Contender"),
    "compare_page": ("comparison_page",),
    "compare_table": ("comparison_mapping", "csv_rows", "table_lines"),
    "compare_words": ("bootstrap_words", "caveats", "sentences"),
    "evaluate": ("Evaluator", "OBJECTIVES"),
    "forecasting": (
        "BENCHMARK",
        "ForecastStudy",
        "HorizonScores",
        "ModelScores",
        "run_forecast_study",
        "study_mapping",
    ),
    "judging": ("Judged", "judged_search", "plan_search"),
    "lookahead": ("Cut", "LookaheadCheck", "check_lookahead"),
    "methods": ("chosen",),
    "metrics": ("DEFINITIONS", "Metrics"),
    "price_bars": ("ImpliedDays", "PriceBars", "read_implied", "read_price_bars"),
    "regime_study": ("RegimeStudy", "run_regime_study"),
    "regime_study_tape": ("run_tape_study",),
    "regime_words": ("regime_lines", "regime_mapping"),
    "result": ("BacktestResult", "FillModel"),
    "result_page": ("backtest_page",),
    "run": ("run_backtest",),
    "search_page": ("search_page",),
    "search_space": ("Dimension", "parse_dimension"),
    "settings": ("BacktestSettings",),
    "telling": ("held_reasons", "last_word", "metrics_of", "warm_up_seconds"),
    "trials": ("TrialLog",),
    "workers": ("Workers", "dask_cluster", "processes"),
}
_HOMES = {name: module for module, names in _PLACES.items() for name in names}

__all__ = [
    "BENCHMARK",
    "DEFINITIONS",
    "OBJECTIVES",
    "BacktestResult",
    "BacktestSettings",
    "Comparison",
    "Contender",
    "Cut",
    "Dimension",
    "Evaluator",
    "FillModel",
    "ForecastStudy",
    "HorizonScores",
    "ImpliedDays",
    "Judged",
    "LookaheadCheck",
    "Metrics",
    "ModelScores",
    "PriceBars",
    "RegimeStudy",
    "Scheme",
    "TrialLog",
    "Workers",
    "backtest_page",
    "bootstrap_words",
    "caveats",
    "check_lookahead",
    "chosen",
    "comparison_mapping",
    "comparison_page",
    "csv_rows",
    "dask_cluster",
    "held_reasons",
    "judged_search",
    "last_word",
    "metrics_of",
    "parse_dimension",
    "plan_search",
    "processes",
    "read_implied",
    "read_price_bars",
    "regime_lines",
    "regime_mapping",
    "run_backtest",
    "run_forecast_study",
    "run_regime_study",
    "run_tape_study",
    "search_page",
    "sentences",
    "study_mapping",
    "table_lines",
    "warm_up_seconds",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
