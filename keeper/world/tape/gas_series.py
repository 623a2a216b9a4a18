"""What gas costs in the time of a tape: from a file, one figure for all the time, or the chain's plain default."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, Protocol

from keeper.errors import ConfigError
from keeper.world.price_rows import epoch_seconds, table_columns

GWEI: Final = 10**9
_TIP_SHARE: Final = 20  # one part of so many of a gas price is taken for its tip
_WEI_COLUMNS: Final = ("avg_gas_price_wei", "gas_price_wei")
_GWEI_COLUMNS: Final = ("gas_price_gwei", "gas_price", "gwei")
_TIME_COLUMNS: Final = ("unixtimestamp", "timestamp", "block_timestamp", "time", "day", "date")
_COIN_COLUMNS: Final = ("close", "ether_price_usd", "price")

# Base fee and tip in gwei: round figures of an ordinary day, for want of better; every report names them.
DEFAULT_GWEI: Final[dict[int, tuple[str, str]]] = {
    1: ("20", "1"),
    10: ("0.01", "0.001"),
    56: ("1", "0"),
    137: ("60", "30"),
    8453: ("0.01", "0.001"),
    42161: ("0.02", "0"),
    31337: ("2", "0.1"),
}


@dataclass(frozen=True, slots=True)
class GasPrice:
    """Wei per gas."""

    base_fee_wei: int
    priority_fee_wei: int


class GasSeries(Protocol):
    """``words`` say where the figures come from."""

    @property
    def words(self) -> str: ...

    def at(self, timestamp: int) -> GasPrice:
        """As it was known at that moment (UNIX seconds)."""
        ...


@dataclass(frozen=True, slots=True)
class ConstantGas:
    """One figure for all the time."""

    price: GasPrice
    words: str

    def at(self, timestamp: int) -> GasPrice:  # noqa: ARG002
        """The figure."""
        return self.price


@dataclass(frozen=True, slots=True)
class Steps:
    """A figure for each step of time. A step counts from its end on: a day's mean is known when the day is over."""

    starts: tuple[int, ...]
    values: tuple[Any, ...]
    step_seconds: int
    path: Path

    def at(self, timestamp: int) -> Any:
        """The newest step that is over; at the very beginning the first. ConfigError: the file does not reach there."""
        at = bisect_right(self.starts, timestamp - self.step_seconds) - 1
        if at < 0 and self.starts[0] <= timestamp:
            return self.values[0]
        if at < 0 or timestamp - self.starts[at] >= 3 * self.step_seconds:
            raise ConfigError(
                "it says nothing of the time of the tape; give a file that covers it, or one figure for all the time",
                path=str(self.path),
            )
        return self.values[at]


@dataclass(frozen=True, slots=True)
class FileGas:
    """Gas prices of a file, step by step."""

    steps: Steps
    words: str

    def at(self, timestamp: int) -> GasPrice:
        """ConfigError: the file does not reach there."""
        price: GasPrice = self.steps.at(timestamp)
        return price


def split(wei: int) -> GasPrice:
    """A whole gas price as base fee and tip."""
    tip = wei // _TIP_SHARE
    return GasPrice(wei - tip, tip)


def constant_gas(gwei: Decimal) -> ConstantGas:
    """One gas price, base fee and tip together."""
    return ConstantGas(split(int(gwei * GWEI)), f"{gwei.normalize():f} gwei all the time, as given")


def default_gas(chain_id: int | None) -> ConstantGas:
    """The chain's plain default. ConfigError where there is none."""
    known = DEFAULT_GWEI.get(chain_id or 0)
    if known is None:
        raise ConfigError(
            f"it is not known what gas costs on chain {'?' if chain_id is None else chain_id}: give --gas FILE or "
            "--gas-gwei X"
        )
    base, tip = (int(Decimal(each) * GWEI) for each in known)
    words = f"{known[0]} gwei and a tip of {known[1]} all the time: the chain's plain default, not what was paid then"
    return ConstantGas(GasPrice(base, tip), words)


def read_gas(path: Path) -> FileGas:
    """A file of gas prices, parquet or CSV: a time column, and wei or gwei by the column's name.

    Raises:
        ConfigError: the file, its columns or a row cannot be used.
    """
    times, values, column = _read(path, (*_WEI_COLUMNS, *_GWEI_COLUMNS), "a gas price in wei or gwei")
    unit = 1 if column in _WEI_COLUMNS else GWEI
    prices = tuple(split(int(_positive(value, path, row) * unit)) for row, value in enumerate(values, start=1))
    return FileGas(_steps(times, prices, path), f"{path.name}, column {column}")


def read_coin_prices(path: Path) -> Steps:
    """A file of prices of the native coin in the quote token, as ``read_gas``; its values are Decimals."""
    times, values, _ = _read(path, _COIN_COLUMNS, "a price")
    prices = [Decimal(repr(_positive(value, path, row))) for row, value in enumerate(values, start=1)]
    return _steps(times, tuple(prices), path)


def _read(path: Path, wanted: Sequence[str], what: str) -> tuple[list[int], list[Any], str]:
    columns = table_columns(path)
    names = {name.lower(): name for name in columns}
    time = next((names[name] for name in _TIME_COLUMNS if name in names), None)
    value = next((name for name in wanted if name in names), None)
    if time is None or value is None:
        lacking, choice = ("a time", _TIME_COLUMNS) if time is None else (what, wanted)
        raise ConfigError(
            f"no column holds {lacking} ({' or '.join(choice)}); found: {', '.join(columns) or 'none'}", path=str(path)
        )
    times = [epoch_seconds(each, path, row) for row, each in enumerate(columns[time], start=1)]
    return times, columns[names[value]], value


def _steps(times: Sequence[int], values: tuple[Any, ...], path: Path) -> Steps:
    if len(times) < 2:
        raise ConfigError("it has fewer than two rows; give one figure for all the time instead", path=str(path))
    gaps = [later - earlier for earlier, later in pairwise(times)]
    if min(gaps) <= 0:
        raise ConfigError(f"row {gaps.index(min(gaps)) + 2} is not later than the row before", path=str(path))
    return Steps(tuple(times), values, sorted(gaps)[len(gaps) // 2], path)


def _positive(value: Any, path: Path, row: int) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not (math.isfinite(number) and number >= 0):
        raise ConfigError(f"row {row}: {str(value)[:40]!r} is not a price; mend or drop the row", path=str(path))
    return number
