"""Row 26: proposals that the journal has closed, or has never known, and that may be executed all the same."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from keeper.chainlab.calls import send
from keeper.errors import ConfigError, RpcError
from keeper.model.safe import SafeExecution, SafeState
from keeper.world.safe.contract import SafeReader
from keeper.world.safe.hashing import safe_tx_hash
from tests.faults.treasury import Treasury, make_treasury
from tests.faults.treasury_keeper import Keeper
from tests.policy.desk import Warm
from tests.safe.transaction_service import TransactionService

NOTHING = {0}


def copied(treasury: Treasury, name: str = "backup.db") -> Path:
    """The journal as a backup would hold it; nobody works on it."""
    return Path(shutil.copy(treasury.folder / "keeper.db", treasury.folder / name))


def restored(treasury: Treasury, backup: Path) -> None:
    for leftover in treasury.folder.glob("keeper.db*"):
        leftover.unlink()
    shutil.copy(backup, treasury.folder / "keeper.db")


def test_26_a_file_that_was_taken_back_is_executed_hours_later(
    world: Warm, service: TransactionService, tmp_path: Path
) -> None:
    """Nothing keeps people from importing it until its deadline: until then it is looked for."""
    treasury = make_treasury(world, tmp_path / "files", service, mode="proposal_file")
    with treasury.at_work() as keeper:
        keeper.cycle()
        file = keeper.act().transaction
        keeper.journal.set_state("treasury", "exiting", "asked", 0)
        outcome = keeper.cycle()
        assert outcome.kind == "failed" and "taken back" in outcome.reason
        treasury.mine(140)
        keeper.cycle()
        treasury.executes_it(replace(file, nonce=treasury.nonce()), 0, 1)
        keeper.cycle()
        found = next(each for each in keeper.proposals() if each.hash == "0x" + safe_tx_hash(file).hex())
        assert found.state == "FINAL", "it is the strategy's, and no stranger's"
        assert set(keeper.difference().values()) == NOTHING


def test_26_a_node_that_lags_makes_a_proposal_of_a_used_nonce(
    keeper: Keeper, treasury: Treasury, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody can ever execute it: it must come to an end, and not stand in the way of what follows."""
    treasury.rival(0)
    treasury.mine(3)
    really = SafeReader.state

    def lagging(self: SafeReader, block_hash: str) -> SafeState:
        return replace(really(self, block_hash), nonce=0)

    monkeypatch.setattr(SafeReader, "state", lagging)
    keeper.cycle()
    monkeypatch.undo()
    keeper.cycle()
    treasury.passes(86_400 + 60)
    keeper.cycle()
    assert keeper.carried_out().kind == "done"


def test_26_the_journal_is_an_older_copy(treasury: Treasury) -> None:
    """The service shows a proposal of this very keeper that the journal has never known: never both."""
    with treasury.at_work():
        pass
    backup = copied(treasury)
    with treasury.at_work() as keeper:
        first = keeper.proposed()
    restored(treasury, backup)
    treasury.mine(2)
    with treasury.at_work() as keeper:
        second = keeper.proposed()
        assert second.hash != first.hash and second.nonce == first.nonce, "only one of the two can be executed"
        treasury.executes_it(first.transaction, 0, 1)
        assert keeper.cycle().kind == "failed"
        outcome = keeper.cycle()
        assert outcome.kind == "held", "the position that nobody knows is not added to"


def test_26_another_safe_says_nothing_of_this_ones_nonces(
    treasury: Treasury, world: Warm, service: TransactionService, tmp_path: Path
) -> None:
    """An operator who changes safe.address while something waits is told so; put back, all goes on."""
    with treasury.at_work() as keeper:
        first = keeper.proposed()
    mine, other = treasury.safe, make_treasury(world, tmp_path / "other", service)
    treasury.executes_it(first.transaction, 0, 1)
    treasury.safe = other.safe
    for _ in range(2):
        with treasury.at_work() as keeper, pytest.raises(ConfigError, match="is not settled, and the strategy now has"):
            keeper.cycle()
    treasury.safe = mine
    with treasury.at_work() as keeper:
        assert keeper.cycle().kind == "done" and set(keeper.difference().values()) == NOTHING


def test_26_an_expired_one_of_another_safe_is_left_alone(
    treasury: Treasury, world: Warm, service: TransactionService, tmp_path: Path
) -> None:
    with treasury.at_work() as keeper:
        keeper.proposed()
        treasury.passes(86_400 + 60)
        keeper.cycle()
    other = make_treasury(world, tmp_path / "other", service)
    treasury.safe = other.safe
    treasury.delegates()
    treasury.rival(0)
    with treasury.at_work() as keeper:
        keeper.cycle()
        assert [each.state for each in keeper.proposals()][:2] == ["EXPIRED", "PROPOSED"]


def test_26_logs_that_no_receipt_holds(keeper: Keeper, treasury: Treasury, monkeypatch: pytest.MonkeyPatch) -> None:
    """A node that makes an execution up, and shows a real transaction for it."""
    proposal = keeper.proposed()
    receipt = send(treasury.warm.anvil.rpc, str(treasury.rpc("eth_accounts")[5]), treasury.safe, "0x")
    number, block = int(receipt["blockNumber"], 16), receipt["blockHash"]
    forged = SafeExecution(proposal.hash, True, receipt["transactionHash"], number, block, 0)
    really = SafeReader.state
    monkeypatch.setattr(SafeReader, "state", lambda self, at: replace(really(self, at), nonce=1))
    monkeypatch.setattr(SafeReader, "executions", lambda *_: (forged,))
    with pytest.raises(RpcError, match="does not hold what its logs told of"):
        keeper.cycle()
    assert keeper.act().state == "PROPOSED"


def test_26_executed_after_the_exit_it_is_told_and_taken_out_again(keeper: Keeper, treasury: Treasury) -> None:
    """Owners sign what was taken back, before its deadline: nobody is left to think that everything is out."""
    entering = keeper.proposed()
    keeper.journal.set_state("treasury", "exiting", "asked", 0)
    assert "taken back" in str(keeper.cycle())
    treasury.mine()
    assert keeper.cycle().kind == "held" and keeper.runner.state() == "exited"
    treasury.executes_it(entering.transaction, 0, 1)
    leaving = keeper.proposed()
    assert leaving.id > entering.id and len(keeper.journal.memory("treasury").held) == 1
    assert keeper.runner.state() == "exiting" and set(keeper.difference().values()) == NOTHING
    assert any(kind == "executed_late" and entering.hash in message for kind, message in keeper.events())
    treasury.executes_it(leaving.transaction, 0, 1)
    assert keeper.cycle().kind == "done" and keeper.journal.memory("treasury").held == ()
    assert keeper.runner.state() == "exited" and set(keeper.difference().values()) == NOTHING


def test_26_logs_that_come_later_than_the_state(
    keeper: Keeper, treasury: Treasury, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node that counts the execution and does not show it yet: the one before it is not taken for it."""
    treasury.queue_of_others(0)
    proposal = keeper.proposed()
    assert proposal.nonce == 1
    treasury.rival(0)
    treasury.executes_it(proposal.transaction, 0, 1)
    really = SafeReader.executions
    monkeypatch.setattr(SafeReader, "executions", lambda self, first, last: really(self, first, last - 1))
    outcome = keeper.cycle()
    assert outcome.kind == "pending" and "does not show yet by what" in outcome.note
    monkeypatch.undo()
    assert keeper.cycle().kind == "done" and set(keeper.difference().values()) == NOTHING
