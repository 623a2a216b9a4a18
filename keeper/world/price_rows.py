"""Rows of a price file, checked one by one: parquet or CSV with the columns ``timestamp`` and ``close``."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from keeper.errors import ConfigError

_SUFFIXES = (".parquet", ".csv")

# Larger magnitudes cannot be a UNIX time of the coming millennia in the finer unit, so the unit is never ambiguous.
_EPOCH_UNITS = ((1e11, 1), (1e14, 10**3), (1e17, 10**6), (math.inf, 10**9))


def price_rows(path: Path) -> Iterator[tuple[int, int, float]]:
    """(row as people count it, UNIX seconds, price), in the order of the file; each later than the one before.

    Times may be dates, ISO 8601 text (UTC unless it says otherwise) or epoch seconds, ms, µs or ns.

    Raises:
        ConfigError: the file, its columns or a row cannot be used; names the file and the row, and the remedy.
    """
    if path.suffix.lower() not in _SUFFIXES:
        raise ConfigError("a price file ends in .parquet or .csv", path=str(path))
    last = -1
    for row, when, close in _parquet_rows(path) if path.suffix.lower() == ".parquet" else _csv_rows(path):
        seconds, price = epoch_seconds(when, path, row), _price(close, path, row)
        if seconds <= last:
            raise ConfigError(f"row {row} is not later than the row before; sort rows by time", path=str(path))
        last = seconds
        yield row, seconds, price


def table_columns(path: Path) -> dict[str, list[Any]]:
    """Every column of a parquet or CSV file by its name, as it stands there. ConfigError: it cannot be read."""
    if path.suffix.lower() not in _SUFFIXES:
        raise ConfigError("such a file ends in .parquet or .csv", path=str(path))
    if path.suffix.lower() == ".csv":
        try:
            with path.open(encoding="utf-8-sig", newline="") as file:
                reader = csv.DictReader(file)
                rows = list(reader)
                return {name: [row[name] for row in rows] for name in reader.fieldnames or ()}
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise ConfigError(f"cannot be read: {_reason(error)}", path=str(path)) from error
    pa, pq = _pyarrow(path)
    try:
        table = pq.read_table(path)
        return {name: table.column(name).to_pylist() for name in table.column_names}
    except (OSError, pa.ArrowException) as error:
        raise ConfigError(f"cannot be read: {_reason(error)}", path=str(path)) from error


def _pyarrow(path: Path) -> tuple[Any, Any]:
    try:
        return import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError as error:
        raise ConfigError(
            "reading parquet needs pyarrow (pip install pyarrow); or give a CSV", path=str(path)
        ) from error


def _csv_rows(path: Path) -> Iterator[tuple[int, Any, Any]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            header = [name.strip().lower() for name in next(reader, [])]
            at = _columns(header, path)
            for row in reader:
                if not any(cell.strip() for cell in row):
                    continue
                if len(row) <= max(at):
                    raise ConfigError(f"row {reader.line_num} has too few columns", path=str(path))
                yield reader.line_num, row[at[0]].strip(), row[at[1]].strip()
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"cannot read prices: {_reason(error)}", path=str(path)) from error


def _parquet_rows(path: Path) -> Iterable[tuple[int, Any, Any]]:
    pa, pq = _pyarrow(path)
    try:
        names = {name.lower(): name for name in pq.read_schema(path).names}
        _columns(list(names), path)
        table = pq.read_table(path, columns=[names["timestamp"], names["close"]])
        times, closes = table.column(0), table.column(1)
        if pa.types.is_timestamp(times.type):  # as integers: a Python datetime cannot hold nanoseconds
            per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[times.type.unit]
            whole = [None if v is None else v / per_second for v in times.cast(pa.int64()).to_pylist()]
            return _numbered(whole, closes.to_pylist())
        return _numbered(times.to_pylist(), closes.to_pylist())
    except (OSError, pa.ArrowException) as error:
        raise ConfigError(f"cannot read prices: {_reason(error)}", path=str(path)) from error


def _numbered(times: list[Any], closes: list[Any]) -> Iterator[tuple[int, Any, Any]]:
    """``(row number from 1, time, close)``."""
    return ((i, t, c) for i, (t, c) in enumerate(zip(times, closes, strict=True), start=1))


def _columns(header: list[str], path: Path) -> tuple[int, int]:
    missing = [name for name in ("timestamp", "close") if name not in header]
    if missing:
        found = ", ".join(header) or "none"
        raise ConfigError(
            f"column {' and '.join(missing)} missing (found: {found}); rename your columns", path=str(path)
        )
    return header.index("timestamp"), header.index("close")


def epoch_seconds(value: Any, path: Path, line: int) -> int:
    """UNIX seconds of a cell that holds a time. ConfigError naming the row where it holds none."""
    try:
        number = float(value) if isinstance(value, str | int | float) else None
    except ValueError:
        number = None
    if number is not None and math.isfinite(number) and number >= 0:
        return round(number / next(unit for most, unit in _EPOCH_UNITS if number < most))
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
        return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    except ValueError as error:
        raise ConfigError(
            f"row {line}: {str(value)[:40]!r} is not a time; give ISO 8601 or epoch seconds", path=str(path)
        ) from error


def _price(value: Any, path: Path, line: int) -> float:
    try:
        price = float(value)
    except (TypeError, ValueError):
        price = math.nan
    if not (math.isfinite(price) and price > 0):
        raise ConfigError(
            f"row {line}: close {str(value)[:40]!r} is not a positive number; mend or drop the row", path=str(path)
        )
    return price


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    if isinstance(error, FileNotFoundError):  # pyarrow's says the path alone
        return "no such file"
    return str(error).splitlines()[0][:200]
