"""A made-up price file: volatility that reverts to its mean from day to day, bars of two hours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

BARS_PER_DAY = 12
START = pd.Timestamp("2022-01-01", tz="UTC")


def table(days: int = 500, seed: int = 1, inner: int = 30) -> pd.DataFrame:
    chance = np.random.default_rng(seed)
    logs = np.zeros(days)
    for day in range(1, days):
        logs[day] = 0.95 * logs[day - 1] + 0.12 * chance.normal()
    logs += 0.4 * chance.normal(size=days)  # what no model can know the day before
    sigma = 0.03 * np.exp(np.repeat(logs, BARS_PER_DAY)) / np.sqrt(BARS_PER_DAY * inner)
    moves = chance.normal(size=(days * BARS_PER_DAY, inner)) * sigma[:, None]
    path = 2_000 * np.exp(np.cumsum(moves.ravel())).reshape(moves.shape)
    opens = np.concatenate(([2_000.0], path[:-1, -1]))
    return pd.DataFrame(
        {
            "timestamp": pd.date_range(START, periods=len(path), freq="2h"),
            "open": opens,
            "high": np.maximum(path.max(axis=1), opens),
            "low": np.minimum(path.min(axis=1), opens),
            "close": path[:, -1],
        }
    )


def written(folder: Path, rows: pd.DataFrame, name: str = "made.csv") -> Path:
    file = folder / name
    if file.suffix == ".csv":
        rows.to_csv(file, index=False)
    else:
        rows.to_parquet(file)
    return file
