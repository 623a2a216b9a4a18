"""One run of a search: a backtest of the strategy with other values on a part of the tape, and what it was worth."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Final, Literal

from keeper.assembly_settings import varied
from keeper.backtest.metrics import DAYS_PER_YEAR, Daily, Metrics, daily, deposited_return, metrics, steps_of
from keeper.backtest.optimize import Ran, Window
from keeper.backtest.run import run_backtest
from keeper.backtest.settings import BacktestSettings
from keeper.backtest.trials import Score
from keeper.errors import KeeperError

Objective = Literal["alpha", "total", "sharpe"]

OBJECTIVES: Final[Mapping[str, str]] = {
    "alpha": "hedged alpha APR: fees less LVR less costs, per cent of the worth a year",
    "total": "total APR: growth of the worth in quote, per cent a year, the price's direction in it",
    "sharpe": "Sharpe ratio of the daily growth of the worth",
}


@dataclass(frozen=True, slots=True)
class Evaluator:
    """Runs windows of one backtest; it can be sent to other processes and machines."""

    backtest: BacktestSettings
    objective: Objective

    def __call__(self, window: Window) -> Ran:
        began = time.monotonic()
        try:
            score = self._score(window)
        except KeeperError as error:  # values that the strategy cannot have, a part of the tape with nothing in it
            score = Score(None, failure=str(error))
        return score, round(time.monotonic() - began, 3)

    def _score(self, window: Window) -> Score:
        settings = replace(
            self.backtest,
            strategy=varied(self.backtest.strategy, window.values),
            from_timestamp=window.from_timestamp,
            to_timestamp=window.to_timestamp,
            journal=None,
        )
        result = run_backtest(settings)
        observations = result.run.observations
        steps = steps_of(observations, result.series)
        return scored(self.objective, metrics(steps, *deposited_return(observations)), daily(steps))


def scored(objective: Objective, figures: Metrics, days: Daily) -> Score:
    """The score of a run. A search compares windows of equal length, so a rate per year of a few days is no claim."""
    to_year = DAYS_PER_YEAR / figures.days if figures.days else 0.0
    values: Mapping[Objective, float | None] = {
        "alpha": figures.alpha_pct * to_year,
        "total": figures.total_pct * to_year,
        "sharpe": figures.sharpe,
    }
    value = values[objective]
    failure = "" if value is not None else "the worth never moved, or the window has too few whole days"
    series = days.alphas if objective == "alpha" else days.log_returns
    return Score(value, series, asdict(figures), failure)
