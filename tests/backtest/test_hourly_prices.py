"""Reading prices for training: hours, holes, units of time, and refusals that name the row."""

from __future__ import annotations

from pathlib import Path

import pytest

from keeper.backtest.hourly_prices import hourly_prices
from keeper.errors import ConfigError

START = 1_704_067_200


def write(folder: Path, *rows: tuple[object, object], header: str = "timestamp,close") -> Path:
    file = folder / "prices.csv"
    file.write_text("\n".join([header, *(f"{when},{close}" for when, close in rows)]) + "\n")
    return file


def test_the_last_close_of_each_hour(tmp_path: Path) -> None:
    found = hourly_prices(write(tmp_path, (START, 1), (START + 1_800, 2), (START + 3_600, 3), (START + 3_600 * 4, 4)))
    assert found.hours == tuple(START + 3_600 * k for k in range(5))
    assert found.closes == (2.0, 3.0, 3.0, 3.0, 4.0)
    assert found.name == "prices.csv" and len(found.sha256) == 64


@pytest.mark.parametrize("scale", [1, 10**3, 10**6, 10**9])
def test_any_unit_of_time(tmp_path: Path, scale: int) -> None:
    assert hourly_prices(write(tmp_path, (START * scale, 1), ((START + 3_600) * scale, 2))).hours[0] == START


def test_dates_and_other_columns(tmp_path: Path) -> None:
    rows = [("2024-01-01T00:00:00,9", 1), ("2024-01-01 01:00:00+00:00,9", 2)]
    assert hourly_prices(write(tmp_path, *rows, header="Timestamp,open,CLOSE")).hours == (START, START + 3_600)


def test_parquet(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow", reason="reading parquet is an optional extra")
    parquet = pytest.importorskip("pyarrow.parquet", reason="reading parquet is an optional extra")
    stamps = pa.array([START * 10**9, (START + 3_600) * 10**9], pa.timestamp("ns", tz="UTC"))
    parquet.write_table(pa.table({"timestamp": stamps, "close": [1.5, 2.5]}), tmp_path / "p.parquet")
    found = hourly_prices(tmp_path / "p.parquet")
    assert (found.hours, found.closes) == ((START, START + 3_600), (1.5, 2.5))
    (tmp_path / "q.parquet").write_bytes(b"no")
    with pytest.raises(ConfigError, match="cannot read prices: "):
        hourly_prices(tmp_path / "q.parquet")


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([(START, 1), (START, 2)], "row 3 is not later"),
        ([(START, 1), (START + 5 * 3_600, 2)], "row 3 comes 5 h after the row before; fill the hole"),
        ([(START, "nan")], "row 2: close 'nan' is not a positive number"),
        ([(START, 0)], "row 2: close '0' is not"),
        ([("soon", 1)], "row 2: 'soon' is not a time"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, rows: list[tuple[object, object]], words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        hourly_prices(write(tmp_path, *rows))
    assert str(caught.value).startswith(f"{tmp_path / 'prices.csv'}: ")


def test_a_bad_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="column close missing"):
        hourly_prices(write(tmp_path, (START, 1), header="timestamp,price"))
    with pytest.raises(ConfigError, match="no such file"):
        hourly_prices(tmp_path / "none.csv")
    with pytest.raises(ConfigError, match=r"ends in \.parquet or \.csv"):
        hourly_prices(tmp_path / "none.txt")
    with pytest.raises(ConfigError, match="has too few columns"):
        hourly_prices(write(tmp_path, ("1", "2"), header="timestamp,open,close"))
