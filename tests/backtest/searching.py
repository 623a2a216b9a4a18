"""A made-up job for searches: the nearer `range.k` is to 2, the better its days."""

from __future__ import annotations

from random import Random

from keeper.backtest.optimize import Ran, Window
from keeper.backtest.trials import Score


def made_up(window: Window) -> Ran:
    value = window.values.get("range.k", 1.0)
    if value > 4.5:
        return Score(None, failure="the range is too wide for this pool"), 0.0
    random = Random(f"{window.from_timestamp} {value}")
    daily = tuple(random.gauss(0.01 - (value - 2) ** 2 * 0.02, 0.005) for _ in range(20))
    return Score(sum(daily), daily, {"hedged_alpha_apr_pct": sum(daily)}), 0.0


def fails(_window: Window) -> Ran:
    return Score(None, failure="no price is known"), 0.0


def dies(_window: Window) -> Ran:
    import os

    os._exit(9)
