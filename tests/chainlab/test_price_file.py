from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from keeper.chainlab.price_file import from_file
from keeper.errors import ConfigError

START_SECONDS = 1_700_000_000


def _csv(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "prices.csv"
    path.write_text(text, encoding="utf-8")
    return path


def _hourly(tmp_path: Path, changes: dict[str, str] | None = None) -> Path:
    lines = ["timestamp,close", *(f"{START_SECONDS + 3600 * i},{2000 + i}" for i in range(49))]
    for number, line in (changes or {}).items():
        lines[int(number.removeprefix("row")) - 1] = line
    return _csv(tmp_path, "\n".join(lines) + "\n")


@pytest.mark.parametrize(
    "first",
    ["1700000000", "1700000000000", "1700000000000000", "1700000000000000000", "2023-11-14T22:13:20Z",
     "2023-11-14 22:13:20", "2023-11-14T23:13:20+01:00"],
)  # fmt: skip
def test_every_way_to_write_a_time(tmp_path: Path, first: str) -> None:
    path = _csv(tmp_path, f"Close,x,Timestamp\n1.5,?,{first}\n\n2,?,2023-11-15T22:13:20Z\n3,?,2023-11-16T22:13:20Z\n")
    read = from_file(path, days=1)
    assert read.timestamps_seconds == (START_SECONDS, START_SECONDS + 86_400)
    assert read.prices == (1.5, 2.0)


def test_only_the_days_asked_for_are_read(tmp_path: Path) -> None:
    path = _hourly(tmp_path, {"row40": "nonsense,-1"})  # beyond what is needed: not looked at
    read = from_file(path, days=1)
    assert (len(read.prices), read.end_seconds) == (25, START_SECONDS + 86_400)


def test_a_later_start(tmp_path: Path) -> None:
    read = from_file(_hourly(tmp_path), days=1, start_seconds=START_SECONDS + 7200)
    assert (read.start_seconds, read.prices[0]) == (START_SECONDS + 7200, 2002.0)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"row1": "time,close"}, "column timestamp missing .found: time, close"),
        ({"row1": "a,b"}, "timestamp and close missing"),
        ({"row5": "yesterday,5"}, "row 5: 'yesterday' is not a time"),
        ({"row5": "1700010800"}, "row 5 has too few columns"),
        ({"row5": "1700010800,0"}, "row 5: close '0' is not a positive number"),
        ({"row5": "1700010800,-3"}, "row 5: close '-3'"),
        ({"row5": "1700010800,nan"}, "row 5: close 'nan'"),
        ({"row5": "1700010800,inf"}, "row 5: close 'inf'"),
        ({"row5": "1700010800,"}, "row 5: close ''"),
        ({"row5": "1700007200,5"}, "row 5 is not later than the row before"),
        ({"row5": "1600007200,5"}, "row 5 is not later than the row before"),
        ({"row5": "1700310800,5"}, "row 5 comes 84 h after"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, changes: dict[str, str], said: str) -> None:
    path = _hourly(tmp_path, changes)
    with pytest.raises(ConfigError, match=said) as caught:
        from_file(path, days=1)
    assert caught.value.path == str(path)


def test_too_short_missing_and_strange_files(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"49 usable rows cover 2.0 days, and 3 are needed"):
        from_file(_hourly(tmp_path), days=3)
    with pytest.raises(ConfigError, match="no such file"):
        from_file(tmp_path / "none.csv", days=1)
    with pytest.raises(ConfigError, match=r"no such file|not.*exist|Failed"):
        from_file(tmp_path / "none.parquet", days=1)
    with pytest.raises(ConfigError, match=r"ends in .parquet or .csv"):
        from_file(tmp_path / "prices.xlsx", days=1)
    with pytest.raises(ConfigError, match=r"missing .found: none"):
        from_file(_csv(tmp_path, ""), days=1)
    with pytest.raises(ConfigError, match=r"cover 0.0 days"):
        from_file(_csv(tmp_path, "timestamp,close\n"), days=1)
    broken = tmp_path / "broken.csv"
    broken.write_bytes(b"timestamp,close\n\xff\xfe\n")
    with pytest.raises(ConfigError, match="cannot read prices"):
        from_file(broken, days=1)


def test_parquet_needs_pyarrow_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ConfigError, match=r"pip install pyarrow\); or give a CSV"):
        from_file(tmp_path / "prices.parquet", days=1)


@pytest.mark.parametrize("kind", ["ns", "us", "s", "date", "text", "seconds", "milliseconds"])
def test_parquet_columns_of_every_kind(tmp_path: Path, kind: str) -> None:
    pa = pytest.importorskip("pyarrow", reason="reading parquet is an optional extra")
    parquet = pytest.importorskip("pyarrow.parquet", reason="reading parquet is an optional extra")
    start = 1_699_920_000  # a midnight
    seconds = [start + 86_400 * i for i in range(3)]
    moments = [datetime.fromtimestamp(s, UTC) for s in seconds]
    columns: dict[str, Any] = {
        "text": pa.array([m.isoformat() for m in moments]),
        "seconds": pa.array(seconds),
        "milliseconds": pa.array([s * 1000 for s in seconds]),
        "date": pa.array([m.date() for m in moments]),
    }
    times = columns.get(kind)
    if times is None:
        times = pa.array(moments, pa.timestamp(kind, tz="UTC"))
    path = tmp_path / "prices.parquet"
    parquet.write_table(pa.table({"timestamp": times, "open": [9.0] * 3, "close": [1.0, 2.0, 3.0]}), path)
    read = from_file(path, days=2)
    assert (read.timestamps_seconds, read.prices) == (tuple(seconds), (1.0, 2.0, 3.0))
    parquet.write_table(pa.table({"timestamp": times, "close": [1.0, None, 3.0]}), path)
    with pytest.raises(ConfigError, match="row 2: close 'None'"):
        from_file(path, days=2)
    path.write_bytes(b"PAR1 not really")
    with pytest.raises(ConfigError, match="cannot read prices"):
        from_file(path, days=2)
