"""Reads price bars and implied volatility from parquet or CSV, and refuses what would make a study a lie."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keeper.errors import ConfigError

Array = NDArray[np.float64]

DAY_SECONDS = 86_400
LONGEST_BAR_SECONDS = 4 * 3_600
_EDGES = ("open", "high", "low")
# Larger magnitudes cannot be a UNIX time of the coming millennia in the finer unit, so the unit is never ambiguous.
_EPOCH_UNITS = ((1e11, "s"), (1e14, "ms"), (1e17, "us"), (np.inf, "ns"))


@dataclass(frozen=True, slots=True)
class PriceBars:
    """Bars of equal length without holes; ``timestamps`` are those of their openings, UTC seconds.

    ``opens``, ``highs`` and ``lows`` are None where the file has only closes.
    """

    path: str
    name: str
    step_seconds: int
    timestamps: NDArray[np.int64]
    closes: Array
    opens: Array | None
    highs: Array | None
    lows: Array | None


@dataclass(frozen=True, slots=True)
class ImpliedDays:
    """Implied volatility per year at the end of UTC days (days since 1970)."""

    name: str
    sigma_by_day: dict[int, float]


def read_price_bars(path: Path) -> PriceBars:
    """The bars of a parquet or CSV file with ``timestamp`` and ``close``, and ``open``, ``high``, ``low`` if all there.

    Times may be dates, ISO 8601 text (UTC unless it says otherwise) or epoch seconds, ms, µs or ns.

    Raises:
        ConfigError: the file, its columns or a row cannot be used; names the file and the row, and the remedy.
    """
    table = _read(path)
    _need(table, ("timestamp", "close"), path)
    times = _times(table["timestamp"], path)
    step = _even_step(times, path)
    closes = _prices(table, "close", path)
    edges: dict[str, Array | None] = dict.fromkeys(_EDGES)
    if all(name in table for name in _EDGES):
        found = {name: _prices(table, name, path) for name in _EDGES}
        low, high = found["low"], found["high"]
        wrong = (low > np.minimum(found["open"], closes)) | (high < np.maximum(found["open"], closes))
        if wrong.any():
            raise _bad(path, int(np.argmax(wrong)), "open or close lies outside of low and high; mend or drop the row")
        edges.update(found)
    return PriceBars(str(path), path.stem, step, times, closes, edges["open"], edges["high"], edges["low"])


def read_implied(path: Path) -> ImpliedDays:
    """Daily implied volatility in per cent a year: ``date`` or ``timestamp``, and ``dvol_close`` or ``close``.

    Raises:
        ConfigError: as ``read_price_bars``.
    """
    table = _read(path)
    when = "date" if "date" in table else "timestamp"
    what = "dvol_close" if "dvol_close" in table else "close"
    _need(table, (when, what), path)
    days = _times(table[when], path) // DAY_SECONDS
    if len(np.unique(days)) != len(days):
        raise ConfigError("a day stands twice; give one value a day", path=str(path))
    sigmas = _prices(table, what, path) / 100
    if float(np.median(sigmas)) < 0.05:
        raise ConfigError(
            f"column {what} is to be in per cent a year (60, not 0.6); multiply it by 100", path=str(path)
        )
    return ImpliedDays(path.stem, {int(day): float(sigma) for day, sigma in zip(days, sigmas, strict=True)})


def _read(path: Path) -> Any:
    """A pandas table with lower-case column names."""
    pd = import_module("pandas")

    suffix = path.suffix.lower()
    if suffix not in (".parquet", ".csv"):
        raise ConfigError("a price file ends in .parquet or .csv", path=str(path))
    if not path.exists():
        raise ConfigError("cannot be read: no such file", path=str(path))
    try:
        table = pd.read_parquet(path) if suffix == ".parquet" else pd.read_csv(path)
    except ImportError as error:
        remedy = "reading parquet needs pyarrow (pip install pyarrow); or give a CSV"
        raise ConfigError(remedy, path=str(path)) from error
    except OSError as error:
        raise ConfigError(f"cannot be read: {(error.strerror or str(error)).lower()}", path=str(path)) from error
    except ValueError as error:  # pandas' and pyarrow's own errors are such
        raise ConfigError(f"cannot be read: {str(error).splitlines()[0][:200]}", path=str(path)) from error
    table.columns = [str(name).strip().lower() for name in table.columns]
    if len(table) == 0:
        raise ConfigError("has no rows", path=str(path))
    return table


def _need(table: Any, names: tuple[str, ...], path: Path) -> None:
    missing = [name for name in names if name not in table]
    if missing:
        found = ", ".join(table.columns) or "none"
        remedy = "separate the columns by commas" if ";" in found or "\t" in found else "rename your columns"
        raise ConfigError(f"column {' and '.join(missing)} missing (found: {found}); {remedy}", path=str(path))


def _times(column: Any, path: Path) -> NDArray[np.int64]:
    pd = import_module("pandas")

    if pd.api.types.is_numeric_dtype(column):
        numbers = column.to_numpy(dtype=float)
        _refuse(~(np.isfinite(numbers) & (numbers >= 0)), path, "timestamp is not a time; mend or drop the row")
        unit = next(unit for most, unit in _EPOCH_UNITS if float(numbers.max()) < most)
        stamps = pd.to_datetime(column, unit=unit, utc=True)
    else:
        stamps = pd.to_datetime(column, utc=True, errors="coerce", format=None if column.dtype != object else "ISO8601")
    _refuse(stamps.isna().to_numpy(), path, "timestamp is not a time; give ISO 8601 or epoch seconds")
    seconds = stamps.astype("datetime64[s, UTC]").astype("int64").to_numpy()
    later = np.diff(seconds)
    for wrong, what in ((later == 0, "stands twice; drop one"), (later < 0, "is out of order; sort the file by time")):
        if wrong.any():
            raise _bad(path, int(np.argmax(wrong)) + 1, f"the time {what}")
    return np.asarray(seconds, dtype=np.int64)


def _even_step(times: NDArray[np.int64], path: Path) -> int:
    if len(times) < 2:
        raise ConfigError("one row is no series of prices", path=str(path))
    steps = np.diff(times)
    step = int(np.median(steps))
    if step > LONGEST_BAR_SECONDS or DAY_SECONDS % step:
        raise ConfigError(
            f"bars of {step} s: the variance of a day needs bars of at most 4 h that divide a day evenly",
            path=str(path),
        )
    wrong = steps != step
    if wrong.any():
        place = int(np.argmax(wrong)) + 1
        raise _bad(path, place, f"comes {int(steps[place - 1])} s after the row before, not {step}; fill the gap")
    return step


def _prices(table: Any, name: str, path: Path) -> Array:
    pd = import_module("pandas")

    values: Array = pd.to_numeric(table[name], errors="coerce").to_numpy(dtype=float)
    _refuse(~(np.isfinite(values) & (values > 0)), path, f"{name} is not a positive number; mend or drop the row")
    return values


def _refuse(wrong: NDArray[np.bool_], path: Path, sentence: str) -> None:
    if wrong.any():
        raise _bad(path, int(np.argmax(wrong)), sentence)


def _bad(path: Path, row: int, sentence: str) -> ConfigError:
    """``row`` from 0; people count from 1."""
    return ConfigError(f"row {row + 1}: {sentence}", path=str(path))
