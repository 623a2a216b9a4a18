"""The demo in one transaction, and through a Safe's owners: the same market, the same money, to the wei."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from keeper import cli
from keeper.chainlab.demo import DemoEnd, DemoSettings, run_demo
from keeper.chainlab.demo_owner import Mode
from keeper.world.journal import decisions
from keeper.world.journal.reading import read_journal

# A day and a half in which it enters, compounds and rebalances.
SEED, DAYS = 4, 1.5
TOKEN_LINES = "SELECT kind, token, amount, token_id, timestamp FROM ledger WHERE token != 'native' ORDER BY id"


def rows(journal: Path, sql: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(journal) as connection:
        return connection.execute(sql).fetchall()


def lived(folder: Path, mode: Mode, days: float, **more: Any) -> DemoEnd:
    settings = DemoSettings(days=days, seed=SEED, prices=None, directory=folder, mode=mode, **more)
    end = run_demo(settings, lambda _done, _what: None)
    assert end.ledger_difference_wei == (0, 0, 0)
    assert not any(end.held.allowances.values())
    assert cli.run(["replay", "--journal", end.journal_url]) == 0
    return end


@pytest.fixture(scope="module", name="told")
def both_modes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """The same days in either mode, as machines are told of them."""
    told: dict[str, dict[str, Any]] = {}
    for mode in ("atomic", "safe"):
        folder = tmp_path_factory.mktemp(mode)
        with pytest.MonkeyPatch.context() as patch:
            printed: list[dict[str, Any]] = []
            patch.setattr("keeper.commands.demo.print_json", printed.append)
            arguments = ["--mode", mode, "--days", str(DAYS), "--seed", str(SEED), "--out", str(folder), "--json"]
            assert cli.run(["demo", *arguments]) == 0
        told[mode] = json.loads(json.dumps(printed[0]))
    return told


@pytest.mark.parametrize("mode", ["atomic", "safe"])
def test_every_wei_is_explained(told: dict[str, dict[str, Any]], mode: str) -> None:
    result = told[mode]
    assert (result["mode"], result["ledger_difference_wei"]) == (mode, [0, 0, 0])
    other = rows(result["journal"], "SELECT kind, log_index FROM ledger WHERE kind IN ('deposit', 'withdrawal')")
    assert other == [("deposit", -1)] * 3
    assert cli.run(["replay", "--journal", result["journal"]]) == 0


@pytest.mark.parametrize("mode", ["atomic", "safe"])
def test_every_act_is_one_transaction(told: dict[str, dict[str, Any]], mode: str) -> None:
    result = told[mode]
    plans = rows(result["journal"], "SELECT state FROM plans")
    assert set(plans) == {("done",)} and len(plans) >= 3
    assert result["transactions"] == result["gas"]["transactions"] == len(plans)
    per_rebalance = result["gas"]["per_rebalance"]
    assert result["rebalances"] == per_rebalance["rebalances"] >= 1
    assert per_rebalance["transactions"] == 1
    assert 300_000 < per_rebalance["units"] < 2_000_000


def test_the_key_of_a_safes_keeper_pays_nothing(told: dict[str, dict[str, Any]]) -> None:
    atomic, safe = told["atomic"], told["safe"]
    assert rows(safe["journal"], "SELECT count(*) FROM transactions") == [(0,)]
    assert safe["pnl"]["gas"] == "0.000000" and float(safe["pnl"]["gas_paid_by_executors"]) > 0
    assert float(atomic["pnl"]["gas"]) > 0 and atomic["pnl"]["gas_paid_by_executors"] == "0.000000"
    assert safe["gas"]["paid_by"] == "the owners' executor" and atomic["gas"]["paid_by"] == "the keeper's own key"
    assert safe["pnl"]["gas_native_paid_by_executors"] == safe["gas"]["native"]
    assert atomic["pnl"]["gas_native"] == atomic["gas"]["native"]


def test_proposals_go_all_the_way(told: dict[str, dict[str, Any]]) -> None:
    found = rows(told["safe"]["journal"], "SELECT nonce, state, confirmations, threshold, place FROM proposals")
    assert [each[0] for each in found] == list(range(len(found)))
    assert {each[1:] for each in found} == {("FINAL", 2, 2, "the board of the owners at hand")}


def test_who_carries_it_out_changes_no_amount(told: dict[str, dict[str, Any]]) -> None:
    """Gas, which differs, enters the verdict alone: where no verdict hangs on those few units (as here), everything
    that is decided is the same, and so is every line of the tokens' ledger."""
    atomic, safe = (rows(told[mode]["journal"], TOKEN_LINES) for mode in ("atomic", "safe"))
    assert atomic == safe and len(atomic) > 10
    thought = [_thought(told[mode]["journal"]) for mode in ("atomic", "safe")]
    assert thought[0] == thought[1]


def _thought(journal: str) -> list[tuple[Any, ...]]:
    with read_journal(f"sqlite:///{journal}") as query:
        made = [stored.decision for stored in decisions.stored_decisions(query)]
    return [
        (each.target, each.plan.steps, each.verdict.action, [objection.code for objection in each.verdict.objections])
        for each in made
    ]


def test_gas_of_every_mode_on_the_same_chain(told: dict[str, dict[str, Any]]) -> None:
    for result in told.values():
        modes = result["gas"]["same_rebalance"]
        assert [modes[mode]["transactions"] for mode in ("atomic", "safe")] == [1, 1]
        assert modes["wallet"]["transactions"] >= 6
        assert modes["atomic"]["units"] < modes["safe"]["units"] < modes["wallet"]["units"]


@pytest.mark.soak
def test_owners_who_take_their_time(tmp_path: Path) -> None:
    """The market trades between proposing and executing: what is late does not happen, its nonce is taken back, and
    what happens is within its bounds."""
    limits = {"gas_reserve_native": "0.05", "max_slippage_bps": 60, "max_price_impact_bps": 40,
              "plan_lifetime_seconds": 4 * 3_600, "max_drift_bps": 100}  # fmt: skip
    lived(tmp_path, "safe", DAYS, owners_delay_seconds=3 * 3_600, strategy={"limits": limits})
    states = Counter(rows(tmp_path / "demo.db", "SELECT kind, state FROM proposals"))
    assert states["act", "FINAL"] >= 2 and states["act", "REJECTED"] >= 1 and states["rejection", "FINAL"] >= 1
    # Every nonce went to one of them, and what was executed is what the ledger holds.
    final = rows(tmp_path / "demo.db", "SELECT nonce FROM proposals WHERE state = 'FINAL' ORDER BY nonce")
    assert final == [(nonce,) for nonce in range(len(final))]


@pytest.mark.soak
@pytest.mark.parametrize("mode", ["atomic", "safe"])
@pytest.mark.parametrize("seed", [1, 7])
def test_thirty_days(mode: str, seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["demo", "--json", "--mode", mode, "--seed", str(seed), "--out", str(tmp_path)]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["ledger_difference_wei"] == [0, 0, 0] and result["rebalances"] >= 5
    assert cli.run(["replay", "--journal", result["journal"]]) == 0
