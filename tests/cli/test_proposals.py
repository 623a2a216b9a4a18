"""``keeper proposals`` and what ``keeper status`` says of them: how far, what for, and how to check the hash."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from eth_utils.crypto import keccak

from keeper.commands import _proposal_lines
from keeper.known_safe_services import SHORT_NAMES
from keeper.model.plan import singles
from keeper.report import describe, step_in_words, when
from keeper.world.journal import proposal_queries
from keeper.world.journal.proposal_queries import ExecutorGas
from keeper.world.journal.reading import read_journal
from keeper.world.safe.hashing import safe_tx_hash
from tests.cli.proposed import ACT, SAFE, Proposed, proposed, rejecting
from tests.cli.shell import Keeper
from tests.policy.world import NOW

LIFETIME = 600


@pytest.fixture(name="made")
def make_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Proposed:
    """The clock stands at the decision's block."""
    monkeypatch.setattr("keeper.commands.proposals.time.time", lambda: float(NOW))
    return proposed(tmp_path)


def shown(keeper: Keeper, made: Proposed, *arguments: str) -> str:
    answer = keeper("proposals", *arguments, "--journal", str(made.file))
    assert (answer.code, answer.err) == (0, "")
    return answer.out


def test_an_open_one_says_how_far_it_is_and_what_it_does(keeper: Keeper, made: Proposed) -> None:
    text = shown(keeper, made)
    assert "proposal 1: test: rebalance, " in text
    assert "PROPOSED, 1 of 2 signatures, 10 min left" in text
    assert "nonce 7" in text and "0x" + safe_tx_hash(ACT).hex() in text and "decision 1 " in text
    assert f"deadline {when(NOW + LIFETIME)}" in text
    for step in singles(made.decision.plan.next_steps):
        assert step_in_words(step, made.decision.observation) in text
    assert "the Safe's USDC: -10" in text and "over 3 days" in text and "paid by whoever executes it" in text
    assert "found at the Safe Transaction Service" in text and "Check it yourself" not in text


def test_a_deadline_that_has_passed_is_said(keeper: Keeper, made: Proposed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keeper.commands.proposals.time.time", lambda: float(NOW + LIFETIME + 300))
    assert "void for 5 min" in shown(keeper, made)
    monkeypatch.setattr("keeper.commands.proposals.time.time", lambda: float(NOW - 86_400))
    assert "10 min left" in shown(keeper, made), "the chain knew better when it was signed"


@pytest.mark.parametrize("reference", ["1", "0x" + safe_tx_hash(ACT).hex(), "0x" + safe_tx_hash(ACT).hex()[:6].upper()])
def test_one_in_full_shows_everything_that_is_signed(keeper: Keeper, made: Proposed, reference: str) -> None:
    text = shown(keeper, made, reference)
    fields = dict(re.findall(r"^      (\w+): (.+)$", text, re.MULTILINE))
    assert fields["data"] == "0x" + ACT.data.hex() and fields["operation"] == "1" and fields["nonce"] == "7"
    assert fields["to"].lower() == ACT.to and fields["safeTxGas"] == fields["gasPrice"] == "0"
    assert fields["domain"].lower() == f"chainid 31337, verifyingcontract {SAFE}"
    hashes = [
        bytes.fromhex(each) for each in re.findall(r"hash +0x([0-9a-f]{64})$", text, re.MULTILINE | re.IGNORECASE)
    ]
    assert keccak(b"\x19\x01" + hashes[-3] + hashes[-2]) == hashes[-1] == safe_tx_hash(ACT)
    assert "cast call" in text and f" 0x{ACT.data.hex()} 1 0 0 0 " in text
    assert "Why" in text and "Bounds" in text and "NOT THE HASH" not in text


def test_a_journal_that_was_changed_is_not_what_was_signed(keeper: Keeper, made: Proposed) -> None:
    made.run("UPDATE proposals SET body = CAST(replace(CAST(body AS TEXT), '\"nonce\":7', '\"nonce\":8') AS BLOB)")
    assert "NOT THE HASH OF THE JOURNAL" in shown(keeper, made, "1")
    made.change(body=b"{}")
    answer = keeper("proposals", "1", "--journal", str(made.file))
    assert answer.code == 4 and "damaged" in answer.err
    made.change(body=b"\xff")
    assert keeper("proposals", "--journal", str(made.file)).code == 4


@pytest.mark.parametrize(("reference", "said"), [("2", "no proposal"), ("0xabcdef", "no proposal"), ("0x1", "neither"),
                                                  ("first", "neither")])  # fmt: skip
def test_what_is_not_there_is_refused(keeper: Keeper, made: Proposed, reference: str, said: str) -> None:
    answer = keeper("proposals", reference, "--journal", str(made.file))
    assert answer.code == 2 and said in answer.err


def test_closed_ones_come_after_and_only_when_asked(keeper: Keeper, made: Proposed) -> None:
    made.change(state="EXPIRED", note="the owners did not sign")
    assert "no proposal is open; --all shows closed ones" in shown(keeper, made)
    made.add(rejecting(ACT), state="READY", confirmations=2)
    both = shown(keeper, made, "--all")
    assert both.index("reject what expired at nonce 7") < both.index("EXPIRED: not executed before its deadline")
    assert "note: the owners did not sign" in both and both.count("What it does") == 1
    assert "nothing but use up nonce 7" in both and "READY, 2 of 2 signatures: " in both
    assert "no deadline; decision 1" in both, "a rejection can be executed at any time"


def test_an_executed_one_names_its_transaction_and_what_the_executor_paid(keeper: Keeper, made: Proposed) -> None:
    made.change(
        state="FINAL", transaction_hash="0x" + "ab" * 32, block_number=9, block_timestamp=NOW, gas_wei="3" + 14 * "0"
    )
    text = shown(keeper, made, "--all")
    assert "executed in 0xabab" in text and "block 9" in text
    assert "paid 0.0003 native coin for gas: not the Safe's money" in text and "left" not in text


def test_json_holds_the_same_for_machines(keeper: Keeper, made: Proposed) -> None:
    (entry,) = keeper("proposals", "--json", "--journal", str(made.file)).json["proposals"]
    assert (entry["state"], entry["confirmations"], entry["threshold"], entry["is_open"]) == ("PROPOSED", 1, 2, True)
    assert entry["seconds_left"] == LIFETIME and entry["hash"] == "0x" + safe_tx_hash(ACT).hex()
    title, text = describe(made.decision, 1, "the Safe's USDC: -10", horizon_days=3)
    assert title.startswith(entry["title"]) and all(line in text for lines in entry["words"].values() for line in lines)
    assert "typed_data" not in entry
    full = keeper("proposals", "1", "--json", "--journal", str(made.file)).json
    assert full["typed_data"]["message"]["data"] == "0x" + ACT.data.hex() and full["id"] == 1


def test_only_the_strategy_that_is_named(keeper: Keeper, made: Proposed) -> None:
    assert "proposal 1" in shown(keeper, made, "--strategy", "test")
    answer = keeper("proposals", "--strategy", "tset", "--journal", str(made.file))
    assert answer.code == 2 and "test" in answer.err


def test_the_web_app_is_named_only_where_it_shows_the_proposal(keeper: Keeper, made: Proposed) -> None:
    assert "app.safe.global" not in shown(keeper, made), "nobody's app knows the local chain"
    made.change(chain_id=137)
    assert "https://app.safe.global/transactions/queue?safe=matic:0x3333333" in shown(keeper, made)
    made.change(place="proposals/test-1.json")
    assert "app.safe.global" not in shown(keeper, made)
    made.change(place="https://api.safe.global", state="FINAL")
    assert "app.safe.global" not in shown(keeper, made, "--all")


def test_the_app_knows_every_chain_whose_service_is_known() -> None:
    assert _proposal_lines._APP_NAMES.keys() == SHORT_NAMES.keys()


def test_symbols_of_tokens_cannot_steer_the_terminal(keeper: Keeper, made: Proposed) -> None:
    made.change(note="\x1b[2Jcleared", report="\u202eturned")
    text = shown(keeper, made)
    assert "\x1b" not in text and "\u202e" not in text and "cleared" in text


def test_status_shows_what_waits_for_owners_and_whose_money_it_is(
    keeper: Keeper, made: Proposed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("keeper.commands.status.time.time", lambda: float(NOW))
    text = keeper("status", "--journal", str(made.file)).out
    assert f"owner of test: the Safe {SAFE}" in text
    assert "proposed: test: rebalance, 48,856.5 AAA, Safe nonce 7, PROPOSED, 1 of 2 signatures, 10 min left" in text
    assert "(`keeper proposals 1`)" in text
    document = keeper("status", "--json", "--journal", str(made.file)).json
    (entry,) = document["proposals"]
    assert (entry["nonce"], entry["confirmations"], entry["seconds_left"]) == (7, 1, LIFETIME)
    assert (document["strategies"][0]["owner"], document["strategies"][0]["account"]) == (SAFE, "safe")
    made.change(state="FINAL")
    assert "proposed" not in keeper("status", "--journal", str(made.file)).out


def test_a_halt_for_a_changed_safe_says_what_changed(keeper: Keeper, made: Proposed) -> None:
    made.run("UPDATE strategies SET state = 'halted', reason = ?", "the threshold of the Safe was 2 and is 1")
    text = keeper("status", "--journal", str(made.file)).out
    assert "\ntest is HALTED: the threshold of the Safe was 2 and is 1\n" in text


def test_history_names_the_transaction_that_others_sent(keeper: Keeper, made: Proposed) -> None:
    made.change(state="FINAL", transaction_hash="0x" + "ab" * 32, block_number=9, block_timestamp=NOW, gas_wei="30")
    made.add(rejecting(ACT), state="REJECTED", transaction_hash="0x" + "cd" * 32)
    shown_json = keeper("history", "--json", "--journal", str(made.file)).json
    assert [act["transactions"] for act in shown_json["acts"]] == [["0x" + "ab" * 32]]
    assert "0x" + "ab" * 32 in keeper("history", "--journal", str(made.file)).out
    with read_journal(f"sqlite:///{made.file}") as query:
        paid = proposal_queries.executor_gas(query, 31337, SAFE.upper().replace("0X", "0x"))
        assert paid == (ExecutorGas("0x" + "ab" * 32, 30, 9, NOW),)
        assert proposal_queries.executor_gas(query, 1, SAFE) == ()
    made.change(state="REPLACED")
    with read_journal(f"sqlite:///{made.file}") as query:
        assert proposal_queries.executor_gas(query, 31337, SAFE) == (), "what others did is not for this proposal"


def test_no_proposal_yet(keeper: Keeper, journal: Path) -> None:
    assert keeper("proposals", "--all", "--journal", str(journal)).out == "no proposal yet\n"
    assert keeper("proposals", "--json", "--journal", str(journal)).json == {"proposals": []}
