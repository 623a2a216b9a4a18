"""Hourly closes from a price file (parquet or CSV with the columns ``timestamp`` and ``close``), for training."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from keeper.errors import ConfigError
from keeper.world.price_rows import price_rows

HOUR_SECONDS = 3_600
MOST_FILLED_HOURS = 3


@dataclass(frozen=True, slots=True)
class HourlyPrices:
    """One close for each hour, without a hole. ``sha256`` is that of the file. ``hours``: UNIX seconds."""

    name: str
    sha256: str
    hours: tuple[int, ...]
    closes: tuple[float, ...]


def hourly_prices(path: Path) -> HourlyPrices:
    """The file's last close of each hour; holes of up to three hours are filled with the close before.

    ConfigError names the file, the row and the remedy.
    """
    hours, closes = _grid(price_rows(path), path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return HourlyPrices(path.name, digest, tuple(hours), tuple(closes))


def _grid(rows: Iterable[tuple[int, int, float]], path: Path) -> tuple[list[int], list[float]]:
    hours: list[int] = []
    closes: list[float] = []
    for row, seconds, price in rows:
        hour = seconds // HOUR_SECONDS * HOUR_SECONDS
        if hours and hour == hours[-1]:
            closes[-1] = price
            continue
        missed = (hour - hours[-1]) // HOUR_SECONDS - 1 if hours else 0
        if missed > MOST_FILLED_HOURS:
            raise ConfigError(
                f"row {row} comes {missed + 1} h after the row before; fill the hole, or give one side of it",
                path=str(path),
            )
        for _ in range(missed):
            hours.append(hours[-1] + HOUR_SECONDS)
            closes.append(closes[-1])
        hours.append(hour)
        closes.append(price)
    return hours, closes
