"""What gas cost, as far as it was known at the time: a step counts when it is over, never before."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from keeper.errors import ConfigError
from keeper.world.tape.gas_series import GasPrice, constant_gas, read_coin_prices, read_gas

DAY = 86_400
FIRST = 1_640_995_200  # 2022-01-01


def file(folder: Path, text: str) -> Path:
    path = folder / "gas.csv"
    path.write_text(text)
    return path


def test_a_days_mean_is_known_when_the_day_is_over(tmp_path: Path) -> None:
    rows = "".join(f"{FIRST + DAY * day},{(day + 1) * 20}\n" for day in range(3))
    gas = read_gas(file(tmp_path, f"timestamp,gas_price_gwei\n{rows}"))

    def at(timestamp: int) -> int:
        price = gas.at(timestamp)
        assert price.priority_fee_wei == (price.base_fee_wei + price.priority_fee_wei) // 20
        return (price.base_fee_wei + price.priority_fee_wei) // 10**9

    assert at(FIRST) == at(FIRST + DAY - 1) == 20, "before the first is over there is nothing better"
    assert at(FIRST + DAY) == at(FIRST + 2 * DAY - 1) == 20
    assert at(FIRST + 2 * DAY - 1) == 20 and at(FIRST + 2 * DAY) == 40
    assert at(FIRST + 3 * DAY) == 60
    for outside in (FIRST - 1, FIRST + 5 * DAY):
        with pytest.raises(ConfigError, match="says nothing of the time of the tape"):
            gas.at(outside)


def test_the_price_of_the_coin_likewise(tmp_path: Path) -> None:
    coin = read_coin_prices(file(tmp_path, "date,close\n2022-01-01,0.8\n2022-01-02,1.6\n2022-01-03,2.4\n"))
    assert coin.at(FIRST + 2 * DAY - 1) == Decimal("0.8") and coin.at(FIRST + 2 * DAY) == Decimal("1.6")


def test_wei_and_gwei_and_one_figure(tmp_path: Path) -> None:
    wei = read_gas(file(tmp_path, f"timestamp,gas_price_wei\n{FIRST},40000000000\n{FIRST + DAY},1\n"))
    assert wei.at(FIRST) == constant_gas(Decimal(40)).at(FIRST) == GasPrice(38 * 10**9, 2 * 10**9)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("timestamp,gas_price_gwei\n1,1\n", "fewer than two rows"),
        ("timestamp,gas_price_gwei\n86400,1\n0,2\n", "row 2 is not later"),
        ("timestamp,gas_price_gwei\n0,1\n86400,nan\n", "row 2: 'nan' is not a price"),
        ("timestamp,gas_price_gwei\n0,-1\n86400,1\n", "row 1: '-1' is not a price"),
        ("timestamp,cost\n0,1\n86400,1\n", "no column holds a gas price"),
        ("when,gas_price_gwei\n0,1\n86400,1\n", "no column holds a time"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read_gas(file(tmp_path, text))
