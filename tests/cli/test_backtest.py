"""``keeper backtest`` from the shell: a short tape of a pool that never was, both forms of output, every refusal."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from keeper.backtest.made_bars import generate_bars, write_bars
from tests.cli.shell import Keeper

STRATEGY = """
name: made
chain: polygon
pool: "0x45dDa9cb7c25131DF268515131f647d726f50608"
quote: token0
capital: {max_quote: 20_000}
schedule: {every_seconds: 14400, price_trigger_bps: 10000}
range: {kind: fixed, lower_pct: 3, upper_pct: 3}
profit: {gate: none}
"""
GAS = ("--gas-gwei", "50", "--native-price", "0.8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tape, a strategy, and a keeper.yaml beside them."""
    place = tmp_path_factory.mktemp("tape")
    write_bars(generate_bars(3, 3), place / "made.parquet")
    (place / "strategies").mkdir()
    (place / "strategies" / "made.yaml").write_text(STRATEGY)
    (place / "keeper.yaml").write_text(
        "journal: sqlite:///keeper.db\nstrategies: strategies/\n"
        'chains: {polygon: {chain_id: 137, rpc: ["http://127.0.0.1:1"]}}\nexecution: {mode: dry}\n'
    )
    return place


@pytest.fixture
def asked(folder: Path) -> tuple[str, ...]:
    return (str(folder / "strategies" / "made.yaml"), "--data", str(folder / "made.parquet"), *GAS)


def test_for_people(keeper: Keeper, asked: tuple[str, ...], tmp_path: Path) -> None:
    page, journal = tmp_path / "new" / "page.html", tmp_path / "new" / "made.db"
    answer = keeper("backtest", *asked, "--report", str(page), "--journal", str(journal))
    assert answer.code == 0 and answer.err == ""
    assert answer.out.startswith("made on USDC/WETH 0.05 %, ") and "days of bars)" in answer.out.splitlines()[0]
    for part in ("Where it came from", "lost to arbitrage (LVR)", "hedged alpha", "Beside other ways to hold",
                 "difference, wei", "Held for: ", "50 gwei all the time, as given"):  # fmt: skip
        assert part in answer.out
    last = answer.out.rstrip().splitlines()[-1]
    assert last.startswith("In 2.8 days it ") and "holding by" in last and "hedged)" in last
    assert page.read_text().startswith("<!doctype html>") or "<html" in page.read_text()
    replayed = keeper("replay", "--journal", str(journal))
    assert replayed.code == 0 and "0 differ" in replayed.out
    assert keeper("explain", "3", "--journal", str(journal)).code == 0
    assert keeper("history", "--journal", str(journal)).code == 0


def test_for_machines(keeper: Keeper, asked: tuple[str, ...], tmp_path: Path) -> None:
    answer = keeper("backtest", *asked, "--mode", "atomic", "--journal", str(tmp_path / "a.db"), "--json")
    found = answer.json
    assert found["ledger_difference"] == [0, 0, 0]
    assert found["journal"] == str(tmp_path / "a.db") and found["report"] is None
    assert found["fill"]["account"] == "delegated" and found["fill"]["latency_blocks"] == 0
    assert len(found["tape"]["digest"]) == 64 and found["tape"]["kind"] == "bars"
    assert set(found["pnl"]) >= {"total", "hodl", "fees", "lvr", "gas", "hedged_alpha"}
    assert found["metrics"]["rebalances"] == found["rebalances"]
    assert found["decisions"] >= found["warm_up"]["decisions"] == found["held"]["no_forecast"] > 0
    assert any(each["code"] == "bars" for each in found["defects"]) and len(found["caveats"]) >= 4
    thrown = keeper("backtest", *asked, "--every", "43200", "--json").json
    assert thrown["journal"] is None and thrown["fill"]["every_seconds"] == 43_200


def test_by_its_name_in_the_configuration(keeper: Keeper, folder: Path) -> None:
    config = ("-c", str(folder / "keeper.yaml"), "--data", str(folder / "made.parquet"), *GAS, "--every", "43200")
    assert keeper("backtest", "made", *config).code == 0
    wrong = keeper("backtest", "mad", *config)
    assert wrong.code == 2 and "there is no strategy 'mad'" in wrong.err and "made" in wrong.err


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (("--from", "2031-01-01"), "nothing of the tape is left to decide on: it reaches from "),
        (("--from", "yesterday"), "'yesterday' is no time; write 2022-07-19"),
        (("--every", "20"), "its bars are 60 s long, and the strategy looks every 20 s"),
        (("--gas", "gas.csv"), "--gas and --gas-gwei say the same thing twice"),
        (("--prior", "none.csv"), "none.csv: cannot read prices: no such file"),
        (("--capital", "-3"), "'-3' is not a number above zero"),
        (("--journal", "strategies"), "File 'strategies' is a directory"),
    ],
)
def test_mistakes_in_a_sentence(
    keeper: Keeper, folder: Path, asked: tuple[str, ...], monkeypatch: pytest.MonkeyPatch,
    more: tuple[str, ...], sentence: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(folder)
    answer = keeper("backtest", *asked, *more)
    assert answer.code == 2 and sentence in answer.err
    assert answer.out == "" and "Traceback" not in answer.err and len(answer.err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("changed", "data", "sentence"),
    [
        ({}, "strategies/made.yaml", "strategies/made.yaml"),
        ({}, "nowhere.parquet", "nowhere.parquet"),
        ({"0x45dDa9cb7c25131DF268515131f647d726f50608": "0x" + "12" * 20}, "made.parquet", "which tokens and fee"),
        ({"kind: fixed": "kind: fixd"}, "made.parquet", "there is no range 'fixd'"),
        ({"chain: polygon": "chain: nowhere"}, "made.parquet", "which tokens and fee"),
    ],
)
def test_what_is_no_tape_or_no_strategy(
    keeper: Keeper, folder: Path, tmp_path: Path, changed: dict[str, str], data: str, sentence: str
) -> None:
    text = STRATEGY
    for old, new in changed.items():
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "made.yaml").write_text(text)
    answer = keeper("backtest", str(tmp_path / "made.yaml"), "--data", str(folder / data), *GAS)
    assert answer.code == 2 and sentence in answer.err and "Traceback" not in answer.err


def test_without_a_price_of_the_native_coin(keeper: Keeper, asked: tuple[str, ...]) -> None:
    answer = keeper("backtest", *(each for each in asked if each not in ("--native-price", "0.8")))
    assert answer.code == 2 and "gas has no price" in answer.err and "--native-price" in answer.err


def test_as_a_program(asked: tuple[str, ...]) -> None:
    """A process of its own: stdout holds the JSON alone, a pipe has no progress bar."""
    command = [sys.executable, "-m", "keeper", "backtest", *asked, "--every", "43200", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert json.loads(done.stdout)["strategy"] == "made" and done.stderr == ""
