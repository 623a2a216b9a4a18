"""The main job, whole: real contracts, a market, the keeper, and an account of every wei."""

from __future__ import annotations

import json
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from keeper import cli
from keeper.chainlab.demo import DemoSettings, run_demo
from keeper.errors import HaltedError
from keeper.model.ledger import Effects
from keeper.world.venues.uniswap_v3 import UniswapV3


def demo(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert cli.run(["demo", "--json", *arguments]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    result: dict[str, Any] = json.loads(printed.out)
    return result


@pytest.fixture(scope="module", name="lived")
def make_lived(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A day and a half in which it enters, compounds and rebalances, as machines are told of it."""
    printed: list[dict[str, Any]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("keeper.commands.demo.print_json", printed.append)
        folder = tmp_path_factory.mktemp("lived")
        assert cli.run(["demo", "--json", "--seed", "4", "--days", "1.5", "--out", str(folder)]) == 0
    return printed[0]


def test_the_ledger_reconciles_to_the_wei(lived: dict[str, Any]) -> None:
    """Over one entry and one rebalance at least; the soak has six days of five seeds."""
    reconciled(lived)


@pytest.mark.soak
@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5])
def test_six_days_reconcile_to_the_wei(seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reconciled(demo(capsys, "--seed", str(seed), "--days", "6", "--out", str(tmp_path)))


def reconciled(result: dict[str, Any]) -> None:
    assert result["ledger_difference_wei"] == [0, 0, 0]
    assert result["rebalances"] >= 1
    assert result["transactions"] >= 6
    # Nothing was made to fit: the opening balances are the only deposits, and nothing was withdrawn.
    with sqlite3.connect(result["journal"]) as connection:
        other = connection.execute("SELECT kind, log_index FROM ledger WHERE kind IN ('deposit', 'withdrawal')")
        assert other.fetchall() == [("deposit", -1)] * 3


@pytest.mark.soak
@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5, 7])
def test_thirty_days_reconcile_with_at_least_five_rebalances(
    seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = demo(capsys, "--seed", str(seed), "--out", str(tmp_path))
    assert result["ledger_difference_wei"] == [0, 0, 0]
    assert result["rebalances"] >= 5
    assert cli.run(["replay", "--journal", result["journal"]]) == 0


def test_a_lost_wei_is_seen_before_the_next_decision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = UniswapV3.effects

    def one_wei_short(self: UniswapV3, *arguments: Any) -> Effects:
        effects = honest(self, *arguments)
        entries = tuple(
            replace(entry, amount=entry.amount + 1) if entry.kind == "mint" else entry for entry in effects.entries
        )
        return replace(effects, entries=entries)

    monkeypatch.setattr(UniswapV3, "effects", one_wei_short)
    with pytest.raises(HaltedError, match=r"WETH \(2 raw\) differ .* USDC \(2 raw\) differ"):
        run_demo(DemoSettings(days=1, seed=7, prices=None, directory=tmp_path), lambda _done, _what: None)


def test_every_decision_is_made_again_byte_for_byte_and_a_changed_mind_is_named(
    lived: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    journal = str(shutil.copy2(lived["journal"], tmp_path / "copy.db"))
    assert cli.run(["replay", "--journal", journal]) == 0
    assert f"{lived['decisions']} decisions made again, 0 differ" in capsys.readouterr().out
    monkeypatch.setattr("keeper.policy.activity.HALF_LIFE_SECONDS", 4 * 86_400)
    assert cli.run(["replay", "--journal", journal]) == 1
    assert "verdict.figures" in capsys.readouterr().out
    monkeypatch.undo()
    with sqlite3.connect(journal) as connection:
        connection.execute("UPDATE settings SET body = replace(body, '\"k\":0.7', '\"k\":0.8')")
    assert cli.run(["replay", "--journal", journal]) == 1
    assert "settings_digest" in capsys.readouterr().out


def test_the_same_seed_gives_the_same_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = [demo(capsys, "--days", "0.5", "--out", str(tmp_path / name)) for name in ("one", "two")]
    for result in runs:
        del result["journal"], result["report"]
    assert runs[0] == runs[1]
    assert runs[0]["transactions"] >= 1


def test_prices_from_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hours = range(24 * 5)
    rows = [f"{1_700_000_000 + hour * 3_600},{1_800 + 40 * (hour % 7) / 7 + hour}" for hour in hours]
    prices = tmp_path / "prices.csv"
    prices.write_text("timestamp,close\n" + "\n".join(rows) + "\n")
    result = demo(capsys, "--days", "0.5", "--prices", str(prices), "--out", str(tmp_path / "out"))
    assert result["ledger_difference_wei"] == [0, 0, 0]


def test_it_tells_people_what_happened_and_leaves_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["demo", "--days", "0.5", "--out", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    for part in ("What happened, and why", "fees earned", "lost to arbitrage (LVR)", "difference, wei", "simulated"):
        assert part in told
    page = (tmp_path / "report.html").read_text()
    assert page.startswith("<!doctype html>") or page.startswith("<!DOCTYPE html>")
    assert oct((tmp_path / "demo.db").stat().st_mode & 0o777) == "0o600"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--mode", "multisig"], "'multisig' is not one of 'wallet', 'atomic', 'safe'"),
        (["--prices", "nowhere.csv"], "nowhere.csv"),
        (["--prices", "prices.xlsx"], "ends in .parquet or .csv"),
        (["--days", "0"], "--days"),
    ],
)
def test_mistakes_cost_one_sentence(
    arguments: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["demo", "--out", str(tmp_path / "out"), *arguments]) == 2
    printed = capsys.readouterr()
    assert sentence in printed.err and "Traceback" not in printed.err and printed.out == ""
    assert not (tmp_path / "out").exists()


def test_without_anvil_it_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KEEPER_CHAINLAB", str(tmp_path / "empty"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert cli.run(["demo", "--out", str(tmp_path / "out")]) == 2
    assert "make setup" in capsys.readouterr().err
