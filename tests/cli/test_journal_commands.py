"""Commands that ask the journal: tables in a pipe, JSON for machines, clear refusals."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from keeper.commands.replay import unequal
from keeper.model import canonical
from keeper.model.decision import Decision
from keeper.world.journal.opening import open_journal
from tests.cli.shell import Keeper


def test_status(keeper: Keeper, journal: Path) -> None:
    text = keeper("status", "--journal", str(journal))
    assert text.code == 0 and text.err == ""
    header, row = text.out.splitlines()[1:]
    assert (
        header.startswith("strategy")
        and row.startswith("test")
        and "in range" in row
        and "hold: the price is inside the trigger" in row
    )
    shown = keeper("status", "--json", "--journal", f"sqlite:///{journal}").json
    (entry,) = shown["strategies"]
    assert entry["state"] == "running" and entry["last_decision_id"] == 3 and entry["in_range"] is True
    assert shown["mode"] == "dry" and shown["in_flight"] == []


def test_the_configured_journal_is_found(keeper: Keeper, journal: Path) -> None:
    Path("keeper.yaml").write_text(f"journal: sqlite:///{journal.name}\nchains: {{}}\n")
    journal.rename("journal.dry.db")
    assert keeper("status", "--json").json["strategies"][0]["name"] == "test"


def test_history_lists_decisions(keeper: Keeper, journal: Path) -> None:
    shown = keeper("history", "--decisions", "--limit", "2", "--json", "--journal", str(journal)).json
    assert [(each["id"], each["action"]) for each in shown["decisions"]] == [(2, "rebalance"), (3, "hold")]
    assert "decision" in keeper("history", "--decisions", "--journal", str(journal)).out
    assert keeper("history", "--journal", str(journal)).out.startswith("nothing was done yet")
    assert keeper("positions", "--json", "--journal", str(journal)).json == {"positions": []}


def test_explain_tells_the_whole(keeper: Keeper, journal: Path) -> None:
    text = keeper("explain", "2", "--journal", str(journal)).out
    for paragraph in ("Seen", "Remembered", "Forecast", "Chosen", "Plan", "Verdict"):
        assert f"\n{paragraph}\n" in text
    assert "YES, rebalance" in text and "OUT OF range" in text
    last = keeper("explain", "--json", "--journal", str(journal)).json
    assert last["id"] == 3 and last["words"]["Verdict"][0].startswith("NO, nothing is done")
    assert last["decision"]["observation"]["history"]["samples"] == [] and last["history_samples"] == 73


@pytest.mark.parametrize(("command", "state"), [("pause", "paused"), ("exit", "exiting"), ("resume", "running")])
def test_control_is_durable(keeper: Keeper, journal: Path, command: str, state: str) -> None:
    answer = keeper(command, "test", "--json", "--reason", "because", "--journal", str(journal))
    nothing = {"failures": [], "signers": [], "differences": True, "safe": None}
    forgiven = {"forgiven": nothing, "accepted_code": {}} if command == "resume" else {}
    assert answer.json == {"strategy": "test", "before": "running", "state": state} | forgiven
    entry = keeper("status", "--json", "--journal", str(journal)).json["strategies"][0]
    assert entry["state"] == state and entry["reason"] == "because"


@pytest.mark.parametrize("command", ["pause", "exit"])
def test_only_a_resume_lifts_a_halt(keeper: Keeper, journal: Path, command: str) -> None:
    with sqlite3.connect(journal) as rows:
        rows.execute("UPDATE strategies SET state = 'halted', reason = 'the policy refused'")
    rows.close()
    answer = keeper(command, "test", "--journal", str(journal))
    assert answer.code == 4 and "is halted and stays so" in answer.err and "keeper resume test --exit" in answer.err
    entry = keeper("status", "--json", "--journal", str(journal)).json["strategies"][0]
    assert (entry["state"], entry["reason"]) == ("halted", "the policy refused")
    left = keeper("resume", "test", "--exit", "--json", "--reason", "enough", "--journal", str(journal)).json
    assert (left["before"], left["state"]) == ("halted", "exiting")


def test_a_halted_signer_is_shown_and_resume_says_what_it_forgives(keeper: Keeper, journal: Path) -> None:
    owner = "0x" + "ab" * 20
    with sqlite3.connect(journal) as rows:
        rows.execute("UPDATE strategies SET state = 'halted', reason = 'nonce'")
        rows.execute("INSERT INTO reconciliations VALUES (1, ?, 'test', 5, '0x5', 5)", (owner,))
        rows.executemany(
            "INSERT INTO signers VALUES (1, ?, 'halted', 'a stranger signed', 7)", [(owner,), ("0x" + "cd" * 20,)]
        )
        rows.executemany(
            "INSERT INTO plans (decision_id, strategy, chain_id, owner, block_hash, settings_digest, action, "
            "deadline_timestamp, state, act) VALUES (1, 'test', 1, '0x', ?, '', 'exit', 0, 'failed', 'swap')",
            [(f"0x{number}",) for number in range(3)],
        )
    rows.close()
    told = keeper("status", "--journal", str(journal)).out
    assert f"HALTED signer {owner} on chain 1: a stranger signed" in told and "keeper resume" in told
    shown = keeper("status", "--json", "--journal", str(journal)).json
    assert len(shown["halted_signers"]) == 2
    answer = keeper("resume", "test", "--journal", str(journal))
    assert answer.out.startswith("test: was halted, now running") and "swap had failed 3 times in a row" in answer.out
    assert f"the signer {owner} was halted: a stranger signed" in answer.out and "0xcdcd" not in answer.out
    again = keeper("resume", "test", "--json", "--journal", str(journal)).json
    assert again["forgiven"] == {"failures": [], "signers": [], "differences": True, "safe": None}
    opened = open_journal(f"sqlite:///{journal}", "dry")
    assert opened.memory("test").failing == ()
    opened.close()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("pause", "tset"), "the journal knows no strategy 'tset'; did you mean 'test'?"),
        (("explain", "77"), "there is no decision 77 in this journal"),
        (("explain", "--strategy", "other"), "the journal knows no strategy 'other'; the strategies here are test"),
        (("history", "tets"), "did you mean 'test'?"),
        (("replay", "--strategy", "tets"), "did you mean 'test'?"),
    ],
)
def test_refusals(keeper: Keeper, journal: Path, arguments: tuple[str, ...], expected: str) -> None:
    answer = keeper(*arguments, "--journal", str(journal))
    assert answer.code == 2 and expected in answer.err


@pytest.mark.parametrize("command", ["status", "positions", "history", "explain", "replay"])
def test_no_journal_is_one_sentence(keeper: Keeper, command: str) -> None:
    answer = keeper(command)
    assert answer.code == 2 and "there is no journal at" in answer.err and "keeper.dry.db" in answer.err


def test_replay_finds_the_same_and_names_what_differs(keeper: Keeper, journal: Path) -> None:
    same = keeper("replay", "--journal", str(journal))
    assert (same.code, same.out) == (0, "3 decisions made again, 0 differ\n")
    with sqlite3.connect(journal) as connection:
        ((body,),) = connection.execute("SELECT body FROM settings").fetchall()
        connection.execute(
            "UPDATE settings SET body = ?", (body.replace(b'"max_slippage_bps":30', b'"max_slippage_bps":31'),)
        )
    other = keeper("replay", "--json", "--journal", str(journal))
    assert other.code == 1 and other.json["decisions"] == 3
    assert [each["field"] for each in other.json["different"]] == ["settings_digest"] * 3
    with sqlite3.connect(journal) as connection:
        connection.execute("DELETE FROM settings")
    answer = keeper("replay", "--journal", str(journal))
    assert answer.code == 4 and "the settings of decision 1 are not in the journal" in answer.err


def test_status_tells_of_alerts(keeper: Keeper, journal: Path) -> None:
    opened = open_journal(f"sqlite:///{journal}", "dry")
    opened.record_event("test", "config_rejected", "strategies/a.yaml:3: unknown key 'x'", 1_800_000_000)
    opened.close()
    assert (
        "2027-01-15 08:00:00 UTC test config_rejected: strategies/a.yaml:3"
        in keeper("status", "--journal", str(journal)).out
    )
    (alert,) = keeper("status", "--json", "--journal", str(journal)).json["alerts"]
    assert alert["kind"] == "config_rejected"


def test_the_first_differing_field_is_named() -> None:
    then = {"a": 1, "b": {"c": [1, 2.0], "d": "x"}}
    assert list(unequal(then, {"a": 1, "b": {"c": [1, 2.5], "d": "y"}}, "")) == [
        ("b.c[1]", "2.0", "2.5"),
        ("b.d", "'x'", "'y'"),
    ]
    assert list(unequal({"a": 1}, {"a": 1.0}, "")) == [("a", "1", "1.0")], "1 and 1.0 have different bytes"
    assert list(unequal(then, then, "")) == []


def test_a_journal_of_another_version_is_one_sentence(
    keeper: Keeper, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A field that this version does not know, as a later one would write it."""
    read = canonical.from_plain

    def later(kind: Any, plain: Any) -> Any:
        return read(kind, plain | {"memory": plain["memory"] | {"new": 1}} if kind is Decision else plain)

    monkeypatch.setattr(canonical, "from_plain", later)
    for command in ("status", "explain", "replay"):
        answer = keeper(command, "--journal", str(journal))
        assert answer.code == 2 and "was written by another version of Range Keeper" in answer.err, answer.err
        assert answer.err.count("\n") == 1
