"""``keeper compare`` from the shell: a short tape of a pool that never was, every form of output, every refusal."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from keeper.backtest.made_bars import generate_bars, write_bars
from tests.cli.shell import Keeper
from tests.shared_data import shared_file

STRATEGY = """
name: made
chain: polygon
pool: "0x45dDa9cb7c25131DF268515131f647d726f50608"
quote: token0
capital: {max_quote: 20_000}
schedule: {every_seconds: 21600, price_trigger_bps: 10000}
range: {kind: sigma}
"""
GAS = ("--gas-gwei", "50", "--native-price", "0.8")


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen days, so that there are rates and intervals."""
    folder = tmp_path_factory.mktemp("tape")
    write_bars(generate_bars(16, 3), folder / "made.parquet")
    (folder / "made.yaml").write_text(STRATEGY)
    return folder


@pytest.fixture
def asked(tape: Path) -> tuple[str, ...]:
    return (str(tape / "made.yaml"), "--data", str(tape / "made.parquet"), *GAS, "--bootstrap", "200")


def test_table_sheet_and_page(keeper: Keeper, asked: tuple[str, ...], tmp_path: Path) -> None:
    sheet, page = tmp_path / "new" / "all.csv", tmp_path / "new" / "page.html"
    answer = keeper("compare", *asked, "--methods", "fixed-2,full", "--workers", "1",
                    "--csv", str(sheet), "--report", str(page))  # fmt: skip
    assert answer.code == 0 and answer.err == ""
    table = answer.out.split("\n\n")[1]
    assert table.count("\n") > 8 and all(len(line) <= 100 for line in table.splitlines())
    for label in ("made", "±2 %", "full range (v2)", "HODL 50/50", "HODL 100 %"):
        assert f"\n{label} " in answer.out
    assert "USDC/WETH 0.05 %" in answer.out and "(15.8 days of bars), USDC the quote" in answer.out
    assert "HODL 50/50 over these" in answer.out and "Before believing it:" in answer.out
    assert "- Sharpe: annualised mean of daily log W / STD" in answer.out
    rows = {row["name"]: row for row in csv.DictReader(sheet.open())}
    assert set(rows) == {"strategy:made", "fixed-2", "full", "hodl-50", "hodl-100"}
    assert int(rows["fixed-2"]["rebalances"]) > int(rows["strategy:made"]["rebalances"])
    assert int(rows["full"]["rebalances"]) == 0 and float(rows["full"]["in_range_pct"]) > 80
    assert float(rows["fixed-2"]["fee_apr_pct"]) > 5 * float(rows["full"]["fee_apr_pct"])
    # A full range is between its fees and holding: it follows half of the price's logarithm.
    half, whole = (np.log1p(float(rows[each]["total_pct"]) / 100) for each in ("hodl-50", "hodl-100"))
    alone = np.log1p((float(rows["full"]["total_pct"]) - float(rows["full"]["fee_pct"])) / 100)
    assert abs(alone - whole / 2) < 0.01 and abs(alone - half) < 0.02
    assert "HODL 50/50" in page.read_text() and str(page) in answer.out


@pytest.mark.soak
def test_json_is_the_same_with_one_worker_and_two(keeper: Keeper, asked: tuple[str, ...]) -> None:
    one, two = (
        keeper("compare", *asked, "--methods", "full", "--to", "2022-01-05", "--workers", count, "--json")
        for count in ("1", "2")
    )
    assert one.code == two.code == 0 and one.err == two.err == ""
    assert one.out == two.out
    figures = one.json
    assert [row["name"] for row in figures["rows"]] == ["strategy:made", "full", "hodl-50", "hodl-100"]
    assert figures["quote"] == {"symbol": "USDC", "decimals": 6} and figures["value_start_raw"].isdecimal()
    assert figures["rows"][0]["intervals"] is None, "four days have no intervals"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Missing argument 'STRATEGY...'"),
        (("{yaml}",), "Missing option '--data'"),
        (("{yaml}", "--data", "{tape}", "--methods", "optimul"), "no method 'optimul'; did you mean optimal"),
        (("{yaml}", "{yaml}", "--data", "{tape}", "--workers", "1"), "two strategies have the same name"),
        (("{yaml}", "--data", "missing.parquet", "--workers", "1"), "missing.parquet"),
        (("{yaml}", "--data", "{tape}", "--weights", "x"), "--weights goes with --regimes"),
        (("{yaml}", "--data", "{tape}", "--report", "/proc/x.html"), "/proc/x.html: cannot be written"),
        (("{yaml}", "--data", "{tape}", "--from", "2023-01-01", "--workers", "1"), "widen --from and --to"),
        (("--regimes", "missing.parquet"), "missing.parquet"),
        (("--regimes", "short.csv"), "fewer than 60 days of prices"),
        (("--regimes", "short.csv", "--weights", "short.csv"), "cannot be used as weights"),
    ],
)
def test_a_mistake_is_one_sentence_and_2(keeper: Keeper, tape: Path, arguments: tuple[str, ...], said: str) -> None:
    Path("short.csv").write_text("timestamp,close\n" + "".join(f"{3600 * hour},{100 + hour}\n" for hour in range(900)))
    places = {"yaml": tape / "made.yaml", "tape": tape / "made.parquet"}
    answer = keeper("compare", *(argument.format(**places) for argument in arguments))
    assert answer.code == 2 and answer.out == "" and answer.err.count("\n") == 1
    assert said in answer.err


@pytest.mark.soak
def test_regimes_on_a_tape(keeper: Keeper, asked: tuple[str, ...]) -> None:
    """Both studies in one command: prices of an hour, and the tape through the backtest with its placebos."""
    moves = np.random.default_rng(1).normal(scale=0.006, size=2_400)
    closes = 2_000 * np.exp(np.cumsum(moves))
    rows = "".join(f"{3600 * hour},{close}\n" for hour, close in enumerate(closes))
    Path("prices.csv").write_text("timestamp,close\n" + rows)
    answer = keeper("compare", *asked, "--regimes", "prices.csv", "--json")
    assert answer.code == 0
    (prices,) = answer.json["prices"]
    assert prices["helps"] == [] and "no detector helps" in prices["verdict"]
    tape = answer.json["tape"]
    assert [row["detector"] for row in tape["rows"]] == ["trend", "markov", "always positive", "always negative"]
    trend = tape["rows"][0]
    assert trend["trend_share_pct"] > 0 and len(trend["placebos_pct"]) == 10 and len(trend["late_pct"]) == 2
    assert "no detector helps" in tape["verdict"]


# Of the comparison in docs/backtesting.md: Fee APR, alpha APR and rebalances on the 35 Polygon days, hourly decisions.
RECORDED = {"das-neutral": (81.2, -18.6, 1), "fixed-10": (141.9, -30.7, 7), "full": (7.3, -1.5, 0)}


@pytest.mark.soak
def test_the_35_real_days(keeper: Keeper) -> None:
    file = shared_file("bars/polygon_usdc_weth_005_minute_202207_202208.parquet")
    Path("polygon.yaml").write_text(STRATEGY.replace("21600", "3600"))
    answer = keeper("compare", "polygon.yaml", "--data", str(file), *GAS, "--methods", ",".join(RECORDED), "--json")
    assert answer.code == 0
    rows = {row["name"]: row["metrics"] for row in answer.json["rows"]}
    for name, (fee, alpha, rebalances) in RECORDED.items():
        assert rows[name]["fee_apr_pct"] == pytest.approx(fee, rel=0.02), name
        assert rows[name]["alpha_apr_pct"] == pytest.approx(alpha, rel=0.02), name
        assert rows[name]["rebalances"] == rebalances, name
