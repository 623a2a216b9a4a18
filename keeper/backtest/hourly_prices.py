"""Hourly closes from a price file (parquet or CSV with the columns ``timestamp`` and ``close``), for training."""

from __future__ import annotations

import csv
import hashlib
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from keeper.errors import ConfigError

HOUR_SECONDS = 3_600
MOST_FILLED_HOURS = 3
# Larger magnitudes cannot be a UNIX time of the coming millennia in the finer unit, so the unit is never ambiguous.
_EPOCH_UNITS = ((1e11, 1), (1e14, 10**3), (1e17, 10**6), (math.inf, 10**9))


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
    if path.suffix.lower() not in (".parquet", ".csv"):
        raise ConfigError("a price file ends in .parquet or .csv", path=str(path))
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        rows = _parquet(path) if path.suffix.lower() == ".parquet" else _csv(path)
        hours, closes = _grid(rows, path)
    except OSError as error:
        raise ConfigError(f"cannot be read: {(error.strerror or str(error)).lower()}", path=str(path)) from error
    return HourlyPrices(path.name, digest, tuple(hours), tuple(closes))


def _grid(rows: Iterable[tuple[int, Any, Any]], path: Path) -> tuple[list[int], list[float]]:
    hours: list[int] = []
    closes: list[float] = []
    last = -1
    for row, when, close in rows:
        seconds, price = _seconds(when, path, row), _price(close, path, row)
        if seconds <= last:
            raise ConfigError(f"row {row} is not later than the row before; sort rows by time", path=str(path))
        last, hour = seconds, seconds // HOUR_SECONDS * HOUR_SECONDS
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


def _csv(path: Path) -> Iterator[tuple[int, Any, Any]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            names = [name.strip().lower() for name in next(reader, [])]
            at = _columns(names, path)
            for row in reader:
                if not any(cell.strip() for cell in row):
                    continue
                if len(row) <= max(at):
                    raise ConfigError(f"row {reader.line_num} has too few columns", path=str(path))
                yield reader.line_num, row[at[0]].strip(), row[at[1]].strip()
    except (UnicodeDecodeError, csv.Error) as error:
        raise ConfigError("is not a CSV file in UTF-8", path=str(path)) from error


def _parquet(path: Path) -> Iterable[tuple[int, Any, Any]]:
    try:
        pa, pq = import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError as error:
        sentence = "reading parquet needs pyarrow: pip install 'range-keeper[parquet]'; or give a CSV"
        raise ConfigError(sentence, path=str(path)) from error
    try:
        names = {name.lower(): name for name in pq.read_schema(path).names}
        _columns(list(names), path)
        table = pq.read_table(path, columns=[names["timestamp"], names["close"]])
    except pa.ArrowException as error:
        raise ConfigError(f"is not a parquet file: {str(error).splitlines()[0][:200]}", path=str(path)) from error
    times, closes = table.column(0), table.column(1).to_pylist()
    if pa.types.is_timestamp(times.type):  # as integers: a Python datetime cannot hold nanoseconds
        unit = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[times.type.unit]
        stamps: list[Any] = [None if v is None else v // unit for v in times.cast(pa.int64()).to_pylist()]
    else:
        stamps = times.to_pylist()
    return ((row, when, close) for row, (when, close) in enumerate(zip(stamps, closes, strict=True), start=1))


def _columns(names: list[str], path: Path) -> tuple[int, int]:
    missing = [name for name in ("timestamp", "close") if name not in names]
    if missing:
        sentence = f"column {' and '.join(missing)} missing (found: {', '.join(names) or 'none'}); rename your columns"
        raise ConfigError(sentence, path=str(path))
    return names.index("timestamp"), names.index("close")


def _seconds(value: Any, path: Path, row: int) -> int:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if math.isfinite(number) and number >= 0:
        return int(number / next(unit for most, unit in _EPOCH_UNITS if number < most))
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    except ValueError as error:
        sentence = f"row {row}: {str(value)[:40]!r} is not a time; give ISO 8601 or epoch seconds"
        raise ConfigError(sentence, path=str(path)) from error


def _price(value: Any, path: Path, row: int) -> float:
    try:
        price = float(value)
    except (TypeError, ValueError):
        price = math.nan
    if not (math.isfinite(price) and price > 0):
        sentence = f"row {row}: close {str(value)[:40]!r} is not a positive number; mend or drop the row"
        raise ConfigError(sentence, path=str(path))
    return price
