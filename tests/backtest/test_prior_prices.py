"""Prices of the time before a tape: the close of a bar is known when the bar is over, not at its stamp."""

from __future__ import annotations

from pathlib import Path

import pytest

from keeper.backtest.prior_prices import prior_samples
from keeper.errors import ConfigError
from keeper.model.price import Price
from tests.world.tape.market_tapes import POOL, START

HALF_HOUR = 1_800


def prices(folder: Path, first: int, count: int) -> Path:
    """Half hours; each close says which it was."""
    path = folder / "prices.csv"
    rows = "".join(f"{first + HALF_HOUR * at},{1_000 + at}\n" for at in range(count))
    path.write_text(f"timestamp,close\n{rows}")
    return path


def test_nothing_of_it_is_later_than_the_tapes_beginning(tmp_path: Path) -> None:
    begin = START + 10 * 3_600
    found = prior_samples(prices(tmp_path, START, 100), POOL, True, begin)
    assert [each.timestamp for each in found] == [START + 3_600 * hour for hour in range(1, 11)]
    closes = [
        1 / Price.from_sqrt_price_x96(each.sqrt_price_x96, POOL.token0, POOL.token1).to_decimal() for each in found
    ]
    # The last half hour that was over is the one that began half an hour before.
    assert [round(each) for each in closes] == [1_001 + 2 * hour for hour in range(10)]
    assert all(each.bar is None for each in found)


def test_a_file_that_ends_long_before_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="do not reach to where the tape begins"):
        prior_samples(prices(tmp_path, START, 10), POOL, True, START + 3 * 86_400)
