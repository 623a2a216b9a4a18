"""Events for people and machines, and no way for a secret into them."""

from __future__ import annotations

import io
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from keeper import redaction, telemetry
from keeper.config import load_keeper
from keeper.model.decision import Figure, Objection
from keeper.model.ledger import Effects, LedgerEntry
from keeper.model.memory import OpenSubmission
from keeper.model.outcome import Done
from keeper.redaction import redact

CANARY = "canary5f2d81canary"
KEY = "0x" + "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"


@pytest.fixture(autouse=True)
def nothing_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_never_show", set())


@pytest.fixture
def log() -> io.StringIO:
    stream = io.StringIO()
    telemetry.configure(stream=stream)
    return stream


def last(log: io.StringIO) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(log.getvalue().splitlines()[-1])
    return parsed


def test_an_event_is_one_json_object(log: io.StringIO) -> None:
    telemetry.cycle_held("eth", (Objection("cooldown", "too soon", (Figure("minutes_since", 3),)),), 0.25)
    event = last(log)
    assert event["event"] == "cycle_held" and event["level"] == "info" and event["timestamp"].endswith("Z")
    assert event["objections"] == {"cooldown": {"minutes_since": 3}}


def test_nobody_listening_stops_nothing(log: io.StringIO) -> None:
    log.close()
    telemetry.strategy_halted("eth", "nonce lost")

    class Broken(io.StringIO):
        def write(self, *_: object) -> int:
            raise BrokenPipeError

    telemetry.configure(stream=Broken())
    telemetry.strategy_halted("eth", "nonce lost")


def test_people_get_a_line() -> None:
    stream = io.StringIO()
    telemetry.configure(stream=stream, console=True)
    telemetry.strategy_halted("eth", "nonce lost")
    assert "strategy_halted" in stream.getvalue() and "keeper resume eth" in stream.getvalue()


def test_transaction_hashes_are_shown(log: io.StringIO) -> None:
    entry = LedgerEntry("gas", "native", -1, None, KEY, -1, 1, 1)
    telemetry.cycle_acted("eth", Done(OpenSubmission(1, 2, "eth", 0), Effects((entry,), (), ())), 1.0)
    assert last(log)["transaction_hashes"] == [KEY]


@pytest.mark.parametrize(
    "secret",
    [
        f"https://node.example/v2/{CANARY}",
        f"https://node.example?apikey={CANARY}",
        f"https://me:{CANARY}@node.example/",
        f"postgresql://me:{CANARY}@host/db",
        f"tgram://{CANARY}/chat",
        f"wss://{CANARY}@node.example",
    ],
)
def test_addresses_with_keys_are_cut(log: io.StringIO, secret: str) -> None:
    telemetry.cycle_deferred("eth", f"no answer from {secret} in time")
    logging.getLogger("anything").warning("retrying %s", secret)
    try:
        raise RuntimeError(secret)
    except RuntimeError as error:
        telemetry.cycle_broke("eth", error, 1)
    assert log.getvalue().count("\n") == 3
    assert CANARY not in log.getvalue()
    assert CANARY not in redact(secret)


def test_keys_and_registered_secrets_are_hidden_everywhere(log: io.StringIO) -> None:
    redaction.never_show("correct horse battery")
    telemetry.cycle_deferred("eth", f"password is correct horse battery, key {KEY} or {KEY[2:].upper()}")
    telemetry.config_rejected([f"key {KEY}"])
    try:
        raise ValueError(f"bad key {KEY}")
    except ValueError as error:
        telemetry.cycle_broke("eth", error, 1)
    assert "correct horse" not in log.getvalue()
    assert KEY[2:].lower() not in log.getvalue().lower()


def test_the_secrets_of_a_configuration_are_hidden_wherever_they_turn_up(log: io.StringIO, tmp_path: Path) -> None:
    (tmp_path / "keeper.yaml").write_text(
        f"journal: postgresql://me:{CANARY}1@host/db\nalerts: [tgram://{CANARY}2/x]\n"
        f"chains: {{base: {{chain_id: 8453, rpc: ['https://a.example/v2/{CANARY}3', 'https://b.example?k={CANARY}4']}}}}\n"
    )
    load_keeper(tmp_path / "keeper.yaml", {"KEEPER_PASSWORD": f"{CANARY}5"})
    telemetry.cycle_deferred("eth", " ".join(f"401 for {CANARY}{number}" for number in range(1, 6)))
    assert last(log)["reason"] == " ".join(["401 for [hidden]"] * 5)


def test_named_secrets_are_hidden_whatever_they_look_like() -> None:
    event = telemetry.redaction(
        None, "info", {"password": "short", "nested": {"private_key": "x", "raw": b"123"}, "n": 1}
    )
    assert event == {"password": "[hidden]", "nested": {"private_key": "[hidden]", "raw": "[hidden]"}, "n": 1}


def test_what_is_harmless_stays() -> None:
    text = "sqlite:////var/lib/keeper.db, 0x4200000000000000000000000000000000000006, https://docs.example/"
    assert redact(text) == text
    assert redact("see http://127.0.0.1:8545 now") == "see http://127.0.0.1:8545 now"
    assert redact(f"transaction {KEY}", keep_hashes=True) == f"transaction {KEY}"


def test_libraries_do_not_chatter(log: io.StringIO) -> None:
    logging.getLogger("web3.providers").debug("POST %s", CANARY)
    logging.getLogger("apscheduler.scheduler").warning("skipped")
    assert log.getvalue() == ""
