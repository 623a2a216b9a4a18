"""Price files: every way to write a time, and every way to be no ground for a study."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from keeper.backtest import read_implied, read_price_bars
from keeper.backtest.price_days import price_days
from keeper.errors import ConfigError
from tests.backtest.made import START, table, written

SECOND = int(START.timestamp())


def test_parquet_and_csv_say_the_same(tmp_path: Path) -> None:
    rows = table(5)
    one, other = (read_price_bars(written(tmp_path, rows, name)) for name in ("a.csv", "b.parquet"))
    assert one.step_seconds == other.step_seconds == 7_200
    for name in ("timestamps", "closes", "opens", "highs", "lows"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-12), name
    assert one.timestamps[0] == SECOND and one.closes[-1] == pytest.approx(rows["close"].iloc[-1])


@pytest.mark.parametrize(
    "times",
    [
        lambda at: at.astype("int64") // 10**9,
        lambda at: at.astype("int64") // 10**6,
        lambda at: at.astype("int64"),
        lambda at: at.strftime("%Y-%m-%dT%H:%M:%S"),
        lambda at: at.strftime("%Y-%m-%d %H:%M:%S+00:00"),
        lambda at: at.tz_convert("Asia/Tokyo").strftime("%Y-%m-%dT%H:%M:%S%z"),
    ],
)
def test_times_in_any_form(tmp_path: Path, times: Callable[[pd.DatetimeIndex], object]) -> None:
    rows = table(3)
    stamps = pd.DatetimeIndex(rows["timestamp"]).as_unit("ns")
    rows["timestamp"] = times(stamps)
    found = read_price_bars(written(tmp_path, rows[["timestamp", "close"]]))
    assert found.timestamps[0] == SECOND and found.step_seconds == 7_200 and found.highs is None


def _without(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    return rows.drop(columns=column)


def _set(rows: pd.DataFrame, row: int, column: str, value: object) -> pd.DataFrame:
    changed = rows.astype({column: object})
    changed.loc[row, column] = value
    return changed


BAD: list[tuple[str, Callable[[pd.DataFrame], pd.DataFrame], str]] = [
    ("no close", lambda rows: _without(rows, "close"), "column close missing (found: timestamp, open, high, low)"),
    ("NaN", lambda rows: _set(rows, 6, "close", None), "row 7: close is not a positive number"),
    ("text", lambda rows: _set(rows, 6, "close", "x"), "row 7: close is not a positive number"),
    ("zero", lambda rows: _set(rows, 6, "close", 0), "row 7: close is not a positive number"),
    ("infinite", lambda rows: _set(rows, 6, "high", np.inf), "row 7: high is not a positive number"),
    ("high below close", lambda rows: _set(rows, 6, "high", 1.0), "row 7: open or close lies outside of low and high"),
    ("no time", lambda rows: _set(rows, 6, "timestamp", "soon"), "row 7: timestamp is not a time"),
    ("gap", lambda rows: rows.drop(index=6), "row 7: comes 14400 s after the row before, not 7200; fill the gap"),
    ("duplicate", lambda rows: pd.concat([rows[:7], rows[6:]]), "row 8: the time stands twice"),
    ("unsorted", lambda rows: rows.iloc[[0, 1, 3, 2, *range(4, len(rows))]], "row 4: the time is out of order"),
    ("daily", lambda rows: rows[::12], "bars of 86400 s: the variance of a day needs bars of at most 4 h"),
    ("empty", lambda rows: rows[:0], "has no rows"),
    ("one row", lambda rows: rows[:1], "one row is no series"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "harm", "said"), BAD, ids=[each[0] for each in BAD])
def test_a_wrong_file_is_one_sentence(
    tmp_path: Path, name: str, harm: Callable[[pd.DataFrame], pd.DataFrame], said: str
) -> None:
    file = written(tmp_path, harm(table(3)))
    with pytest.raises(ConfigError) as caught:
        read_price_bars(file)
    assert str(caught.value).startswith(f"{file}: ") and said in str(caught.value), name


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.txt", "", "ends in .parquet or .csv"),
        ("a.parquet", "nonsense", "cannot be read"),
        ("a.csv", "", "cannot be"),
    ],
)
def test_what_is_no_table_says_so(tmp_path: Path, name: str, content: str, said: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(ConfigError, match=said):
        read_price_bars(tmp_path / name)
    with pytest.raises(ConfigError, match="no such file"):
        read_price_bars(tmp_path / f"missing-{name}.csv")


def test_days_are_whole_and_their_variance_is_by_hand(tmp_path: Path) -> None:
    rows = table(6)[5:-3].reset_index(drop=True)  # both ends lie within a day
    days = price_days(read_price_bars(written(tmp_path, rows)), None)
    assert len(days) == 4 and days.days[0] == SECOND // 86_400 + 1
    logs = np.log(table(6)["close"].to_numpy())
    assert days.variances[0] == pytest.approx(float(np.sum(np.diff(logs)[11:23] ** 2)))
    assert days.returns[1] == pytest.approx(logs[35] - logs[23])
    assert days.bars is not None and days.bars.closes[days.bar_ends[1] - 1] == pytest.approx(logs[35])


def test_half_hours_become_hours(tmp_path: Path) -> None:
    whole = table(12)
    whole["timestamp"] = pd.date_range(START, periods=len(whole), freq="30min")
    for missing in (0, 1):  # on the hour, and half past
        days = price_days(read_price_bars(written(tmp_path, whole[missing:].reset_index(drop=True))), None)
        assert len(days) == 1 and days.bars is not None and days.bars_per_day == 24
        assert days.bars.highs[24] == pytest.approx(np.log(whole["high"][48:50].max()))
        assert days.bars.lows[24] == pytest.approx(np.log(whole["low"][48:50].min()))
        assert days.bars.opens[24] == pytest.approx(np.log(whole["open"][48]))
        assert days.bar_ends[0] == 48 and days.bars.closes[47] == pytest.approx(np.log(whole["close"][95]))


def test_a_day_without_movement_is_refused(tmp_path: Path) -> None:
    rows = table(5)[["timestamp", "close"]]
    rows.loc[23:36, "close"] = 1_000.0
    with pytest.raises(ConfigError, match="does not move on 2022-01-03"):
        price_days(read_price_bars(written(tmp_path, rows)), None)


def test_implied_days(tmp_path: Path) -> None:
    rows = pd.DataFrame({"date": ["2022-01-02", "2022-01-03"], "dvol_close": [60.0, 62.5]})
    found = read_implied(written(tmp_path, rows))
    assert found.sigma_by_day == {SECOND // 86_400 + 1: 0.6, SECOND // 86_400 + 2: 0.625}
    with pytest.raises(ConfigError, match="per cent a year"):
        read_implied(written(tmp_path, rows.assign(dvol_close=[0.6, 0.61])))
    with pytest.raises(ConfigError, match=r"close missing"):
        read_implied(written(tmp_path, rows[["date"]]))
    with pytest.raises(ConfigError, match="twice"):
        read_implied(written(tmp_path, rows.assign(date="2022-01-02")))
