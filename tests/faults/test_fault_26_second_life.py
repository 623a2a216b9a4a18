"""Row 26: proposals that the journal has closed, or has never known, and that may be executed all the same."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from keeper.errors import KeeperError, RpcError, TransientError
from keeper.model.safe import SafeState
from keeper.world.chain.node import HttpNode
from keeper.world.safe.contract import SafeReader
from tests.faults.site import CHAIN_ID
from tests.faults.treasury import Keeper, Treasury, make_treasury, whale_away
from tests.policy.desk import Warm
from tests.safe import transaction_service as faults
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
        found = next(each for each in keeper.proposals() if each.hash == "0x" + file_hash(file))
        assert found.state == "FINAL", "it is the strategy's, and no stranger's"
        assert set(keeper.difference().values()) == NOTHING


def file_hash(tx: Any) -> str:
    from keeper.world.safe.hashing import safe_tx_hash

    return safe_tx_hash(tx).hex()


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
