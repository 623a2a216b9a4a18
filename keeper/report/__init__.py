"""What a run earned and lost, and the page that shows it. This is the room's front door."""

from __future__ import annotations

from keeper.report.accounts import ProfitAndLoss, profit_and_loss
from keeper.report.page import render_page, write_page
from keeper.report.reconciliation import Reconciliation, reconcile
from keeper.report.run import Act, Run
from keeper.report.summary import pnl_mapping, print_summary

__all__ = [
    "Act",
    "ProfitAndLoss",
    "Reconciliation",
    "Run",
    "pnl_mapping",
    "print_summary",
    "profit_and_loss",
    "reconcile",
    "render_page",
    "write_page",
]
