"""Proposals as files: no key, a nonce that people choose, and the chain's word on what they did."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from keeper.model.safe import SafeTx
from keeper.world.protocols import Call
from keeper.world.safe.builder_file import checksum
from keeper.world.safe.multisend import batch_of
from tests.faults.site import CHAIN_ID
from tests.faults.treasury import Treasury, make_treasury, whale_away
from tests.faults.treasury_keeper import Keeper
from tests.policy.desk import Warm
from tests.safe.transaction_service import TransactionService

NOTHING = {0}


@pytest.fixture
def treasury(world: Warm, service: TransactionService, tmp_path: Path) -> Treasury:
    made = make_treasury(world, tmp_path / "files", service, mode="proposal_file")
    (made.folder / "key.json").unlink()  # there is no key at all
    return made


@pytest.fixture
def keeper(treasury: Treasury) -> Iterator[Keeper]:
    with treasury.at_work() as one:
        yield one


def imported(treasury: Treasury, file: Path, nonce: int) -> SafeTx:
    """What the Builder makes of the file, on a nonce that people choose."""
    document = json.loads(file.read_text())
    assert document["chainId"] == str(CHAIN_ID) and document["meta"]["checksum"] == checksum(document)
    calls = [Call(each["to"], bytes.fromhex(each["data"][2:]), int(each["value"])) for each in document["transactions"]]
    to, value, data, operation = batch_of(calls, treasury.multisend())
    return SafeTx(CHAIN_ID, treasury.safe.lower(), to, value, data, operation, nonce)


def test_a_file_is_written_and_carried_out_by_hand_on_another_nonce(
    keeper: Keeper, treasury: Treasury, service: TransactionService
) -> None:
    outcome = keeper.cycle()
    assert outcome.kind == "pending"
    file, words = treasury.proposals_folder / "treasury-1.json", treasury.proposals_folder / "treasury-1.md"
    assert "token0" in words.read_text()
    treasury.rival(0)  # the owners do two other things first
    assert keeper.cycle().kind == "pending"
    treasury.rival(1)
    assert keeper.cycle().kind == "pending", "another nonce is not the end of a file"
    treasury.executes_it(imported(treasury, file, 2), 1, 2)
    assert keeper.cycle().kind == "done"
    done = keeper.act()
    assert (done.state, done.proposer, done.signature, done.nonce) == ("FINAL", "", None, 0)
    assert set(keeper.difference().values()) == NOTHING and service.asked == []
    whale_away(treasury)
    assert keeper.cycle().kind == "pending"
    newest = max(treasury.proposals_folder.glob("*.json"), key=lambda each: int(each.stem.rsplit("-", 1)[1]))
    treasury.executes_it(imported(treasury, newest, treasury.nonce()), 0, 2)
    assert keeper.cycle().kind == "done" and set(keeper.difference().values()) == NOTHING
    assert treasury.allowances() == NOTHING


def test_a_file_that_is_gone_or_edited_is_written_again(keeper: Keeper, treasury: Treasury) -> None:
    keeper.cycle()
    file = treasury.proposals_folder / "treasury-1.json"
    whole = file.read_text()
    file.unlink()
    keeper.cycle()
    assert json.loads(file.read_text())["transactions"] == json.loads(whole)["transactions"]
    edited = json.loads(whole)
    edited["transactions"][0]["to"] = "0x" + "99" * 20
    file.write_text(json.dumps(edited))
    keeper.cycle()
    assert json.loads(file.read_text())["transactions"] == json.loads(whole)["transactions"]
    stamp = file.stat().st_mtime_ns
    keeper.cycle()
    assert file.stat().st_mtime_ns == stamp, "what is as it should be is left alone"


def test_an_edited_file_that_was_executed_is_not_taken_for_ours(keeper: Keeper, treasury: Treasury) -> None:
    keeper.cycle()
    tx = imported(treasury, treasury.proposals_folder / "treasury-1.json", 0)
    deadline = keeper.act().deadline_timestamp
    later = tx.data.replace(deadline.to_bytes(32, "big"), (deadline + 1).to_bytes(32, "big"))
    assert later != tx.data
    treasury.executes_it(SafeTx(tx.chain_id, tx.safe, tx.to, 0, later, tx.operation, 0), 0, 1)
    assert keeper.cycle().kind == "pending" and keeper.act().state == "PROPOSED"


def test_a_file_expires_and_nothing_is_rejected(keeper: Keeper, treasury: Treasury) -> None:
    keeper.cycle()
    treasury.passes(86_400 + 60)
    assert keeper.cycle().kind == "failed"
    assert [(each.kind, each.state) for each in keeper.proposals()] == [("act", "EXPIRED")]
    assert keeper.cycle().kind == "pending" and len(keeper.proposals()) == 2


def test_the_execution_of_a_file_is_taken_back(keeper: Keeper, treasury: Treasury) -> None:
    keeper.cycle()
    tx = imported(treasury, treasury.proposals_folder / "treasury-1.json", 0)
    before = treasury.rpc("evm_snapshot")
    treasury.executes_it(tx, 0, 1)
    assert keeper.cycle().kind == "done"
    treasury.rpc("evm_revert", before)
    treasury.mine(2)
    assert keeper.cycle().kind == "pending" and keeper.journal.memory("treasury").held == ()
    treasury.executes_it(tx, 0, 1)
    assert keeper.cycle().kind == "held" and set(keeper.difference().values()) == NOTHING


def test_people_may_set_a_gas_limit_and_then_it_may_fail_inside(keeper: Keeper, treasury: Treasury) -> None:
    """Where the gas field is not zero a failure inside does not revert: the nonce is used, and nothing was done."""
    keeper.cycle()
    tx = replace(imported(treasury, treasury.proposals_folder / "treasury-1.json", 0), safe_tx_gas=500_000)
    whale_away(treasury, 3_000)  # out of the batch's own bounds
    treasury.executes_it(tx, 0, 1)
    outcome = keeper.cycle()
    assert outcome.kind == "failed" and "was executed, and failed inside the Safe" in outcome.reason
    assert keeper.journal.memory("treasury").held == () and set(keeper.difference().values()) == NOTHING
    assert treasury.nonce() == 1 and keeper.act().state == "FINAL"


def test_a_file_has_the_limits_of_a_signature(world: Warm, service: TransactionService, tmp_path: Path) -> None:
    """Nothing is signed here: what is put before people is held against the policy all the same."""
    bounds = {"max_swapped_quote_per_transaction": "1"}
    treasury = make_treasury(world, tmp_path / "bounded", service, mode="proposal_file", signing=bounds)
    with treasury.at_work() as keeper:
        outcome = keeper.cycle()
        assert outcome.kind == "failed" and "signing.max_swapped_quote_per_transaction" in outcome.reason
        assert keeper.proposals() == () and not treasury.proposals_folder.exists()


def test_a_file_counts_against_the_limits_of_the_day(keeper: Keeper, treasury: Treasury) -> None:
    keeper.cycle()
    with keeper.journal.reading() as query:
        ((counted,),) = query("SELECT debit_quote FROM proposals")
    assert int(counted) > 0
    del treasury
