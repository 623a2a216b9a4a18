"""What gas costs in the time of a tape, from every kind of file, and what is wrong with others."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from keeper.errors import ConfigError
from keeper.world.tape.gas_series import GasPrice, constant_gas, default_gas, read_coin_prices, read_gas
from tests.shared_data import shared_file

GWEI, DAY = 10**9, 86_400
MIDNIGHT = 1_704_067_200


def written(folder: Path, text: str) -> Path:
    file = folder / "gas.csv"
    file.write_text(text)
    return file


def test_a_row_counts_from_its_end_on(tmp_path: Path) -> None:
    """A day's mean is known when the day is over: until then it is that of the day before."""
    rows = "".join(f"2024-01-0{day},{day * 20}\n" for day in (1, 2, 3))
    found = read_gas(written(tmp_path, "day,gas_price_gwei\n" + rows))
    prices = [found.at(MIDNIGHT + hours * 3_600) for hours in (24, 47, 48, 95)]
    assert prices == [GasPrice(each * GWEI - each * GWEI // 20, each * GWEI // 20) for each in (20, 20, 40, 60)]
    assert found.at(MIDNIGHT) == prices[0]  # the first day has none before it
    assert found.words == "gas.csv, column gas_price_gwei"


def test_beyond_its_rows_a_file_says_nothing(tmp_path: Path) -> None:
    found = read_gas(written(tmp_path, f"timestamp,gwei\n{MIDNIGHT},20\n{MIDNIGHT + 60},21\n"))
    for moment in (MIDNIGHT - 1, MIDNIGHT + 600):
        with pytest.raises(ConfigError, match=r"gas\.csv: it says nothing of the time of the tape"):
            found.at(moment)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "timestamp,price_of_gas\n1,2\n",
            "no column holds a gas price in wei or gwei .*found: timestamp, price_of_gas",
        ),
        ("when,gwei\n1,2\n", "no column holds a time"),
        ("timestamp,gwei\n1,2\n", "fewer than two rows"),
        ("timestamp,gwei\n100,2\n50,2\n", "row 2 is not later than the row before"),
        ("timestamp,gwei\n1,2\n2,-1\n", "row 2: '-1' is not a price"),
        ("timestamp,gwei\n1,2\nnever,1\n", "row 2: 'never' is not a time"),
    ],
)
def test_what_no_gas_prices_are_made_of(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        read_gas(written(tmp_path, text))


def test_the_shared_files() -> None:
    """Daily means in wei with the coin's price beside them, and minutes in gwei."""
    daily = shared_file("gas/ethereum_avg_gas_price_daily_2015_2026.parquet")
    price = read_gas(daily).at(MIDNIGHT + 5 * DAY)
    assert 5 * GWEI < price.base_fee_wei + price.priority_fee_wei < 200 * GWEI
    assert Decimal(1_500) < read_coin_prices(daily).at(MIDNIGHT) < Decimal(3_500)
    minutes = read_gas(shared_file("gas/polygon_gas_price_minute_gwei_202308.parquet")).at(1_692_000_000)
    assert 20 * GWEI < minutes.base_fee_wei + minutes.priority_fee_wei < 500 * GWEI


def test_figures_that_are_given_or_the_chains_own() -> None:
    assert constant_gas(Decimal("30.5")).at(0) == GasPrice(28_975_000_000, 1_525_000_000)
    assert default_gas(1).at(0) == GasPrice(20 * GWEI, GWEI)
    assert "plain default" in default_gas(137).words
    for unknown in (None, 777):
        with pytest.raises(ConfigError, match="give --gas FILE or --gas-gwei X"):
            default_gas(unknown)
