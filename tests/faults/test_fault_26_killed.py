"""Row 26: the keeper dies between signing, posting and writing down; the chain takes an execution back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from keeper.world.journal.proposals import ProposalLog
from keeper.world.safe.boards import ServiceBoard
from tests.faults.treasury import Keeper, Treasury, whale_away

NOTHING = {0}


class Killed(BaseException):
    """As SIGKILL: nothing may catch it, nothing runs after it."""


def dies(monkeypatch: pytest.MonkeyPatch, where: Any, name: str, *, after: bool) -> Callable[[], None]:
    """From now on the process dies before or after that call; returns what undoes it."""
    really = getattr(where, name)

    def deadly(*arguments: Any, **named: Any) -> Any:
        if after:
            really(*arguments, **named)
        raise Killed

    monkeypatch.setattr(where, name, deadly)
    return monkeypatch.undo


POINTS = {
    "before it is written down": (ProposalLog, "record_hashed", False),
    "after it is written down": (ProposalLog, "record_hashed", True),
    "before it is posted": (ServiceBoard, "post", False),
    "after it is posted": (ServiceBoard, "post", True),
    "before the posting is written down": (ProposalLog, "record_posted", False),
    "after the posting is written down": (ProposalLog, "record_posted", True),
}


@pytest.mark.parametrize("point", POINTS)
def test_26_killed_while_proposing(treasury: Treasury, monkeypatch: pytest.MonkeyPatch, point: str) -> None:
    where, name, after = POINTS[point]
    alive = dies(monkeypatch, where, name, after=after)
    with treasury.at_work() as keeper, pytest.raises(Killed):
        keeper.cycle()
    alive()
    with treasury.at_work() as keeper:
        before = keeper.proposals()
        assert len(before) == (0 if point == "before it is written down" else 1)
        if before:  # never a byte at the service that the journal does not hold
            assert set(treasury.service.board.proposals) <= {before[0].hash}
        assert keeper.cycle().kind == "pending"
        (found,) = keeper.proposals()
        assert not before or (found.hash, found.signature) == (before[0].hash, before[0].signature)
        assert set(treasury.service.board.proposals) == {found.hash}
        treasury.executes_it(found.transaction, 0, 1)
        assert keeper.cycle().kind == "done" and set(keeper.difference().values()) == NOTHING


END_POINTS = {
    "before the end is booked": (ProposalLog, "record_final", False),
    "after the end is booked": (ProposalLog, "record_final", True),
}


@pytest.mark.parametrize("point", END_POINTS)
def test_26_killed_while_booking(treasury: Treasury, monkeypatch: pytest.MonkeyPatch, point: str) -> None:
    where, name, after = END_POINTS[point]
    with treasury.at_work() as keeper:
        found = keeper.proposed()
        treasury.executes_it(found.transaction, 0, 1)
        alive = dies(monkeypatch, where, name, after=after)
        with pytest.raises(Killed):
            keeper.cycle()
    alive()
    with treasury.at_work() as keeper:
        assert keeper.cycle().kind == "done"
        assert set(keeper.difference().values()) == NOTHING
        assert len(keeper.journal.memory("treasury").held) == 1


@pytest.mark.parametrize("name", ["record_hashed", "record_ended"])
def test_26_killed_while_it_expires(treasury: Treasury, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    with treasury.at_work() as keeper:
        keeper.proposed()
        treasury.passes(86_400 + 60)
        alive = dies(monkeypatch, ProposalLog, name, after=True)
        with pytest.raises(Killed):
            keeper.cycle()
    alive()
    with treasury.at_work() as keeper:
        assert keeper.cycle().kind == "failed"
        act, rejecting = keeper.proposals()
        assert act.state == "EXPIRED" and rejecting.kind == "rejection"
        keeper.cycle()
        assert keeper.proposals()[1].state == "PROPOSED"


def test_26_the_execution_is_taken_back_and_comes_again(keeper: Keeper, treasury: Treasury) -> None:
    proposal = keeper.proposed()
    before = treasury.rpc("evm_snapshot")
    treasury.executes_it(proposal.transaction, 0, 1)
    assert keeper.cycle().kind == "done"
    assert len(keeper.journal.memory("treasury").held) == 1
    treasury.rpc("evm_revert", before)
    treasury.mine(2)
    outcome = keeper.cycle()
    assert outcome.kind == "pending" and "owners have signed" in outcome.note
    assert keeper.act().state == "PROPOSED" and keeper.journal.memory("treasury").held == ()
    with keeper.journal.reading() as query:
        assert query("SELECT 1 FROM ledger WHERE kind <> 'deposit'") == []
    treasury.executes_it(proposal.transaction, 1, 2)
    assert keeper.cycle().kind == "held"
    assert keeper.act().state == "FINAL" and set(keeper.difference().values()) == NOTHING
    with keeper.journal.reading() as query:
        assert query("SELECT state FROM plans") == [("done",)]


def test_26_the_execution_is_taken_back_and_a_rival_comes(keeper: Keeper, treasury: Treasury) -> None:
    proposal = keeper.proposed()
    before = treasury.rpc("evm_snapshot")
    treasury.executes_it(proposal.transaction, 0, 1)
    keeper.cycle()
    treasury.rpc("evm_revert", before)
    treasury.rival(proposal.nonce)
    treasury.mine(2)
    keeper.cycle()
    assert keeper.proposals()[0].state == "REPLACED"
    with keeper.journal.reading() as query:
        assert query("SELECT state FROM plans ORDER BY id")[0] == ("failed",)
    assert keeper.journal.memory("treasury").held == ()


def test_26_a_rival_is_taken_back_and_ours_comes(keeper: Keeper, treasury: Treasury) -> None:
    proposal = keeper.proposed()
    before = treasury.rpc("evm_snapshot")
    treasury.rival(proposal.nonce)
    assert keeper.cycle().kind == "failed"
    treasury.rpc("evm_revert", before)
    treasury.executes_it(proposal.transaction, 0, 1)
    treasury.mine(2)
    keeper.cycle()
    assert keeper.proposals()[0].state == "FINAL" and len(keeper.journal.memory("treasury").held) == 1
    assert set(keeper.difference().values()) == NOTHING


def test_26_in_another_block_it_is_booked_there(treasury: Treasury) -> None:
    treasury.confirmations = 3
    with treasury.at_work() as keeper:
        proposal = keeper.proposed()
        before = treasury.rpc("evm_snapshot")
        treasury.executes_it(proposal.transaction, 0, 1)
        assert keeper.cycle().kind == "pending" and keeper.act().state == "EXECUTED"
        first = keeper.act().block_hash
        treasury.rpc("evm_revert", before)
        treasury.mine()
        outcome = keeper.cycle()
        assert outcome.kind == "pending" and keeper.act().state == "PROPOSED" and keeper.act().block_hash is None
        treasury.executes_it(proposal.transaction, 0, 1)
        treasury.mine(2)
        assert keeper.cycle().kind == "done"
        assert keeper.act().block_hash not in (None, first)


def test_26_a_rebalance_is_taken_back(keeper: Keeper, treasury: Treasury) -> None:
    assert keeper.carried_out().kind == "done"
    whale_away(treasury)
    proposal = keeper.proposed()
    held = keeper.journal.memory("treasury").held
    before = treasury.rpc("evm_snapshot")
    treasury.executes_it(proposal.transaction, 0, 1)
    assert keeper.cycle().kind == "done" and keeper.journal.memory("treasury").held != held
    treasury.rpc("evm_revert", before)
    treasury.mine(2)
    assert keeper.cycle().kind == "pending" and keeper.journal.memory("treasury").held == held
    treasury.executes_it(proposal.transaction, 0, 1)
    keeper.cycle()
    assert set(keeper.difference().values()) == NOTHING and keeper.act().state == "FINAL"
