"""The walk-forward study of volatility forecasts: every model judged on days that it had not seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from keeper.backtest.price_bars import DAY_SECONDS, ImpliedDays, PriceBars
from keeper.backtest.price_days import price_days
from keeper.backtest.volatility_scores import (
    CONFIDENCE,
    MincerZarnowitz,
    diebold_mariano,
    hac_lags,
    mincer_zarnowitz,
    model_confidence_set,
)
from keeper.backtest.walk_forward import TRAINING_DAYS, Progress, Walk, walk_forward
from keeper.errors import ConfigError
from keeper.policy.volatility.realized import Array
from keeper.policy.volatility.scores import qlike

BENCHMARK = "EWMA3"
FEWEST_JUDGED_DAYS = 60
# A model that is silent on more of the days than this is left out; the others are judged on the days all spoke.
_MOST_SILENT = 0.1
DAYS_PER_YEAR = 365


@dataclass(frozen=True, slots=True)
class ModelScores:
    """How one model did. The Mincer-Zarnowitz regression is of variances per year."""

    model: str
    qlike: float
    mincer_zarnowitz: MincerZarnowitz
    diebold_mariano_t: float
    confidence_p: float

    @property
    def in_confidence_set(self) -> bool:
        return self.confidence_p >= 1 - CONFIDENCE


@dataclass(frozen=True, slots=True)
class HorizonScores:
    """Models at one horizon, best first; on each judged day (timestamp of its end) what came and what was said, as
    volatility per year. ``left_out``: models that were silent too often."""

    horizon_days: int
    models: tuple[ModelScores, ...]
    timestamps: tuple[int, ...]
    realized_sigma: tuple[float, ...]
    forecast_sigma: Mapping[str, tuple[float, ...]]
    left_out: tuple[str, ...]

    @property
    def days(self) -> int:
        return len(self.timestamps)


@dataclass(frozen=True, slots=True)
class ForecastStudy:
    """The whole study of one price file."""

    name: str
    step_seconds: int
    days: int
    horizons: tuple[HorizonScores, ...]


def run_forecast_study(
    prices: PriceBars,
    horizons: tuple[int, ...],
    implied: ImpliedDays | None = None,
    progress: Progress = lambda _done, _what: None,
) -> ForecastStudy:
    """Scores every model at every horizon (days). The first year only trains.

    ConfigError: too few days, or none for which the implied volatility is known.
    """
    past = price_days(prices, implied)
    needed = TRAINING_DAYS + FEWEST_JUDGED_DAYS + max(horizons)
    if len(past) < needed:
        raise ConfigError(
            f"{len(past)} whole days of prices, and {needed} are needed; give a longer file", path=prices.path
        )
    walks = walk_forward(past, horizons, progress)
    progress(0.95, "scores")
    ends = (past.days + 1) * DAY_SECONDS
    return ForecastStudy(prices.name, prices.step_seconds, len(past), tuple(_scores(walk, ends) for walk in walks))


def _scores(walk: Walk, ends: np.ndarray) -> HorizonScores:
    judged = np.isfinite(walk.targets) & (np.arange(len(ends)) >= TRAINING_DAYS)
    # Quotes may cover a part of the file only, and then decide which days are judged; other silence is a failure.
    if "implied" in walk.forecasts:
        judged &= np.isfinite(walk.forecasts["implied"])
    if judged.sum() < FEWEST_JUDGED_DAYS:
        raise ConfigError(f"only {judged.sum()} days after the first year can be judged; give longer files")
    speaking = {name: np.isfinite(values) for name, values in walk.forecasts.items()}
    models = [name for name, said in speaking.items() if np.mean(said[judged]) >= 1 - _MOST_SILENT]
    for name in models:
        judged &= speaking[name]
    realized = walk.targets[judged]
    said = {name: walk.forecasts[name][judged] for name in models}
    losses = {name: qlike(realized, values) for name, values in said.items()}
    chances = model_confidence_set(losses, walk.horizon_days)
    lags = hac_lags(walk.horizon_days)
    rows = [
        ModelScores(
            name,
            float(losses[name].mean()),
            mincer_zarnowitz(realized * DAYS_PER_YEAR, said[name] * DAYS_PER_YEAR, lags),
            diebold_mariano(losses[name], losses[BENCHMARK], lags),
            chances[name],
        )
        for name in models
    ]
    return HorizonScores(
        walk.horizon_days,
        tuple(sorted(rows, key=lambda row: row.qlike)),
        tuple(int(end) for end in ends[judged]),
        _sigmas(realized),
        {name: _sigmas(values) for name, values in said.items()},
        tuple(name for name in walk.forecasts if name not in models),
    )


def _sigmas(variances: Array) -> tuple[float, ...]:
    return tuple(float(value) for value in np.sqrt(variances * DAYS_PER_YEAR))


def study_mapping(study: ForecastStudy) -> dict[str, Any]:
    """For machines: everything but the days."""
    return {
        "prices": study.name,
        "bar_seconds": study.step_seconds,
        "days": study.days,
        "benchmark": BENCHMARK,
        "horizons": [
            {
                "horizon_days": scores.horizon_days,
                "judged_days": scores.days,
                "left_out": list(scores.left_out),
                "models": [_model_mapping(row) for row in scores.models],
            }
            for scores in study.horizons
        ],
    }


def _model_mapping(row: ModelScores) -> dict[str, Any]:
    regression = row.mincer_zarnowitz
    return {
        "model": row.model,
        "qlike": row.qlike,
        "mz_alpha": regression.alpha,
        "mz_alpha_error": regression.alpha_error,
        "mz_beta": regression.beta,
        "mz_beta_error": regression.beta_error,
        "mz_r_squared": regression.r_squared,
        "dm_t": row.diebold_mariano_t,
        "mcs_p": row.confidence_p,
        "in_mcs": row.in_confidence_set,
    }
