"""Decisions and figures in words, what a run earned and lost, and the page that shows it: the room's front door."""

from __future__ import annotations

from keeper.report.accounts import ProfitAndLoss, profit_and_loss
from keeper.report.backtest_page import render_backtest_page, write_backtest_page
from keeper.report.backtest_words import (
    BacktestPage,
    Cell,
    HeatMap,
    Lived,
    MethodRow,
    Methods,
    Searched,
    SearchWindow,
    Tone,
)
from keeper.report.display import MINUS, symbol, whole
from keeper.report.figures import (
    amount,
    base_token,
    distance_pct,
    duration,
    figure,
    number,
    price_at,
    price_now,
    price_range,
    quote_token,
    when,
)
from keeper.report.forecast_page import render_forecast_page, write_forecast_page
from keeper.report.page import render_page, write_page
from keeper.report.proposal_words import describe, describe_rejection
from keeper.report.reconciliation import Reconciliation, reconcile
from keeper.report.run import Act, Run
from keeper.report.summary import pnl_mapping, print_summary
from keeper.report.words import Paragraph, answer, explain, headline, lines, step_in_words

__all__ = [
    "MINUS",
    "Act",
    "BacktestPage",
    "Cell",
    "HeatMap",
    "Lived",
    "MethodRow",
    "Methods",
    "Paragraph",
    "ProfitAndLoss",
    "Reconciliation",
    "Run",
    "SearchWindow",
    "Searched",
    "Tone",
    "amount",
    "answer",
    "base_token",
    "describe",
    "describe_rejection",
    "distance_pct",
    "duration",
    "explain",
    "figure",
    "headline",
    "lines",
    "number",
    "pnl_mapping",
    "price_at",
    "price_now",
    "price_range",
    "print_summary",
    "profit_and_loss",
    "quote_token",
    "reconcile",
    "render_backtest_page",
    "render_forecast_page",
    "render_page",
    "step_in_words",
    "symbol",
    "when",
    "whole",
    "write_backtest_page",
    "write_forecast_page",
    "write_page",
]
