"""Reads a price path from a parquet or CSV file with the columns ``timestamp`` and ``close``."""

from __future__ import annotations

from pathlib import Path

from keeper.chainlab.paths import PricePath
from keeper.errors import ConfigError
from keeper.world.price_rows import price_rows

DAY_SECONDS = 86_400
LONGEST_GAP_SECONDS = DAY_SECONDS


def from_file(path: Path, *, days: float, start_seconds: int | None = None) -> PricePath:
    """The first ``days`` of the file (from ``start_seconds`` on, where given).

    Times may be dates, ISO 8601 text (UTC unless it says otherwise) or epoch seconds, ms, µs or ns. Rows must be in
    order, without a hole of more than a day.

    Raises:
        ConfigError: the file, its columns or a row cannot be used; names the file and the row, and the remedy.
    """
    times: list[int] = []
    prices: list[float] = []
    for line, seconds, price in price_rows(path):
        if start_seconds is not None and seconds < start_seconds:
            continue
        if times and seconds - times[-1] > LONGEST_GAP_SECONDS:
            hours = (seconds - times[-1]) / 3600
            raise ConfigError(
                f"row {line} comes {hours:.0f} h after the row before; fill the gap, or start after it", path=str(path)
            )
        times.append(seconds)
        prices.append(price)
        if seconds - times[0] >= days * DAY_SECONDS:
            return PricePath(tuple(times), tuple(prices))
    held = (times[-1] - times[0]) / DAY_SECONDS if times else 0.0
    raise ConfigError(
        f"{len(times)} usable rows cover {held:.1f} days, and {days:g} are needed (warm-up included); "
        "ask for fewer days or give a longer file",
        path=str(path),
    )
